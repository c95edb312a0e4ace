from collections import Counter

import numpy as np
import pytest

from pipeline.holes import Rectangle, box_around, mask_of, sample_hole

SIZES = {"image_size": 64, "hole_min": 20, "hole_max": 25}


def holes(num: int = 4000, split: str = "train", seed: int = 0) -> list[Rectangle]:
    return [sample_hole(seed=seed, split=split, key=f"k{i}", **SIZES) for i in range(num)]


def test_sides_are_uniform_over_20_to_25_inclusive() -> None:
    for side in ("height", "width"):
        counts = Counter(getattr(hole, side) for hole in holes())
        assert sorted(counts) == [20, 21, 22, 23, 24, 25]
        assert min(counts.values()) > 0.8 * 4000 / 6


def test_every_row_and_column_of_the_image_is_reached() -> None:
    covered = np.zeros((64, 64), dtype=int)
    for hole in holes():
        covered[hole.rows, hole.columns] += 1
        assert hole.top + hole.height <= 64 and hole.left + hole.width <= 64
    assert covered.any(axis=0).all() and covered.any(axis=1).all()


def test_hole_depends_on_seed_split_and_key_alone() -> None:
    assert holes(5) == holes(5)
    assert holes(50) != holes(50, split="val")
    assert holes(50) != holes(50, seed=1)


@pytest.mark.parametrize("box_size", [28, 64])
def test_box_holds_the_hole_and_lies_in_the_image(box_size: int) -> None:
    for hole in holes(500):
        box = box_around(hole, box_size=box_size, image_size=64)
        assert (box.height, box.width) == (box_size, box_size)
        assert 0 <= box.top <= hole.top and 0 <= box.left <= hole.left
        assert hole.top + hole.height <= box.top + box_size <= 64
        assert hole.left + hole.width <= box.left + box_size <= 64


def test_box_is_centred_where_it_can_be() -> None:
    box = box_around(Rectangle(20, 21, 20, 22), box_size=28, image_size=64)
    assert box == Rectangle(16, 18, 28, 28)


def test_mask_is_one_bit_and_white_in_the_hole_alone() -> None:
    hole = Rectangle(3, 5, 20, 25)
    mask = mask_of([hole], 64)
    pixels = np.asarray(mask)
    assert mask.mode == "1"
    assert pixels.sum() == 20 * 25
    assert pixels[3:23, 5:30].all()
