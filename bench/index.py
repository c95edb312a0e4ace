"""How long the headers of 1.8 million photos take: `index`, tarfile, and the bare reads.

python bench/index.py --out index.md

The archive is made here: names, number and mean size as in Places365's training set, the photos
themselves holes of a sparse file (7.4 GB on disk, removed at the end). So the figures are those
of a file in the page cache; from a cold disk the reading itself comes on top, for all alike.
"""

import argparse
import os
import resource
import tarfile
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from pipeline.params.index import IndexParams
from pipeline.photos import photo_tables
from pipeline.photos.headers import members
from pipeline.places365.categories import categories
from pipeline.stages.index import scan

NUM_PHOTOS = 1_803_460
MEAN_BYTES = 14_474 - 512
PARAMS = IndexParams(formats=["jpeg"], max_bytes=50_000_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=NUM_PHOTOS, help="members of the archive")
    parser.add_argument("--folder", type=Path, default=Path("."), help="where the archive is made")
    parser.add_argument("--out", type=Path, help="also write the table here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        archive, lists = Path(folder, "photos.tar"), Path(folder, "lists")
        lists.mkdir()
        (lists / "places365.json").write_text('{"part": "train"}')
        offsets = make_archive(archive, arguments.photos)
        reads_alone(archive, offsets)  # fills the page cache
        figures = measure(archive, lists, offsets, arguments.photos)
    report = table(figures, arguments.photos)
    print(report)
    if arguments.out:
        arguments.out.write_text(report)


def make_archive(path: Path, num_photos: int) -> np.ndarray:
    """A tar with holes for photos; the offsets of its headers."""
    rng = np.random.default_rng(0)
    sizes = rng.gamma(4, MEAN_BYTES / 4, num_photos).astype(np.int64) + 500
    offsets = np.cumsum(512 + -(-sizes // 512) * 512)
    offsets = np.concatenate([[0], offsets])
    names = categories()
    with path.open("wb") as file:
        for number in range(num_photos):
            category = names[number * len(names) // num_photos]
            header = tarfile.TarInfo(f"data_256/{category}/{number:08d}.jpg")
            header.size = int(sizes[number])
            file.seek(int(offsets[number]))
            file.write(header.tobuf(tarfile.USTAR_FORMAT))
        file.truncate(int(offsets[-1]) + 1024)
    return offsets[:-1]


def measure(
    archive: Path, lists: Path, offsets: np.ndarray, num_photos: int
) -> dict[str, tuple[float, float, float]]:
    """Seconds, CPU seconds and peak megabytes of each way, each in a process of its own."""
    return {
        "reads alone": in_process(reads_alone, archive, offsets),
        "tar_headers.members": in_process(count_members, archive, num_photos),
        "stage index, parquet written": in_process(run_index, archive, lists, num_photos),
        "tarfile": in_process(count_tarfile, archive, num_photos),
    }


def in_process(work: Callable[..., None], *arguments: object) -> tuple[float, float, float]:
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(timed, (work, arguments))


def timed(work: Callable[..., None], arguments: tuple[object, ...]) -> tuple[float, float, float]:
    before, cpu_before = time.perf_counter(), time.process_time()
    work(*arguments)
    seconds, cpu = time.perf_counter() - before, time.process_time() - cpu_before
    return seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def reads_alone(archive: Path, offsets: np.ndarray) -> None:
    """The limit: one read a header, where somebody has told the places."""
    with archive.open("rb") as file:
        for offset in offsets.tolist():
            os.pread(file.fileno(), 512, offset)


def count_members(archive: Path, num_photos: int) -> None:
    assert sum(1 for _ in members(archive)) == num_photos


def run_index(archive: Path, lists: Path, num_photos: int) -> None:
    found, counts = scan(archive, PARAMS, lists)
    assert counts == {"photos": num_photos}
    photo_tables.write_pieces(found, archive.parent / "index.parquet")


def count_tarfile(archive: Path, num_photos: int) -> None:
    found = 0
    with tarfile.open(archive, "r:") as tar:
        for _ in tar:
            found += 1
            tar.members.clear()  # type: ignore[attr-defined]
    assert found == num_photos


def table(figures: dict[str, tuple[float, float, float]], num_photos: int) -> str:
    limit = figures["reads alone"][1]
    lines = [
        f"{num_photos:,} members, page cache warm",
        "",
        "| what | seconds | CPU seconds | of the reads alone | members a CPU second | peak MB |",
        "|---|---|---|---|---|---|",
    ]
    for name, (seconds, cpu, megabytes) in figures.items():
        lines.append(
            f"| {name} | {seconds:.1f} | {cpu:.1f} | {cpu / limit:.1f} x | {num_photos / cpu:,.0f} "
            f"| {megabytes:,.0f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
