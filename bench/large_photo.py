"""Memory and time of `scenefill complete` on a photo of 108 megapixels.

python bench/large_photo.py PHOTO --model data/train [--side 12000 9000]

PHOTO in tiles makes the large one, a JPEG. Each hole is completed in a process of its own, as the
command does it: read, completed, written as a PNG; then the same by OpenCV's Telea in its place.
Memory is the most that the process held, seconds are of the processor.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

HOLES = {"a wire": 0.0005, "a passer-by": 0.02, "a large hole": 0.1}  # share of the longer side


class Took(NamedTuple):
    gigabytes: float
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--model", default="data/train")
    parser.add_argument("--side", type=int, nargs=2, default=(12_000, 9_000), help="px")
    given = parser.parse_args()
    width, height = given.side
    print(f"{width:,} x {height:,} px\n\n| hole, px | by | memory, GB | processor, s |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "large.jpg"
        write_tiles(given.photo, photo, width, height)
        for name, share in HOLES.items():
            side = round(share * width)
            hole_width = round(0.5 * width) if name == "a wire" else side
            hole = f"{height // 2},{width // 4},{side},{hole_width}"
            for model in (given.model, "telea"):
                took = completed(photo, hole, model)
                print(
                    f"| {name}, {hole_width:,} x {side:,} | {model} | {took.gigabytes:.2f} | "
                    f"{took.seconds:.0f} |",
                    flush=True,
                )


def write_tiles(small: Path, large: Path, width: int, height: int) -> None:
    """A JPEG of that size, of copies of the small photo."""
    tile = np.asarray(Image.open(small).convert("RGB"))
    times = -(-height // tile.shape[0]), -(-width // tile.shape[1]), 1
    Image.fromarray(np.tile(tile, times)[:height, :width]).save(large, quality=92)


def completed(photo: Path, hole: str, model: str) -> Took:
    command = [sys.executable, "-m", "pipeline", "complete", str(photo), "--hole", hole]
    command += ["--model", model, "--output", str(photo.with_suffix(".png")), "--force"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the command ended with {os.waitstatus_to_exitcode(status)}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Took(usage.ru_maxrss * unit / 1e9, usage.ru_utime + usage.ru_stime)


if __name__ == "__main__":
    main()
