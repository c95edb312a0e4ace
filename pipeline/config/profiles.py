"""Ready params.yaml files: profile_files/sample.yaml is whole, another holds what differs."""

import difflib
import io
import re
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.params.section import PARAMS_PATH, closest
from pipeline.runtime.scratch import work_dir

FOLDER = Path(__file__).parent / "profile_files"
BASE = "sample"
WIDTH = 100  # characters a line
# A list in brackets, a text in quotes, or what stands before a comment.
OLD_VALUE = re.compile(r"\[[^]]*\]|\"[^\"\n]*\"|[^#\n]*[^#\s]")


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def render(name: str) -> str:
    """The profile's params.yaml as text, the comments of the base kept."""
    if name not in names():
        raise ValueError(f"there is no profile {name!r}{closest(name, names())}")
    text = (FOLDER / f"{BASE}.yaml").read_text()
    if name == BASE:
        return text
    changes = YAML(typ="safe").load(FOLDER / f"{name}.yaml")
    for keys, value in _leaves(changes):
        text = _with_value(text, keys, value)
    return text


def _leaves(changes: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[Any, Any]]:
    """The keys that lead to each value, and the value."""
    for name, change in changes.items():
        if isinstance(change, dict):
            yield from _leaves(change, (*above, name))
        else:
            yield (*above, name), change


def _with_value(text: str, keys: tuple[str, ...], value: Any) -> str:
    """`text` with another value at `keys`; no other line, and no comment, is touched."""
    *parents, last = keys
    section = YAML().load(text)
    for name in parents:
        section = section[name]
    assert last in section, f"the profile sets {'.'.join(keys)}, which the base lacks"
    row, column = section.lc.value(last)
    lines = text.splitlines(keepends=True)
    start = sum(map(len, lines[:row])) + column
    # A list in brackets may go over several lines; another value ends where its comment begins.
    end = OLD_VALUE.match(text, start)
    assert end is not None
    stream = io.StringIO()
    dumper = YAML(typ="safe", pure=True)
    dumper.default_flow_style = True
    dumper.width = 10**6
    dumper.dump(value, stream)
    new = stream.getvalue().removesuffix("...\n").strip()
    indent = " " * (2 * len(keys))
    first, *rest = textwrap.wrap(" " * column + new, WIDTH, subsequent_indent=indent)
    return text[:start] + "\n".join([first[column:], *rest]) + text[end.end() :]


def use_profile(name: str) -> str:
    """Writes params.yaml; returns the difference. The old file is kept in the scratch folder."""
    new = render(name)
    old = PARAMS_PATH.read_text() if PARAMS_PATH.is_file() else ""
    if new == old:
        return f"params.yaml is the profile {name} already"
    kept = ""
    if old:
        backup = work_dir() / "params-before-use.yaml"
        backup.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PARAMS_PATH, backup)
        kept = f"\nthe former params.yaml is kept as {backup}"
    PARAMS_PATH.write_text(new)
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "before", name, lineterm="")
    return "\n".join(lines) + kept
