"""A grid of small pictures with a named row for each way of completing them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SCALE = 2  # a 64 px picture is small on a screen
GAP = 2  # px between pictures
LABEL_WIDTH = 128  # px
LABEL_SIZE = 12  # px


def write_grid(rows: Mapping[str, Sequence[np.ndarray]], path: Path) -> None:
    """One row a name, its pictures (HWC uint8, all of one size) side by side; a PNG."""
    size = SCALE * next(iter(rows.values()))[0].shape[0] + GAP
    num_columns = max(len(pictures) for pictures in rows.values())
    sheet = Image.new("RGB", (LABEL_WIDTH + num_columns * size, len(rows) * size), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(LABEL_SIZE)
    for line, (name, pictures) in enumerate(rows.items()):
        middle = line * size + size // 2
        draw.text((GAP, middle), name.replace("_", " "), fill="black", font=font, anchor="lm")
        for column, picture in enumerate(pictures):
            enlarged = np.kron(picture, np.ones((SCALE, SCALE, 1), dtype=np.uint8))
            place = (LABEL_WIDTH + column * size, line * size)
            sheet.paste(Image.fromarray(enlarged), place)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
