"""Single pixels."""

import numpy as np
import pytest

from support.cutters import cutter


def test_the_number_of_pixels_is_exact_and_uniform_in_its_range() -> None:
    num_pixels = cutter("random_pixels").cut("a", 2000).masks.sum(axis=(1, 2))
    assert num_pixels.min() >= 410 and num_pixels.max() <= 3686  # of 4096: 10 .. 90 %
    tenths = np.histogram(num_pixels, bins=8, range=(410, 3686))[0]
    assert tenths.min() > 200
    half = cutter("random_pixels", share_min=0.5, share_max=0.5).cut("a", 20)
    assert (half.masks.sum(axis=(1, 2)) == 2048).all()


def test_every_pixel_is_as_likely() -> None:
    often = cutter("random_pixels", share_min=0.5, share_max=0.5).cut("a", 2000).masks.mean(axis=0)
    assert 0.44 < often.min() and often.max() < 0.56


@pytest.mark.parametrize(("image_size", "corner"), [(64, 18), (65, 19)])
def test_the_box_is_in_the_middle(image_size: int, corner: int) -> None:
    boxes = cutter("random_pixels", image_size).cut("a", 2).boxes
    assert boxes.tolist() == [[corner, corner, 28, 28]] * 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"share_min": 0.0001}, "share_min is 0.0001, which is no pixel of 64 x 64"),
        ({"share_max": 0.9999}, "share_max is 0.9999, which is every pixel of 64 x 64"),
        ({"share_max": 0.05}, "share_min is 0.1 but must be <= holes.random_pixels.share_max"),
        ({"share_max": 1.0}, "holes.random_pixels.share_max is 1.0, but"),
    ],
)
def test_what_does_not_fit(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cutter("random_pixels", **changes)


def test_one_pixel_and_all_but_one() -> None:
    ends = {"share_min": 1 / 4096, "share_max": 4095 / 4096}
    num_pixels = cutter("random_pixels", **ends).cut("a", 500).masks.sum(axis=(1, 2))
    assert 0 < num_pixels.min() < 41 and 4055 < num_pixels.max() < 4096
