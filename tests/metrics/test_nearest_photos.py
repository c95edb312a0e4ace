"""Nearest photos: exact, mirrored ones too, in chunks."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from pipeline.metrics import nearest_photos as module
from pipeline.metrics.nearest_photos import Keyed, nearest_photos

SIDE = 8


def noise(num: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (num, SIDE, SIDE, 3), generator=generator, dtype=torch.uint8)


def keyed(photos: Tensor) -> Iterator[Keyed]:
    yield from ((f"photo-{number}", photo) for number, photo in enumerate(photos))


def test_copies_are_at_0_and_mirrored_ones_too() -> None:
    photos = noise(5, seed=0)
    pictures = torch.stack([photos[3], photos[1].flip(1)])
    found = nearest_photos(pictures, keyed(photos))
    assert found.keys == ["photo-3", "photo-1"]
    assert found.distances.tolist() == [0, 0]
    assert torch.equal(found.photos, pictures)


def test_one_level_in_one_value_is_told_from_a_copy() -> None:
    photos = noise(3, seed=0).clamp(max=254)
    picture = photos[2:3].clone()
    picture[0, 0, 0, 0] += 1
    found = nearest_photos(picture, keyed(photos))
    assert found.keys == ["photo-2"]
    assert found.distances.item() == pytest.approx(1 / 255 / (3 * SIDE * SIDE) ** 0.5)


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_as_by_brute_force_for_any_chunk(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PHOTOS_AT_ONCE", at_once)
    pictures, photos = noise(6, seed=1), noise(11, seed=2)
    found = nearest_photos(pictures, keyed(photos))
    both = torch.stack([photos, photos.flip(2)])
    apart = (pictures[:, None, None].double() - both).square().mean(dim=(3, 4, 5)).sqrt() / 255
    nearest = apart.amin(dim=1)  # over the two orientations
    torch.testing.assert_close(found.distances.double(), nearest.amin(dim=1), rtol=1e-5, atol=0)
    assert found.keys == [f"photo-{index}" for index in nearest.argmin(dim=1).tolist()]
