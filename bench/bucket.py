"""What reading photos from a bucket costs: bytes of the index, and of half of the categories.

python bench/bucket.py

The S3 server (moto) runs on this machine; what it sends is counted, headers included. The photos
are random bytes of the sizes of Places365's.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests")]

from pipeline.params.index import IndexParams  # noqa: E402
from pipeline.photos.packing import add, new_archive  # noqa: E402
from pipeline.runtime.bucket_archive import Range, name_tar  # noqa: E402
from pipeline.stages.index import index  # noqa: E402
from support.object_store import object_store, put  # noqa: E402

NUM_CATEGORIES, MEAN_BYTES = 10, 14_000
JPEG = b"\xff\xd8\xff\xe0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--cuts", type=int, default=10, help="connections cut while all is read")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, object_store() as way:
        path, chance = Path(folder) / "photos.tar", random.Random(0)
        with new_archive(path) as tar:
            for number in range(arguments.photos):
                size = chance.randrange(MEAN_BYTES // 2, MEAN_BYTES * 3 // 2)
                category = number * NUM_CATEGORIES // arguments.photos
                add(tar, f"data_256/c{category}/{number:06d}.jpg", JPEG + chance.randbytes(size))
        archive = name_tar(put(path, "photos.tar"))

        way.num_bytes = 0
        scan = archive.scan()
        table, _ = index(scan, IndexParams(formats=["jpeg"], max_bytes=10**8))
        scan.require_sound()
        print(f"index: {way.num_bytes / archive.num_bytes:.4f} of the archive's bytes")

        chosen = table[table["category"].isin([f"c{n}" for n in range(0, NUM_CATEGORIES, 2)])]
        for name, rows in (("half of the categories", chosen), ("all, cut", table)):
            places = [Range(*each) for each in zip(rows["offset"], rows["size"], strict=True)]
            way.num_bytes = 0
            if rows is table:
                way.cut(arguments.cuts, after=100_000)
            data = path.read_bytes()
            expected = (data[offset : offset + size] for offset, size in places)
            same = sum(a == b for a, b in zip(archive.read_ahead(places), expected, strict=True))
            ratio = way.num_bytes / sum(place.size for place in places)
            print(
                f"{name}: {ratio:.3f} of the photos' bytes, {same:,} of {len(places):,} photos "
                f"the same, {way.num_cuts} connections cut"
            )


if __name__ == "__main__":
    main()
