"""Painted landscapes: right shape, varied, textured, a function of the generator alone."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from pipeline.sources.synthetic import landscapes
from pipeline.sources.synthetic.draws import Draws

FACTS = Path(__file__).parents[3] / "shared/data/places365_facts/categories_places365.txt"


def paint(category: str, seed: int) -> npt.NDArray[np.uint8]:
    return landscapes.paint(category, Draws(seed))


@pytest.mark.parametrize("category", landscapes.CATEGORIES)
def test_pictures_differ_and_repeat(category: str) -> None:
    first, second = paint(category, 1), paint(category, 2)
    assert first.shape == (256, 256, 3) and first.dtype == np.uint8
    assert np.array_equal(first, paint(category, 1))
    assert np.abs(first.astype(int) - second).mean() > 8


@pytest.mark.parametrize("category", landscapes.CATEGORIES)
def test_pictures_use_the_range_and_have_texture(category: str) -> None:
    for seed in range(3):
        image = paint(category, seed)
        assert image.std() > 18
        small = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32)
        smooth = cv2.GaussianBlur(small, (0, 0), 6)
        # What is left beside a blur as wide as a hole of 20 px cannot be had by interpolation.
        assert np.abs(small - smooth).mean() > 1.0


def test_size_is_free() -> None:
    for size in (64, 96, 300):
        image = landscapes.paint("l/lake/natural", Draws(0), size)
        assert image.shape == (size, size, 3)


def test_horizon_lies_in_or_just_below_the_picture() -> None:
    for category in landscapes.CATEGORIES:
        _, horizon = landscapes.paint_with_horizon(category, Draws(3))
        assert 0.2 < horizon < 1.05


def test_unknown_category_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'m/mountian' but must be one of .*m/mountain"):
        paint("m/mountian", 0)


@pytest.mark.skipif(not FACTS.is_file(), reason=f"{FACTS} is absent")
def test_categories_are_true_places365_names() -> None:
    names = {line.split()[0].removeprefix("/") for line in FACTS.read_text().splitlines()}
    assert set(landscapes.CATEGORIES) <= names
    assert "s/skyscraper" in landscapes.CATEGORIES
