"""The peer of bench/downscale.py, run by it in an environment of its own.

img2dataset's resizer and writer are called as its downloader calls them, without the download:
`img2dataset_shards.py ARCHIVE TABLE OUT PROCESSES PHOTOS_PER_SHARD` prints the seconds.
"""

import io
import json
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
from img2dataset.resizer import Resizer
from img2dataset.writer import WebDatasetSampleWriter

IMAGE_SIZE = 64
COLUMNS = ("key", "status", "width", "height", "original_width", "original_height")


def schema() -> pa.Schema:
    numbers = [pa.field(name, pa.int32()) for name in COLUMNS[2:]]
    return pa.schema([pa.field(name, pa.string()) for name in COLUMNS[:2]] + numbers)


def main() -> None:
    archive, table, out = sys.argv[1:4]
    processes, per_shard = int(sys.argv[4]), int(sys.argv[5])
    places = json.loads(Path(table).read_text())
    shards = [
        (archive, out, number, places[start : start + per_shard])
        for number, start in enumerate(range(0, len(places), per_shard))
    ]
    with get_context("fork").Pool(processes) as pool:
        pool.map(time.sleep, [0] * processes)
        started = time.perf_counter()
        pool.map(write_shard, shards, chunksize=1)
        print(time.perf_counter() - started)


def write_shard(shard: tuple[str, str, int, list[list[int]]]) -> None:
    archive, out, number, places = shard
    # Lossless and without compression, as ours.
    resizer = Resizer(IMAGE_SIZE, "center_crop", False, encode_format="png", encode_quality=0)
    writer = WebDatasetSampleWriter(number, out, False, 5, schema(), "png")
    with open(archive, "rb") as file:
        for position, (offset, size) in enumerate(places):
            file.seek(offset)
            values = resizer(io.BytesIO(file.read(size)))
            assert values[-1] is None, values[-1]
            key = f"{number:05d}{position:05d}"
            writer.write(
                values[0],
                key,
                None,
                dict(zip(COLUMNS, (key, "success", *values[1:5]), strict=True)),
            )
    writer.close()


if __name__ == "__main__":
    main()
