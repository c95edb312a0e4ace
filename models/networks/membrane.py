"""The classical start of a completion: a membrane spanned over the hole, by multigrid.

Laplace's equation on the hole's pixels, the known ones fixed, with zero flux where the photo ends.
Any shape of hole and all photos of a batch at once, by a fixed number of matrix products, so that
it can be exported. Brandt 1977, "Multi-level adaptive solutions to boundary-value problems".
"""

from typing import NamedTuple

import torch
from torch import Tensor

CYCLES = 2  # after the first guess
SWEEPS = 2  # over the pixels of a level before the coarser ones, and after them
COARSE_SIDE, COARSE_SWEEPS = 8, 4  # px; a level this small costs next to nothing
DAMPING = 0.8  # of a sweep
WHOLE = 3.5  # of four pixels of the hole make one of the coarser level's


class Level(NamedTuple):
    """The hole at some size, and what acts on the two axes there."""

    hole: Tensor  # (N, 1, H, W)
    bend_rows: Tensor  # (H, H), see _bending
    bend_columns: Tensor  # (W, W)
    rows: Tensor  # (H, ceil(H / 2)), see _interpolation
    columns: Tensor  # (W, ceil(W / 2))

    def bent(self, values: Tensor) -> Tensor:
        """Each pixel of the hole less the mean of its neighbours; beyond the border lie none."""
        return self.hole * (self.bend_rows @ values + values @ self.bend_columns)

    def coarser(self, values: Tensor) -> Tensor:
        """Sums over some four pixels."""
        return self.rows.mT @ values @ self.columns

    def finer(self, values: Tensor) -> Tensor:
        """Interpolated linearly."""
        return self.rows @ values @ self.columns.mT


@torch.no_grad()
def membrane(values: Tensor, mask: Tensor) -> Tensor:
    """(N, C, H, W), (N, 1, H, W), 1 = hole -> `values` with the holes filled.

    No value of a hole has an influence. Where nothing is known the fill is 0. In full precision,
    also under autocast.
    """
    with torch.autocast(values.device.type, enabled=False):
        levels = _levels((mask > 0).to(values.dtype))
        known = torch.where(mask > 0, torch.zeros_like(values), values)
        filled = _guess(known, levels[0].hole, levels)
        for _ in range(CYCLES):
            missing = -levels[0].bent(filled)
            change = _cycle(missing, levels)
            # As far along as it lowers the membrane's energy most: any shape of hole converges.
            gain = (change * missing).sum(dim=(2, 3), keepdim=True)
            cost = (change * levels[0].bent(change)).sum(dim=(2, 3), keepdim=True)
            filled = filled + change * (gain / cost.clamp(min=1e-12))
        return torch.where(mask > 0, filled, values)


def _levels(hole: Tensor) -> list[Level]:
    """From the photo's size down to one pixel."""
    levels = []
    while True:
        height, width = hole.shape[-2:]
        level = Level(
            hole,
            _bending(height, hole),
            _bending(width, hole),
            _interpolation(height, hole),
            _interpolation(width, hole),
        )
        levels.append(level)
        if max(height, width) == 1:
            return levels
        hole = (levels[-1].coarser(hole) >= WHOLE).to(hole.dtype)


def _guess(known: Tensor, hole: Tensor, levels: list[Level]) -> Tensor:
    """From coarse to fine: where no pixel is known, what the coarser level has."""
    level, *rest = levels
    if not rest:
        return known
    share = level.coarser(1 - hole)
    means = level.coarser(known) / share.clamp(min=1e-6)
    coarse = _guess(means, (share < 1e-6).to(known.dtype), rest)
    return known + hole * level.finer(coarse)


def _cycle(source: Tensor, levels: list[Level]) -> Tensor:
    """One V-cycle for `bent(result) = source` in the hole, 0 outside of it."""
    level, *rest = levels
    num = COARSE_SWEEPS if max(source.shape[-2:]) <= COARSE_SIDE else SWEEPS
    result = DAMPING * source
    for _ in range(num - 1):
        result = result + DAMPING * (source - level.bent(result))
    if len(rest) > 1:  # a level of one pixel has nothing to bend
        missing = rest[0].hole * level.coarser(source - level.bent(result))
        result = result + level.hole * level.finer(_cycle(missing, rest))
    for _ in range(num):
        result = result + DAMPING * (source - level.bent(result))
    return result


def _bending(num: int, like: Tensor) -> Tensor:
    """(num, num): a quarter of each pixel's differences to its neighbours in a row."""
    places = torch.arange(num, device=like.device)
    beside = ((places[:, None] - places).abs() == 1).to(like.dtype)
    return (torch.diag(beside.sum(dim=1)) - beside) / 4


def _interpolation(num: int, like: Tensor) -> Tensor:
    """(num, ceil(num / 2)): linear between the middles of pairs of pixels."""
    num_coarse = (num + 1) // 2
    fine = torch.arange(num, device=like.device, dtype=like.dtype)
    coarse = torch.arange(num_coarse, device=like.device, dtype=like.dtype)
    places = ((fine - 0.5) / 2).clamp(0, num_coarse - 1)
    return (1 - (places[:, None] - coarse).abs()).clamp(min=0)
