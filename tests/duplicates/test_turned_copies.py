import io

import numpy as np
import pytest
from PIL import Image

from pipeline.duplicates import turned_copies
from pipeline.duplicates.descriptors import LENGTH, descriptor
from pipeline.duplicates.near_copies import join_pairs
from pipeline.duplicates.turned_copies import find_turned_copies
from support.pictures import picture

NUM = 40


def shown(images: list[Image.Image]) -> np.ndarray:
    return np.stack([descriptor(image) for image in images])


def saved_again(image: Image.Image) -> Image.Image:
    """At half the size and a low quality."""
    file = io.BytesIO()
    image.reduce(2).save(file, "jpeg", quality=40)
    return Image.open(file)


@pytest.mark.parametrize("turn", list(Image.Transpose))
@pytest.mark.parametrize("size", [(256, 256), (256, 192)])
def test_turned_and_mirrored_copies_are_found(turn: Image.Transpose, size: tuple[int, int]) -> None:
    photos = [picture(number, size) for number in range(NUM)]
    copies = [saved_again(photo.transpose(turn)) for photo in photos[::4]]
    pairs = find_turned_copies(shown(photos + copies))
    expected = [(number, NUM + place) for place, number in enumerate(range(0, NUM, 4))]
    assert [tuple(pair) for pair in pairs.T] == expected


def test_what_is_not_turned_is_left_to_the_hashes() -> None:
    photos = [picture(number) for number in range(NUM)]
    assert find_turned_copies(shown(photos + [saved_again(each) for each in photos])).size == 0


@pytest.mark.parametrize("num", [0, 1, 2, 7])
def test_photos_of_one_colour_are_nobodys_copies(num: int) -> None:
    assert find_turned_copies(np.zeros((num, LENGTH), np.int8)).shape == (2, 0)


def test_nothing_nearer_is_ruled_out_beforehand() -> None:
    """What a turn does not change is never further apart than two photos are in any position."""
    random = np.random.default_rng(0)
    values = shown([picture(number) for number in range(NUM)])
    noisy = (values + random.integers(-3, 4, values.shape)).astype(np.int8)
    for position in turned_copies._positions(noisy):
        kept, other = (turned_copies._constant(each.astype(np.int8)) for each in (values, position))
        assert (other == turned_copies._constant(noisy)).all()
        apart = np.linalg.norm(kept.astype(float) - other, axis=1)
        assert (
            apart <= np.linalg.norm(values.astype(float) - position, axis=1) + LENGTH**0.5
        ).all()


def test_pairs_join_whole_groups() -> None:
    groups = np.array([0, 1, 0, 3, 1, 5])
    joined = join_pairs(groups, np.array([[2], [5]]))
    assert joined.tolist() == [0, 1, 0, 3, 1, 0]
    assert join_pairs(groups, np.empty((2, 0), np.int64)).tolist() == groups.tolist()
