"""The photo most like an image, in pixels, out of any number of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

PHOTOS_AT_ONCE = 1024

# A key and an image, HWC uint8.
Keyed = tuple[str, Tensor]


@dataclass(frozen=True)
class Nearest:
    """Of each image, in their order."""

    keys: list[str]
    photos: Tensor  # (N, S, S, 3) uint8, mirrored where that is nearer
    distances: Tensor  # (N,) root of the mean squared difference, as a fraction of 255


def nearest_photos(pictures: Tensor, photos: Iterable[Keyed]) -> Nearest:
    """Looks at each photo and its mirror image; images (N, S, S, 3) uint8, at least one photo.

    The photos are gone through once and not kept. Of equally near ones the first counts.
    """
    best = Nearest([""] * len(pictures), pictures.clone(), torch.full((len(pictures),), torch.inf))
    remaining = iter(photos)
    while chunk := list(islice(remaining, PHOTOS_AT_ONCE)):
        keys = [key for key, _ in chunk]
        images = torch.stack([image for _, image in chunk]).to(pictures.device)
        for seen in (images, images.flip(2)):
            best = _nearer(pictures, best, keys, seen)
    assert all(best.keys), "no photos"
    return best


def _nearer(pictures: Tensor, best: Nearest, keys: list[str], photos: Tensor) -> Nearest:
    """`best` with the nearest of `photos` where they are nearer."""
    vectors, others = _vectors(pictures), _vectors(photos)
    found = (others.square().sum(dim=1) - 2 * vectors @ others.T).argmin(dim=1).cpu()
    candidates = photos[found.to(photos.device)]
    # By differences: products are too coarse to tell copies from near copies.
    squared = (vectors - _vectors(candidates)).square().mean(dim=1)
    distances = squared.sqrt().cpu()
    nearer = distances < best.distances
    chosen = nearer.to(pictures.device)[:, None, None, None]
    return Nearest(
        [
            keys[index] if is_nearer else key
            for key, index, is_nearer in zip(
                best.keys, found.tolist(), nearer.tolist(), strict=True
            )
        ],
        torch.where(chosen, candidates, best.photos),
        torch.where(nearer, distances, best.distances),
    )


def _vectors(pictures: Tensor) -> Tensor:
    """(N, S, S, 3) uint8 -> (N, 3 * S * S) float in 0..1."""
    return pictures.flatten(1).float() / 255
