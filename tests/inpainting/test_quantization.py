"""Fewer colours."""

import numpy as np
import pytest

from pipeline.inpainting.quantization import quantize
from pipeline.params.evaluate import EvaluateParams
from pipeline.params.section import check


def num_colors(image: np.ndarray) -> int:
    return len(np.unique(image.reshape(-1, 3), axis=0))


def error(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.square(first.astype(float) - second).mean())


NOISE = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)


@pytest.mark.parametrize("wanted", [10, 80, 200])
def test_at_most_so_many_and_the_same_each_time(wanted: int) -> None:
    few = quantize(NOISE, wanted)
    assert few.shape == NOISE.shape and few.dtype == np.uint8
    assert 0.9 * wanted <= num_colors(few) <= wanted
    assert np.array_equal(few, quantize(NOISE, wanted))


def test_more_colours_are_nearer() -> None:
    errors = [error(quantize(NOISE, wanted), NOISE) for wanted in (10, 50, 200)]
    assert errors == sorted(errors, reverse=True)


def test_few_colours_stay_as_they_are() -> None:
    three = np.zeros((8, 8, 3), dtype=np.uint8)
    three[:3], three[3:5] = (250, 3, 77), (10, 200, 30)
    assert np.array_equal(quantize(three, 10), three)


def test_each_colour_is_the_mean_of_its_pixels() -> None:
    """What makes it k-means and not only a median cut."""
    few = quantize(NOISE, 10)
    for color in np.unique(few.reshape(-1, 3), axis=0):
        members = NOISE[(few == color).all(axis=2)]
        assert np.abs(members.mean(axis=0) - color).max() <= 1


@pytest.mark.parametrize("colors", [1, 9, 201, -1])
def test_other_numbers_are_refused(colors: int) -> None:
    values = {"baselines": [], "num_grid": 1, "colors": colors}
    with pytest.raises(ValueError, match=f"evaluate.colors is {colors}, but must be 0"):
        check("evaluate", EvaluateParams, values)
