"""A grid of small images with a named row for each way of completing them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SCALE = 2  # a 64 px image is small on a screen
GAP = 2  # px between images
LABEL_WIDTH = 128  # px
LABEL_SIZE = 12  # px
# px; the report's page is so wide, and a wider grid's names could not be read in it.
PAGE_WIDTH = 960
BAND_GAP = 12  # px between the bands of a grid that would be wider


def write_grid(
    rows: Mapping[str, Sequence[np.ndarray]], path: Path, *, num_columns: int | None = None
) -> None:
    """One row a name, its images (HWC uint8, all of one size) side by side; a PNG.

    What would be wider than a page goes on in another band of the same rows below; `num_columns`
    are those of a band, as many as there is room for where it is None.
    """
    size = SCALE * next(iter(rows.values()))[0].shape[0] + GAP
    room = max(1, (PAGE_WIDTH - LABEL_WIDTH) // size)
    num_images = max(len(images) for images in rows.values())
    at_once = min(num_images, room if num_columns is None else num_columns)
    num_bands = -(-num_images // at_once)
    band = len(rows) * size + BAND_GAP
    sheet = Image.new(
        "RGB", (LABEL_WIDTH + at_once * size, num_bands * band - BAND_GAP), color="white"
    )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(LABEL_SIZE)
    for line, (name, images) in enumerate(rows.items()):
        for number in range(num_bands):
            middle = number * band + line * size + size // 2
            draw.text((GAP, middle), name.replace("_", " "), fill="black", font=font, anchor="lm")
        for place, image in enumerate(images):
            number, column = divmod(place, at_once)
            enlarged = np.kron(image, np.ones((SCALE, SCALE, 1), dtype=np.uint8))
            corner = (LABEL_WIDTH + column * size, number * band + line * size)
            sheet.paste(Image.fromarray(enlarged), corner)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
