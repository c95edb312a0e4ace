"""How long the page's tab "Data set" takes with many photos, and the memory of the server.

python bench/data_tab.py [DATA] [--photos 200000]

The tables of a finished small project (DATA, whose archive has to be in the scratch folder) are
repeated under new keys with drawn scores, until there are so many photos; the photos are those of
the small one, and the shards have the members of one sample under all keys. Each figure is of a
handler of the page in this process, without a browser: the median of five runs, in seconds of the
processor and of the clock.
"""

import argparse
import math
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.commands import explain
from pipeline.params.crop import CropParams
from pipeline.params.section import PARAMS_PATH, load
from pipeline.photos import photo_tables
from pipeline.photos.keys import shuffled
from pipeline.shards.writer import ShardWriter, shard_name
from pipeline.web import data_set, data_tab
from pipeline.web.data_set import ALL, NO_SPLIT

TABLES = (
    "index/index",
    "filter_categories/selected",
    "detect_people/people",
    "filter_people/verdicts",
    "filter_people/splits",
    "filter_people/leaks",
    "downscale/manifest",
)
KEYS = ("key", "other_key", "copy_of", "group")  # columns that name photos
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path("data"))
    parser.add_argument("--photos", type=int, default=200_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.data.parent) as folder:
        data = Path(folder)
        num_photos = repeat(given.data, data, given.photos)
        before = peak_memory()
        print(f"{num_photos:,} photos\n\n| what | processor, s | clock, s |\n|---|---|---|")
        for what, handler in handlers(data):
            took = [timed(handler) for _ in range(ROUNDS)]
            processor, clock = (statistics.median(each) for each in zip(*took, strict=True))
            print(f"| {what} | {processor:.2f} | {clock:.2f} |", flush=True)
        print(f"\nMemory: {before:,.0f} MB before the first, at most {peak_memory():,.0f} MB.")


def handlers(data: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """What a visitor does, and what the page does about it."""
    counts = data_set.counts(data)
    category = counts.categories[0].name
    last = math.ceil(counts.photos / data_set.PAGE)

    def browse(
        step: int | None = None,
        number: int = 1,
        category: str = ALL,
        verdict: str = ALL,
        split: str = ALL,
        least: float = 0.0,
    ) -> Callable[[], object]:
        return lambda: data_tab._browse(data, step, number, category, verdict, split, least)

    yield "the tab is opened: funnel and categories", lambda: data_tab._arrive(data)
    yield "the first page of all, highest score first", browse()
    yield "the next page", browse(step=1)
    yield "the last page", browse(step=0, number=last)
    yield f"category {category}", browse(category=category)
    yield "verdict person", browse(verdict="person")
    yield "verdict kept", browse(verdict="kept")
    yield "score of at least 0.5", browse(least=0.5)
    yield "split train", browse(split="train")
    yield "no split", browse(split=NO_SPLIT)
    yield "all four", browse(None, 1, category, "kept", "train", 0.05)
    verdicts = photo_tables.read(
        data / "filter_people/verdicts.parquet", columns=["key", "path", "verdict"]
    )
    for verdict in ("person", "kept"):
        row = verdicts[verdicts["verdict"] == verdict].iloc[-1]
        key, name = str(row["key"]), str(row["path"]).rpartition("/")[2]
        yield f"the story of a photo, {verdict}", lambda key=key: data_tab._tell(data, key)
    yield "the same, by its file name", lambda: data_tab._tell(data, name)
    yield "one at random", lambda: data_tab._any(data, ALL, ALL, ALL, 0.0)


def repeat(small: Path, data: Path, num_photos: int) -> int:
    """Writes `data`, at least `num_photos` photos; how many they are."""
    num_small = len(photo_tables.read(small / "index/index.parquet", columns=["key"]))
    times = math.ceil(num_photos / num_small)
    for name in TABLES:
        table = photo_tables.read(small / f"{name}.parquet")
        pieces = (renamed(table, number) for number in range(times))
        photo_tables.write_pieces(pieces, data / f"{name}.parquet")
    (data / "download").symlink_to((small / "download").resolve())
    write_shards(small, data)
    return num_small * times


def write_shards(small: Path, data: Path) -> None:
    """The samples of all kept photos, in the order of the stage."""
    params = load("crop", CropParams, PARAMS_PATH)
    some = str(photo_tables.read(small / "filter_people/splits.parquet")["key"][0])
    sample = explain.find_sample(some, small)
    assert sample is not None
    splits = photo_tables.read(data / "filter_people/splits.parquet")
    (data / "crop").mkdir()
    (data / "crop/meta.json").write_text((small / "crop/meta.json").read_text())
    for split, rows in splits.groupby("split"):
        folder = data / "crop" / str(split)
        folder.mkdir()
        keys = shuffled(rows["key"].tolist(), seed=params.seed)
        for number, start in enumerate(range(0, len(keys), params.samples_per_shard)):
            with ShardWriter(folder / shard_name(str(split), number)) as writer:
                for key in keys[start : start + params.samples_per_shard]:
                    writer.add(key, sample.fields | {"image.png": sample.fields["mask.png"]})


def renamed(table: pd.DataFrame, number: int) -> pd.DataFrame:
    """The rows as of other photos, with other scores where they have some."""
    changed = table.copy()
    for column in set(KEYS) & set(table.columns):
        texts = [str(each) for each in table[column]]
        changed[column] = [each and f"{number:06}-{each}" for each in texts]
    if "path" in changed:
        changed["path"] = [
            f"{folder}/{number:06}-{name}"
            for folder, _, name in (str(each).rpartition("/") for each in table["path"])
        ]
    if "person_score" in changed:
        drawn = np.random.default_rng(number).random(len(changed))
        changed["person_score"] = changed["person_score"].where(
            changed["person_score"].isna(), drawn
        )
    return changed


def timed(handler: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the processor, and of the clock."""
    random.seed(0)
    processor, clock = time.process_time(), time.monotonic()
    handler()
    return time.process_time() - processor, time.monotonic() - clock


def peak_memory() -> float:
    """MB of this process, at most so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    main()
