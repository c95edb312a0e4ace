"""One photo of the sample grids over the training: how it was completed at ever more images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

# Looks shown, the last one included; the steps between two of them double.
MAX_LOOKS = 8
# On top of each picture, in px, for the images seen.
HEADER = 14
SCALE = 2
GAP = 2
FONT_SIZE = 10

# Seen so far, and the grid of that time.
Look = tuple[int, Path]


def write_progress_strip(looks: Sequence[Look], tile: int, path: Path) -> None:
    """A PNG; `looks` ascend, `tile` is the side in px of a picture in their grids.

    A column a look, of the grids' first photo and all its rows.
    """
    shown = [looks[index] for index in doubling(len(looks))]
    columns = [_first_photo(grid, tile) for _, grid in shown]
    step = tile * SCALE + GAP
    strip = Image.new("RGB", (step * len(columns), HEADER + columns[0].height), "white")
    draw, font = ImageDraw.Draw(strip), ImageFont.load_default(FONT_SIZE)
    for place, ((num_images, _), column) in enumerate(zip(shown, columns, strict=True)):
        strip.paste(column, (place * step, HEADER))
        draw.text((place * step + GAP, 1), f"{num_images:,}", fill="black", font=font)
    path.parent.mkdir(parents=True, exist_ok=True)
    strip.save(path)


def doubling(num: int) -> list[int]:
    """At most MAX_LOOKS places in 0..num-1, the last and the first included, ever further apart."""
    if num <= MAX_LOOKS:
        return list(range(num))
    return sorted({round(float(place)) - 1 for place in np.geomspace(1, num, MAX_LOOKS)})


def _first_photo(grid: Path, tile: int) -> Image.Image:
    with Image.open(grid) as image:
        column: NDArray[np.uint8] = np.asarray(image.convert("RGB"))[:, :tile]
    return Image.fromarray(np.kron(column, np.ones((SCALE, SCALE, 1), dtype=np.uint8)))
