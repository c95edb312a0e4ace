"""Contact sheets: many thumbnails with person boxes drawn, on one picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

THUMBNAIL = 160  # px
COLUMNS = 10


def thumbnail(image: Image.Image, scores: Sequence[float], boxes: np.ndarray) -> Image.Image:
    """`image` fitted into a square; boxes are (N, 4) [top, left, height, width] px, best first.

    Only the best box shows its score: many small ones would hide the picture.
    """
    scale = THUMBNAIL / max(image.size)
    small = ImageOps.contain(image, (THUMBNAIL, THUMBNAIL))
    draw = ImageDraw.Draw(small)
    for box in boxes:
        top, left, height, width = (value * scale for value in box)
        draw.rectangle((left, top, left + width, top + height), outline="red")
    if len(boxes) > 0:
        top, left = (value * scale for value in boxes[0][:2])
        draw.text((left + 2, max(top - 11, 0)), f"{scores[0]:.2f}", fill="red")
    return ImageOps.pad(small, (THUMBNAIL, THUMBNAIL), color="white")


def write_sheet(thumbnails: Sequence[Image.Image], path: Path) -> None:
    """All thumbnails, row by row, as one JPEG; an empty sheet is a white strip."""
    rows = max(1, -(-len(thumbnails) // COLUMNS))
    sheet = np.full((rows * THUMBNAIL, COLUMNS * THUMBNAIL, 3), 255, dtype=np.uint8)
    for number, picture in enumerate(thumbnails):
        top, left = (place * THUMBNAIL for place in divmod(number, COLUMNS))
        sheet[top : top + THUMBNAIL, left : left + THUMBNAIL] = np.asarray(picture)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(path, quality=85)
