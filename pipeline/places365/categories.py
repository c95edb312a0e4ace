"""The 365 categories of Places365, and how the names in its archives tell them.

categories_places365.txt and IO_places365.txt are the official lists as they are (MIT, see
LICENSE.txt beside them).
"""

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent


@cache
def categories() -> tuple[str, ...]:
    """The names such as `f/forest/broadleaf`; the place in the tuple is the official number."""
    lines = (FOLDER / "categories_places365.txt").read_text().splitlines()
    return tuple(line.split()[0].removeprefix("/") for line in lines)


@cache
def outdoor() -> frozenset[str]:
    """The categories that the official list calls outdoor; the others are indoor."""
    lines = (FOLDER / "IO_places365.txt").read_text().splitlines()
    return frozenset(name.removeprefix("/") for name, kind in map(str.split, lines) if kind == "2")


@cache
def by_folder() -> dict[str, str]:
    """Category by the folder's path below the part: as in the lists, and as in the easy format.

    The easy format has neither the letter nor levels: `forest-broadleaf`.
    """
    flat = {name.partition("/")[2].replace("/", "-"): name for name in categories()}
    return flat | {name: name for name in categories()}


def read_labels(path: Path) -> dict[str, str]:
    """File name -> category of an official list (`Places365_val_00000001.jpg 165` a line).

    A number outside the list stays as it is, for `index` to count. Raises ValueError.
    """
    labels: dict[str, str] = {}
    try:
        text = path.read_text("utf-8-sig")  # a mark before the first name is none of its letters
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: {error}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if len(words) != 2:
            raise ValueError(f"{path} line {number} is {line!r}, but must be a name and a number")
        name, label = words[0].rpartition("/")[2], _category(words[1])
        if labels.setdefault(name, label) != label:
            raise ValueError(f"{path} line {number} calls {name} {label}, before {labels[name]}")
    return labels


def _category(number: str) -> str:
    known = number.isascii() and number.isdigit() and int(number) < len(categories())
    return categories()[int(number)] if known else number
