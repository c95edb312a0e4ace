"""One photo's way through all stages, as text and as an image.

Reads a row here and there, never the whole archive; works wherever the line has come to.
"""

import difflib
import io
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as compute
from PIL import Image, ImageOps

from pipeline.params.crop import CropParams
from pipeline.params.section import PARAMS_PATH, load
from pipeline.people_filter.contact_sheet import draw_boxes
from pipeline.photos import photo_tables
from pipeline.photos.decoding import BrokenPhotoError, decode
from pipeline.photos.headers import members
from pipeline.photos.keys import shuffle_numbers
from pipeline.photos.photo_bytes import read_at, read_photo_at
from pipeline.runtime.photo_archive import has_photos, noted_archive
from pipeline.sources.folder.source import NO_CATEGORY

MODEL = "model"  # in the evaluation's table
SIDE = 256  # px, of each image in the strip
MAX_BOXES = 10  # in the text
MAX_MATCHES = 12
NEIGHBOURS = 50  # of a mistyped name in the sorted names, among which the closest are looked for


class Story(NamedTuple):
    """`lines` to print; `picture` to look at, or None where the photo cannot be decoded."""

    key: str
    lines: list[str]
    picture: Image.Image | None


class _Sample(NamedTuple):
    """A sample of the final shards and where it stands."""

    shard: Path
    offset: int
    fields: dict[str, bytes]

    @property
    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(self.fields["json"])
        return facts

    def picture(self, field: str) -> Image.Image:
        return Image.open(io.BytesIO(self.fields[field])).convert("RGB")


def tell(name: str, data: Path) -> Story:
    """The story of the photo with this key, path in the archive, or file name where it is unique.

    Raises ValueError where there is no such photo, with the closest names.
    """
    photo = find(name, data / "index" / "index.parquet")
    person = _row(data / "detect_people" / "people.parquet", photo["key"])
    sample = find_sample(photo["key"], data)
    lines = [
        f"{'key':19}{photo['key']}",
        *_section("index", _index_lines(photo)),
        *_section("filter_categories", _selection_lines(photo, data)),
        *_section("detect_people", _people_lines(person, photo, data)),
        *_section("filter_people", _verdict_lines(photo["key"], data)),
        *_section("downscale", _downscale_lines(photo["key"], data)),
        *_section("crop", _crop_lines(sample, photo["key"], data)),
        *_section("evaluate", _evaluate_lines(photo["key"], data)),
    ]
    return Story(photo["key"], list(map(one_line, lines)), _picture(photo, person, sample, data))


def one_line(text: str) -> str:
    """`text` for a terminal: folders' names may hold line breaks, or what steers a terminal."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def find(name: str, index: Path) -> dict[str, Any]:
    """The row of the index."""
    if not index.is_file():
        raise ValueError(f"{index} is missing: run `dvc repro index` first")
    for column in ("key", "path"):
        row = _row(index, name, column)
        if row:
            return row
    paths = photo_tables.arrow_table(index, columns=["path"])["path"]
    endings = [name]
    is_file = Path(name).is_file()
    if is_file:
        # In the archive the path of a file of the user's begins otherwise, and ends alike.
        parts = Path(name).parts
        endings += ["/".join(parts[place:]) for place in range(1, len(parts) - 1)]
        endings.append(f"{NO_CATEGORY}/{parts[-1]}")
    found = (paths.filter(compute.ends_with(paths, f"/{each}")).to_pylist() for each in endings)
    matches: list[str] = next(filter(None, found), [])
    if is_file and not matches:
        raise ValueError(
            f"{name} is a file, but none of the photos: hidden files, and formats that are not in "
            "params.yaml index.formats, are left out; a new one is seen by the next `dvc repro`"
        )
    if len(matches) == 1:
        row = _row(index, matches[0], "path")
        assert row is not None
        return row
    if matches:
        shown = "\n".join(f"  {path}" for path in matches[:MAX_MATCHES])
        more = f"\n  and {len(matches) - MAX_MATCHES:,} more" if len(matches) > MAX_MATCHES else ""
        raise ValueError(
            f"{len(matches):,} photos are called {name!r}: name one of them by its path\n"
            f"{shown}{more}"
        )
    near = _closest(name, index)
    raise ValueError(
        f"{name!r} is no key, path or file name of {index}; the closest:\n"
        + "\n".join(f"  {each}" for each in near)
    )


def _closest(name: str, index: Path) -> list[str]:
    """Keys and paths like `name`: of those that begin as it does, since all would take minutes."""
    table = photo_tables.arrow_table(index, columns=["key", "path"])
    candidates: list[str] = []
    for column in ("key", "path"):
        names = sorted(table[column].to_pylist())
        place = bisect_left(names, name)
        candidates += names[max(place - NEIGHBOURS, 0) : place + NEIGHBOURS]
    ends = {path.rpartition("/")[2]: path for path in table["path"].to_pylist()}
    sorted_ends = sorted(ends)
    place = bisect_left(sorted_ends, name.rpartition("/")[2])
    near_ends = sorted_ends[max(place - NEIGHBOURS, 0) : place + NEIGHBOURS]
    candidates += [ends[end] for end in near_ends]
    return difflib.get_close_matches(name, candidates, n=3, cutoff=0.0)


def _row(path: Path, value: str, column: str = "key") -> dict[str, Any] | None:
    """The first row whose `column` is `value`; None where there is none, or no table yet."""
    if not path.is_file():
        return None
    rows = photo_tables.arrow_table(path, filters=[(column, "==", value)]).slice(0, 1).to_pylist()
    return rows[0] if rows else None


def _section(stage: str, lines: Iterator[str]) -> Iterator[str]:
    """`lines` behind the stage's name."""
    for number, line in enumerate(lines):
        yield f"{stage if number == 0 else '':19}{line}"


def _not_run(stage: str) -> str:
    return f"has not run yet (`dvc repro {stage}`)"


def _index_lines(photo: dict[str, Any]) -> Iterator[str]:
    yield f"{photo['path']}, category {photo['category']}"
    yield f"{photo['size']:,} bytes from byte {photo['offset']:,} of the archive"


def _selection_lines(photo: dict[str, Any], data: Path) -> Iterator[str]:
    path = data / "filter_categories" / "selected.parquet"
    if not path.is_file():
        yield _not_run("filter_categories")
    elif _row(path, photo["key"]):
        yield f"{photo['category']} is one of the chosen categories"
    else:
        yield f"left out: {photo['category']} is none of the chosen categories"


def _people_lines(
    person: dict[str, Any] | None, photo: dict[str, Any], data: Path
) -> Iterator[str]:
    if person is None:
        is_there = (data / "detect_people" / "people.parquet").is_file()
        yield "not looked at" if is_there else _not_run("detect_people")
        return
    yield f"sha256 {person['sha256']}"
    if person["status"] != "ok":
        yield f"{person['status'].replace('_', ' ')}: {person['error']}"
    if not person["height"]:
        return
    yield (
        f"{person['width']}x{person['height']} px, perceptual hash {person['perceptual_hash']}, "
        f"{len(person['scores'])} person boxes"
    )
    boxes = np.reshape(person["boxes"], (-1, 4))
    for score, (top, left, height, width) in list(zip(person["scores"], boxes, strict=True))[
        :MAX_BOXES
    ]:
        share = height * width / (person["height"] * person["width"])
        yield (
            f"  score {score:.4f}, top {top:.0f}, left {left:.0f}, height {height:.0f}, "
            f"width {width:.0f}: {share:.2%} of the photo"
        )
    if len(boxes) > MAX_BOXES:
        yield f"  and {len(boxes) - MAX_BOXES} with lower scores"


REASONS: dict[str, Callable[[dict[str, Any]], str]] = {
    "kept": lambda row: f"kept; best score of a box that is large enough {row['person_score']:.4f}",
    "person": lambda row: (
        f"dropped: a person, score {row['person_score']:.4f} (with filter_people.large_box_bonus)"
    ),
    "exact_copy": lambda row: f"dropped: has the same bytes as {row['copy_of']}",
    "near_copy": lambda row: f"dropped: a near copy of {row['copy_of']}",
    "broken": lambda row: "dropped: cannot be decoded",
    "unreadable_mode": lambda row: "dropped: what its values mean is not known",
    "damaged": lambda row: "dropped: it decodes with a warning only (filter_people.damaged)",
    "transparent": lambda row: "dropped: it has transparent parts (filter_people.transparency)",
    "flat": lambda row: "dropped: nearly of one colour (filter_people.min_contrast)",
    "other_category": lambda row: "left out: of another category",
}


def _verdict_lines(key: str, data: Path) -> Iterator[str]:
    folder = data / "filter_people"
    row = _row(folder / "verdicts.parquet", key)
    if row is None:
        yield _not_run("filter_people")
        return
    yield REASONS[row["verdict"]](row)
    copies = _keys(folder / "verdicts.parquet", "copy_of", key)
    if copies:
        yield f"its exact copies are dropped: {_some(copies)}"
    if row["verdict"] != "kept":
        return
    group = _keys(folder / "verdicts.parquet", "group", row["group"])
    others = [other for other in group if other != key]
    if others:
        yield f"near copies, in the same split: {_some(others)}"
    split = _row(folder / "splits.parquet", key)
    assert split is not None
    yield f"split {split['split']}"
    yield from _leak_lines(key, folder / "leaks.parquet")


def _keys(path: Path, column: str, value: str) -> list[str]:
    found: list[str] = photo_tables.arrow_table(
        path, columns=["key"], filters=[(column, "==", value)]
    )["key"].to_pylist()
    return found


def _some(keys: list[str]) -> str:
    more = f" and {len(keys) - MAX_MATCHES:,} more" if len(keys) > MAX_MATCHES else ""
    return ", ".join(keys[:MAX_MATCHES]) + more


def _leak_lines(key: str, path: Path) -> Iterator[str]:
    leaks = photo_tables.read(path)
    found = leaks[(leaks["key"] == key) | (leaks["other_key"] == key)]
    for leak in photo_tables.rows(found.head(MAX_MATCHES)):
        other, split = (
            (leak.other_key, leak.other_split) if leak.key == key else (leak.key, leak.split)
        )
        how = "mirrored, it looks like" if leak.mirrored else "looks like"
        yield f"{how} {other} in {split} (similarity {leak.similarity:.4f})"


def _downscale_lines(key: str, data: Path) -> Iterator[str]:
    path = data / "downscale" / "manifest.parquet"
    row = _row(path, key)
    if row is not None and row["status"] == "ok":
        yield f"{row['shard']}, {row['size']:,} bytes from byte {row['offset']:,}"
    elif row is not None:
        yield f"left out: {row['status'].replace('_', ' ')}"
    elif path.is_file():
        yield "did not come so far"
    else:
        yield _not_run("downscale")


def find_sample(key: str, data: Path) -> _Sample | None:
    """The photo's sample in the final shards, by their headers alone; None where it is in none."""
    split = _row(data / "filter_people" / "splits.parquet", key)
    if split is None:
        return None
    for shard in _likely_first(key, sorted((data / "crop" / split["split"]).glob("*.tar"))):
        own = [member for member in members(shard) if member.name.startswith(f"{key}.")]
        if own:
            with shard.open("rb") as file:
                fields = {
                    member.name.partition(".")[2]: read_at(file, member.offset, member.size)
                    for member in own
                }
            return _Sample(shard, own[0].offset, fields)
    return None


def _likely_first(key: str, shards: list[Path]) -> list[Path]:
    """`shards` in another order: where the sample stands, unless crop.seed was changed since.

    The stage orders samples by a hash of their keys. To read the headers of all shards of 200,000
    photos takes ten seconds.
    """
    if not shards:
        return []
    seed = load("crop", CropParams, PARAMS_PATH).seed
    (number,) = shuffle_numbers([key], seed=seed)

    def first_number(shard: Path) -> np.uint64:
        first = next(members(shard)).name.partition(".")[0]
        found: np.uint64 = shuffle_numbers([first], seed=seed)[0]
        return found

    place = max(bisect_right(shards, number, key=first_number) - 1, 0)
    return [shards[place], *shards[:place], *shards[place + 1 :]]


def _crop_lines(sample: _Sample | None, key: str, data: Path) -> Iterator[str]:
    if sample is None:
        is_there = (data / "crop" / "meta.json").is_file()
        yield "did not come so far" if is_there else _not_run("crop")
        return
    facts = sample.facts
    yield f"{sample.shard}, from byte {sample.offset:,}"
    for hole in facts["holes"]:
        yield f"hole {_rectangle(hole)}"
    yield f"box  {_rectangle(facts['box'])}"


def _rectangle(values: list[int]) -> str:
    return "top {}, left {}, height {}, width {}".format(*values)


def _evaluate_lines(key: str, data: Path) -> Iterator[str]:
    path = data / "evaluate" / "per_image.parquet"
    if not path.is_file():
        yield _not_run("evaluate")
        return
    rows = photo_tables.arrow_table(path, filters=[("key", "==", key)]).to_pylist()
    if not rows:
        yield "not measured: no photo of the test split, or completed by no generator"
    for row in sorted(rows, key=lambda row: -row["hole_psnr"]):
        yield f"{row['method']}: hole PSNR {row['hole_psnr']:.2f} dB, SSIM {row['hole_ssim']:.3f}"


def _picture(
    photo: dict[str, Any], person: dict[str, Any] | None, sample: _Sample | None, data: Path
) -> Image.Image | None:
    """Side by side: the photo with its boxes, the sample, masked, completed; what there is."""
    if not has_photos(data) or (person is not None and not person["height"]):
        return None
    archive = noted_archive(data)
    with archive.open("rb") as file:
        photo_bytes = read_photo_at(file, photo["offset"], photo["size"], photo["crc32"])
    try:
        original = decode(photo_bytes)
    except BrokenPhotoError:  # of a category that nobody has looked at
        return None
    if person is not None:
        # A very large photo comes scaled down.
        boxes = np.reshape(person["boxes"], (-1, 4)) * (original.width / person["width"])
        draw_boxes(original, person["scores"][:MAX_BOXES], boxes, [True] * len(boxes))
    pictures = [original]
    if sample is not None:
        image, mask = sample.picture("image.png"), sample.picture("mask.png").convert("L")
        masked = Image.composite(Image.new("RGB", image.size, "white"), image, mask)
        pictures += [image, masked]
        # The evaluation keeps those of the photos on its grid.
        completed = data / "evaluate" / "pictures" / photo["key"] / f"{MODEL}.png"
        if completed.is_file():
            pictures.append(Image.open(completed).convert("RGB"))
    return _strip(pictures)


def _strip(pictures: list[Image.Image]) -> Image.Image:
    """All of one height; small ones with visible pixels."""
    strip = Image.new("RGB", (len(pictures) * (SIDE + 4) - 4, SIDE), "white")
    for number, picture in enumerate(pictures):
        kind = Image.Resampling.NEAREST if max(picture.size) <= 160 else Image.Resampling.LANCZOS
        strip.paste(ImageOps.pad(picture, (SIDE, SIDE), kind, "white"), (number * (SIDE + 4), 0))
    return strip
