"""Completion of photos at their own size, beside classical fills: quality, and photos a second.

python bench/complete.py photos --features data/train_features --out complete.md

Square holes at a place of each photo that depends on its number alone. Photos are taken as they
are, never enlarged. What is timed is processor time from pixels to pixels, on one thread; quality
is that of the hole. Patch copy is given the hole with as much around it as it is long, and fewer
photos (--slow), since one takes it up to a minute. --large times a mosaic of the photos, too.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image, ImageOps

from pipeline.api import FILLS, load
from pipeline.features.scene_features import SceneFeatures, load_scene_features
from pipeline.metrics.image_metrics import completion_metrics
from pipeline.metrics.intervals import mean_with_ends
from pipeline.metrics.kernel_distance import kernel_distance
from pipeline.shards.rectangle import Rectangle

SIDES = (22, 64, 150, 300)  # px, of holes
LEAST_AROUND = 24  # px that a photo has on both sides of its hole, together
MARGIN = 16  # px around the hole of which metrics see something
LEAST_SLOW = 4  # photos
LARGE = 3000, 4000  # px: 12 megapixels
CPU = torch.device("cpu")

Way = Callable[[np.ndarray, np.ndarray], np.ndarray]


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    features = load_scene_features(options.features, CPU) if options.features else None
    ways: dict[str, Way] = {name: load(name, device="cpu").complete for name in options.ways}
    lines = [
        "| hole | way | photos | PSNR, dB | against the first way | SSIM | KID | photos/s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    photos: list[np.ndarray] = []
    for side in options.sides:
        photos = read_photos(options.photos, side + LEAST_AROUND, options.num)
        quick = {name: way for name, way in ways.items() if name != "patch_copy"}
        rows = table(photos, quick, side, features)
        if len(quick) < len(ways):
            # Beside patch copy the others on the same, fewer photos.
            rows += table(photos[: options.slow], ways, side, features)
        lines.extend(rows)
        print("\n".join(rows), flush=True)
    if options.large:
        lines.extend(["", *(large(name, ways[name], photos) for name in options.large)])
    text = "\n".join(lines)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("photos", type=Path, help="folder of JPEGs")
    parser.add_argument(
        "--ways",
        nargs="+",
        default=["data/train", "harmonic", "telea", "patch_copy"],
        help=f"folders of generators, .onnx files, or: {', '.join(FILLS)}",
    )
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES, help="of the holes, px")
    parser.add_argument("--num", type=int, default=100, help="photos, at most")
    parser.add_argument("--slow", type=int, default=10, help="photos for patch copy")
    parser.add_argument("--large", nargs="*", default=[], help="ways timed on 12 megapixels")
    parser.add_argument("--features", type=Path, help="a data/train_features; without it no KID")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.slow < LEAST_SLOW:
        parser.error(f"--slow is {options.slow}, but KID needs at least {LEAST_SLOW} photos")
    return options


def read_photos(folder: Path, least: int, num: int) -> list[np.ndarray]:
    """`num` photos whose shorter side has `least` px, evenly spread over those in `folder`."""
    paths = []
    for path in sorted(folder.rglob("*.jpg")):
        with Image.open(path) as image:
            if min(image.size) >= least:
                paths.append(path)
    if not paths:
        raise SystemExit(f"{folder} has no JPEG with {least} px on its shorter side")
    num = min(num, len(paths))
    chosen = [paths[number * len(paths) // num] for number in range(num)]
    return [np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB")) for path in chosen]


def table(
    photos: list[np.ndarray], ways: dict[str, Way], side: int, features: SceneFeatures | None
) -> list[str]:
    """A row a way. The ways take turns photo by photo: a slow moment meets all of them."""
    seconds = dict.fromkeys(ways, 0.0)
    scores: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    cut: dict[str, list[np.ndarray]] = {name: [] for name in (*ways, "original")}
    for number, photo in enumerate(photos):
        box = hole(np.random.default_rng([side, number]), photo, side)
        for name, way in ways.items():
            seen = around(box, side if name == "patch_copy" else max(photo.shape), photo)
            shown, inside = photo[seen.rows, seen.columns], moved(box, seen)
            mask = np.zeros(shown.shape[:2], bool)
            mask[inside.rows, inside.columns] = True
            begun = time.process_time()
            made = way(shown, mask)
            seconds[name] += time.process_time() - begun
            near = around(inside, MARGIN, shown)
            there, its_box = (near.rows, near.columns), moved(inside, near)
            (found,) = completion_metrics([made[there]], shown[there], mask[there], its_box)
            scores[name].append((found["hole_psnr"], found["hole_ssim"]))
            cut[name].append(made[inside.rows, inside.columns])
        cut["original"].append(photo[box.rows, box.columns])
    first = np.array(next(iter(scores.values())))[:, 0]
    rows = []
    for name in ways:
        psnr, ssim = np.array(scores[name]).T
        gain, low, high = mean_with_ends(psnr - first)
        distance = f"{kid(cut[name], cut['original'], features):.3f}" if features else "-"
        rows.append(
            f"| {side} | {name} | {len(photos)} | {psnr.mean():.2f} | "
            f"{gain:+.2f} ({low:+.2f} to {high:+.2f}) | {ssim.mean():.3f} | {distance} | "
            f"{len(photos) / seconds[name]:.2f} |"
        )
    return rows


def kid(made: list[np.ndarray], originals: list[np.ndarray], features: SceneFeatures) -> float:
    """On the scene network's features of the holes."""
    pair = [features.of(np.stack(each)) for each in (made, originals)]
    return kernel_distance(*pair)[0]


def hole(rng: np.random.Generator, photo: np.ndarray, side: int) -> Rectangle:
    top, left = (int(rng.integers(0, length - side + 1)) for length in photo.shape[:2])
    return Rectangle(top, left, side, side)


def around(box: Rectangle, margin: int, photo: np.ndarray) -> Rectangle:
    """`box` and `margin` px on each side, as far as the photo goes."""
    top, left = max(box.top - margin, 0), max(box.left - margin, 0)
    bottom = min(box.rows.stop + margin, photo.shape[0])
    right = min(box.columns.stop + margin, photo.shape[1])
    return Rectangle(top, left, bottom - top, right - left)


def moved(box: Rectangle, seen: Rectangle) -> Rectangle:
    """`box` in the coordinates of `seen`."""
    return Rectangle(box.top - seen.top, box.left - seen.left, box.height, box.width)


def large(name: str, way: Way, photos: list[np.ndarray]) -> str:
    """A mosaic of photos with a hole of a fifth of its sides in the middle."""
    height, width = LARGE
    least = min(min(photo.shape[:2]) for photo in photos)
    down, right = -(-height // least), -(-width // least)
    tiles = [photos[number % len(photos)][:least, :least] for number in range(down * right)]
    rows = [np.concatenate(tiles[row * right : (row + 1) * right], 1) for row in range(down)]
    mosaic = np.concatenate(rows)[:height, :width]
    mask = np.zeros(LARGE, bool)
    mask[height * 2 // 5 : height * 3 // 5, width * 2 // 5 : width * 3 // 5] = True
    begun = time.process_time()
    way(mosaic, mask)
    return (
        f"{width}x{height} px, a hole of {width // 5}x{height // 5} px, {name}: "
        f"{time.process_time() - begun:.1f} s of processor time"
    )


if __name__ == "__main__":
    main()
