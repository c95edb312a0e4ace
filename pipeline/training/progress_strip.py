"""One photo of the sample grids over the training: how it was completed at ever more images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

MAX_COLUMNS = 8  # the last grid included; the steps between two of them double
HEADER = 14  # px, on top of each column, for the number of images seen
SCALE = 2
GAP = 2  # px, between columns
FONT_SIZE = 10


def write_progress_strip(grids: Sequence[tuple[int, Path]], tile: int, path: Path) -> None:
    """A PNG with a column for each of the (images seen, grid), which ascend.

    A column is the grid's first photo in all its rows; `tile` is the side in px of one of them.
    """
    shown = [grids[index] for index in doubling(len(grids))]
    columns: list[Image.Image] = []
    for _, grid in shown:
        with Image.open(grid) as image:
            pixels: NDArray[np.uint8] = np.asarray(image.convert("RGB"))[:, :tile]
        larger = np.kron(pixels, np.ones((SCALE, SCALE, 1), dtype=np.uint8))
        columns.append(Image.fromarray(larger))
    step = tile * SCALE + GAP
    strip = Image.new("RGB", (step * len(columns), HEADER + columns[0].height), "white")
    draw, font = ImageDraw.Draw(strip), ImageFont.load_default(FONT_SIZE)
    for place, ((num_images, _), column) in enumerate(zip(shown, columns, strict=True)):
        strip.paste(column, (place * step, HEADER))
        draw.text((place * step + GAP, 1), f"{num_images:,}", fill="black", font=font)
    path.parent.mkdir(parents=True, exist_ok=True)
    strip.save(path)


def doubling(num: int) -> list[int]:
    """At most MAX_COLUMNS of 0..num-1, the first and the last included, ever further apart."""
    if num <= MAX_COLUMNS:
        return list(range(num))
    return sorted({round(float(place)) - 1 for place in np.geomspace(1, num, MAX_COLUMNS)})
