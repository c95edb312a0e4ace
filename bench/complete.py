"""How fast and how well files are completed, beside OpenCV's Telea on the same files.

Each photo is read from a JPEG and written as a PNG, with a hole of about 150x150 px and with one of
22x22; both ways take the same masks. The photos are your own images, enlarged to 1024x768.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image, ImageOps

from pipeline.api import Model, load
from pipeline.image_files.image_file import PictureFile
from pipeline.inpainting.opencv import telea
from pipeline.metrics.psnr import psnr

SIZE = 1024, 768
SIDES = 150, 22
Way = Callable[[Path, np.ndarray, Path], None]


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    model = load(options.model, device="cpu")
    ways: dict[str, Way] = {"Telea": by_telea, model.recipe: lambda *job: by_model(model, *job)}
    with tempfile.TemporaryDirectory() as folder:
        photos = prepare(options.photos, Path(folder), options.num)
        text = table(photos, ways, Path(folder), options.threads)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", type=Path, help="folder of JPEGs")
    parser.add_argument("--model", type=Path, default=Path("data/train"))
    parser.add_argument("--num", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def prepare(source: Path, folder: Path, num: int) -> list[Path]:
    """`num` photos of SIZE, evenly spread over the JPEGs below `source`."""
    paths = sorted(source.rglob("*.jpg"))
    if len(paths) < num:
        raise SystemExit(f"{source} has {len(paths)} JPEGs, but --num is {num}")
    made = []
    for number in range(num):
        with Image.open(paths[number * len(paths) // num]) as image:
            photo = ImageOps.fit(image.convert("RGB"), SIZE, Image.Resampling.BICUBIC)
        made.append(folder / f"{number:04d}.jpg")
        photo.save(made[-1], quality=90)
    return made


def table(photos: list[Path], ways: dict[str, Way], folder: Path, threads: int) -> str:
    """Both ways take turns photo by photo, so that a slow moment of the machine meets both."""
    lines = [
        f"{len(photos)} photos of {SIZE[0]}x{SIZE[1]} px, {threads} thread(s)",
        "",
        "| hole | way | photos/s | of Telea's | hole PSNR, dB (higher) |",
        "|---|---|---|---|---|",
    ]
    for side in SIDES:
        seconds, scores = dict.fromkeys(ways, 0.0), {name: [] for name in ways}
        for number, photo in enumerate(photos):
            mask = hole(np.random.default_rng([side, number]), side)
            for name, way in ways.items():
                start = time.perf_counter()
                way(photo, mask, folder / "out.png")
                seconds[name] += time.perf_counter() - start
                scores[name].append(hole_psnr(photo, folder / "out.png", mask))
        for name in ways:
            rate = len(photos) / seconds[name]
            lines.append(
                f"| {side}x{side} | {name} | {rate:.2f} | {seconds['Telea'] / seconds[name]:.2f} | "
                f"{np.mean(scores[name]):.2f} |"
            )
    return "\n".join(lines)


def hole(rng: np.random.Generator, side: int) -> np.ndarray:
    """A square somewhere, its whole window inside the image or not."""
    width, height = SIZE
    mask = np.zeros((height, width), bool)
    top, left = (int(rng.integers(0, length - side + 1)) for length in (height, width))
    mask[top : top + side, left : left + side] = True
    return mask


def by_telea(photo: Path, mask: np.ndarray, target: Path) -> None:
    cv2.imwrite(str(target), telea(cv2.imread(str(photo)), mask))


def by_model(model: Model, photo: Path, mask: np.ndarray, target: Path) -> None:
    """As the command `complete` does."""
    picture = PictureFile.read(photo)
    completed = model.complete(picture.rgb, mask)
    picture.write(picture.with_completed(completed, mask), target)


def hole_psnr(photo: Path, target: Path, mask: np.ndarray) -> float:
    with Image.open(photo) as original, Image.open(target) as completed:
        pairs = [
            np.array(each.convert("RGB"))[mask].astype(float) for each in (original, completed)
        ]
    return psnr(float(((pairs[0] - pairs[1]) ** 2).mean()))


if __name__ == "__main__":
    main()
