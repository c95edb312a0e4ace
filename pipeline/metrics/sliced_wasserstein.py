"""How far two sets of images are from each other in their small patches; needs no weights.

After Karras et al. 2018 (arXiv 1710.10196): patches from the levels of a Laplacian pyramid, each
set's projected to random directions, where the distance of two sets is that of their sorted values.
Two choices differ. Every image gives the patches of the same places, so that the order of a set
does not matter. And both sets are divided by their common spread, not each by its own, under which
a shift of colours or a loss of contrast would not show.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

PATCH = 7  # px, side of a patch
NUM_PATCHES = 64  # of an image at each level, or all that there are
NUM_DIRECTIONS = 128
DIRECTIONS_AT_ONCE = 16
SEED = 0  # of places and directions
# Smallest side of a level: below, a patch is more than half of it.
MIN_SIDE = 2 * PATCH
# Binomial weights, as in the pyramid of Burt and Adelson 1983.
WEIGHTS = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16


@torch.no_grad()
def sliced_wasserstein(first: Tensor, second: Tensor) -> float:
    """Mean over the levels, 0 = equal sets; (N, H, W, 3) uint8 both, sides of at least PATCH px.

    In units of the patches' standard deviation. Two sets drawn from the same photos are apart too,
    the further the smaller they are: compare with such a pair of the same size.
    """
    assert first.dtype == second.dtype == torch.uint8 and first.shape == second.shape
    generator = torch.Generator().manual_seed(SEED)
    levels = zip(_pyramid(first), _pyramid(second), strict=True)
    distances = [_distance(one, other, generator) for one, other in levels]
    return sum(distances) / len(distances)


def _pyramid(pictures: Tensor) -> Iterator[Tensor]:
    """(N, 3, H, W) float: what each halving loses, from the finest, and at last what is left."""
    level = pictures.permute(0, 3, 1, 2).float() / 255
    while min(level.shape[2:]) >= 2 * MIN_SIDE:
        smaller = _blur(level)[:, :, ::2, ::2]
        spread = torch.zeros_like(level)
        spread[:, :, ::2, ::2] = smaller
        yield level - 4 * _blur(spread)
        level = smaller
    yield level


def _blur(level: Tensor) -> Tensor:
    """The same size; pixels beyond the border are mirrored."""
    weights = WEIGHTS.to(level.device)
    kernel = (weights[:, None] * weights).expand(3, 1, -1, -1)
    return functional.conv2d(functional.pad(level, (2, 2, 2, 2), "reflect"), kernel, groups=3)


def _distance(first: Tensor, second: Tensor, generator: torch.Generator) -> float:
    """Of two sets at one level."""
    # (P, 2) top and left of patches inside, none twice.
    height, width = first.shape[2:]
    rows, columns = height - PATCH + 1, width - PATCH + 1
    assert min(rows, columns) > 0, f"images of {height}x{width} px hold no patch of {PATCH} px"
    chosen = torch.randperm(rows * columns, generator=generator)[:NUM_PATCHES]
    places = torch.stack([chosen // columns, chosen % columns], dim=1)
    # (2, N * P, 3 * PATCH * PATCH).
    patches = torch.stack([_patches(level, places) for level in (first, second)])
    # Of the colour channels, over all patches of both.
    by_channel = patches.view(-1, 3, PATCH**2)
    spread, centre = torch.std_mean(by_channel, dim=(0, 2), correction=0, keepdim=True)
    by_channel.sub_(centre).div_(spread.clamp(min=1e-8))
    directions = torch.randn(patches.shape[2], NUM_DIRECTIONS, generator=generator)
    directions = (directions / directions.norm(dim=0)).to(patches.device)
    # Each direction's distance is the mean one of both sets' sorted values.
    parts = []
    for part in directions.split(DIRECTIONS_AT_ONCE, dim=1):
        ordered = _sorted(part.T @ patches.mT)
        parts.append((ordered[0] - ordered[1]).abs().mean(dim=1))
    return torch.cat(parts).mean().item()


def _sorted(values: Tensor) -> Tensor:
    """Along the last axis. On the CPU by numpy: its sort is vectorised, torch's is not."""
    if values.device.type != "cpu":
        return values.sort(dim=-1).values
    return torch.from_numpy(np.sort(values.numpy(), axis=-1))


def _patches(level: Tensor, places: Tensor) -> Tensor:
    """(N, 3, H, W) -> (N * P, 3 * PATCH * PATCH)."""
    cut = [level[:, :, top : top + PATCH, left : left + PATCH] for top, left in places.tolist()]
    return torch.stack(cut, dim=1).flatten(0, 1).flatten(1)
