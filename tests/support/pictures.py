"""Pictures made for tests."""

import io

import numpy as np
from PIL import Image


def picture(seed: int, size: tuple[int, int] = (256, 256)) -> Image.Image:
    """A picture of smooth noise, width x height, unlike that of any other seed."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, suffix: str = "jpeg") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=suffix)
    return buffer.getvalue()
