"""What is drawn on the page, in pixels of the photo."""

import base64

import numpy as np
import pytest
from PIL import Image

from pipeline.web.drawn_mask import (
    MAX_DRAWN,
    PNG_URI,
    mask_uri,
    picture_uri,
    read_mask,
    shown_size,
)
from support.pictures import encoded


def drawn(mask: np.ndarray) -> str:
    """As the page sends it: white on black, RGBA."""
    image = Image.fromarray(mask).convert("L").convert("RGBA")
    return PNG_URI + base64.b64encode(encoded(image, "png")).decode()


def box(height: int, width: int, *sides: int) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    top, left, bottom, right = sides
    mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (64, 64), (731, 1200), (2048, 3)])
def test_a_photo_that_is_shown_whole_gets_the_drawing_exactly(size: tuple[int, int]) -> None:
    assert shown_size(*size) == size
    mask = np.random.default_rng(0).random(size) < 0.5
    mask[0, 0] = True
    assert np.array_equal(read_mask(drawn(mask), *size), mask)
    assert np.array_equal(read_mask(mask_uri(mask), *size), mask)


def test_the_drawing_is_scaled_up_to_a_large_photo() -> None:
    assert shown_size(3000, 4000) == (1536, 2048)
    mask = read_mask(drawn(box(1536, 2048, 512, 1024, 576, 1152)), 3000, 4000)
    expected = box(3000, 4000, 1000, 2000, 1125, 2250)
    assert mask.shape == (3000, 4000)
    rows, columns = np.nonzero(mask ^ expected)
    # A pixel of what is shown is 2 of the photo: edges lie within one of those.
    assert len(rows) <= 2 * (125 + 250) * 2
    assert mask[1002:1123, 2002:2248].all()


def test_a_long_narrow_photo_keeps_a_pixel() -> None:
    assert shown_size(1, 60_000) == (1, 2048)
    assert read_mask(drawn(np.ones((1, 2048), bool)), 1, 60_000).all()


def test_nothing_drawn_and_drawings_of_other_photos_are_told() -> None:
    for nothing in (None, "", drawn(np.zeros((64, 64), bool))):
        with pytest.raises(ValueError, match="Nothing is marked"):
            read_mask(nothing, 64, 64)
    with pytest.raises(ValueError, match="belongs to another photo"):
        read_mask(drawn(np.ones((64, 65), bool)), 64, 64)


@pytest.mark.parametrize(
    "uri",
    [
        "x",
        PNG_URI,
        f"{PNG_URI}!!!",
        PNG_URI + base64.b64encode(b"\x89PNG\r\n\x1a\nand no more").decode(),
        PNG_URI + base64.b64encode(b"no image").decode(),
        PNG_URI + "A" * MAX_DRAWN,
        "data:image/svg+xml;base64,AAAA",
    ],
)
def test_what_is_no_drawing_is_told(uri: str) -> None:
    with pytest.raises(ValueError, match="could not be read"):
        read_mask(uri, 64, 64)


def test_small_photos_are_shown_exactly_and_large_ones_smaller() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    uri = picture_uri(photo)
    assert uri.startswith(PNG_URI)
    large = picture_uri(np.zeros((2000, 3000, 3), np.uint8))
    assert large.startswith("data:image/jpeg;base64,") and len(large) < 100_000
