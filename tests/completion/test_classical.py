"""Classical fills by name, of images of any size."""

from typing import get_args

import numpy as np
import pytest

from pipeline.api import FILLS, load
from pipeline.completion.classical import filled
from pipeline.inpainting import baselines
from pipeline.params.evaluate import FillName


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def two_holes() -> np.ndarray:
    mask = np.zeros((120, 200), bool)
    mask[10:22, 10:40] = mask[80:90, 150:200] = True
    return mask


@pytest.mark.parametrize("name", get_args(FillName))
def test_known_pixels_stay_and_holes_do_not_count(name: FillName) -> None:
    image, mask = noise(120, 200), two_holes()
    other = np.where(mask[..., None], noise(120, 200, seed=1), image)
    one, two = (load(name).complete(each, mask) for each in (image, other))
    assert np.array_equal(one, two) and np.array_equal(one[~mask], image[~mask])


def test_harmonic_by_region_is_that_of_the_whole_image() -> None:
    image, mask = noise(120, 200), two_holes()
    whole = baselines.complete("harmonic", image, mask)
    assert np.array_equal(filled("harmonic", image, mask, blend="none"), whole)


def test_the_names_are_those_of_the_fills_and_an_unknown_one_lists_them() -> None:
    assert set(FILLS) == set(baselines.FILLS) and len(FILLS) == 8
    assert [load(name).recipe for name in FILLS] == list(FILLS)
    with pytest.raises(
        ValueError, match=r"harmonik is no trained generator.*biharmonic.*`harmonic`"
    ):
        load("harmonik")


def test_fills_outpaint_too() -> None:
    image = noise(40, 50)
    wide = load("nearest").outpaint(image, 0.2, ["right"])
    assert np.array_equal(wide[:, :50], image)
    assert (wide[:, 50:] == image[:, -1:]).all()


def test_patch_copy_of_too_much_is_refused() -> None:
    image = np.zeros((1100, 1100, 3), np.uint8)
    mask = np.zeros((1100, 1100), bool)
    mask[300:700, 300:700] = True
    with pytest.raises(ValueError, match="patch_copy compares.*1100x1100 px: at most 1,000,000"):
        load("patch_copy").complete(image, mask)
