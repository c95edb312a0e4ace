"""Contact sheets: many thumbnails with person boxes drawn, on one image."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

THUMBNAIL = 160  # px
COLUMNS = 6  # 960 px, as wide as the report is: scores on it can be read
COUNTED_COLOR, OTHER_COLOR = "red", "yellow"


def thumbnail(
    image: Image.Image, scores: Sequence[float], boxes: np.ndarray, counted: Sequence[bool]
) -> Image.Image:
    """`image` fitted into a square; boxes are (N, 4) [top, left, height, width] px, best first.

    Boxes that count are red, the others yellow. Only the best box shows its score: many small ones
    would hide the image.
    """
    scale = THUMBNAIL / max(image.size)
    small = ImageOps.contain(image, (THUMBNAIL, THUMBNAIL))
    draw_boxes(small, scores[:1], boxes * scale, counted)
    return ImageOps.pad(small, (THUMBNAIL, THUMBNAIL), color="white")


def draw_boxes(
    image: Image.Image, scores: Sequence[float], boxes: np.ndarray, counted: Sequence[bool]
) -> None:
    """Draws `boxes` (as above, px of `image`) in place, with as many `scores` as are given."""
    draw = ImageDraw.Draw(image)
    colors = [COUNTED_COLOR if counts else OTHER_COLOR for counts in counted]
    for (top, left, height, width), color in zip(boxes, colors, strict=True):
        draw.rectangle((left, top, left + width, top + height), outline=color)
    for score, (top, left, *_), color in zip(scores, boxes, colors, strict=False):
        draw.text((left + 2, max(top - 11, 0)), f"{score:.2f}", fill=color)


def write_sheet(thumbnails: Sequence[Image.Image], path: Path) -> None:
    """All thumbnails, row by row, as one JPEG; an empty sheet is a white strip."""
    rows = max(1, -(-len(thumbnails) // COLUMNS))
    sheet = np.full((rows * THUMBNAIL, COLUMNS * THUMBNAIL, 3), 255, dtype=np.uint8)
    for number, picture in enumerate(thumbnails):
        top, left = (place * THUMBNAIL for place in divmod(number, COLUMNS))
        sheet[top : top + THUMBNAIL, left : left + THUMBNAIL] = np.asarray(picture)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(path, quality=85)
