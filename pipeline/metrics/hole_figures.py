"""Figures of completed 8-bit images for the curves of a training; no randomness.

All take completed and original (N, S, S, 3) uint8 and mask (N, 1, S, S) bool, True = completed
pixels, at least one a photo; any shape of hole, any device. The three ratios sum whole grey levels,
so every device finds the same number; each is 1 where the completed images are as the originals.
"""

import torch
from torch import Tensor

from pipeline.metrics.pooled_ratio import pooled_ratio
from pipeline.metrics.psnr import PSNR_CAP

# Cells along each side of a box; with 28 px, 7 px each: colours of regions and not of pixels.
CELLS = 4


def hole_figures(
    completed: Tensor, original: Tensor, mask: Tensor, box: Tensor
) -> dict[str, float]:
    """All figures by name; box (N, 4) int64 [top, left, height, width]."""
    return {
        "hole_l1": hole_l1(completed, original, mask),
        "hole_psnr": hole_psnr(completed, original, mask),
        "seam_ratio": seam_ratio(completed, original, mask),
        "detail_ratio": detail_ratio(completed, original, mask),
        "diversity": diversity(completed, original, mask, box),
    }


def whole_figures(pictures: Tensor, originals: Tensor) -> dict[str, float]:
    """Those that need no image to be a completion of an original: made up images have them."""
    num, height, width, _ = originals.shape
    mask = torch.ones(num, 1, height, width, dtype=torch.bool, device=originals.device)
    box = torch.tensor([[0, 0, height, width]] * num, device=originals.device)
    return {
        "detail_ratio": detail_ratio(pictures, originals, mask),
        "diversity": diversity(pictures, originals, mask, box),
    }


def hole_l1(completed: Tensor, original: Tensor, mask: Tensor) -> float:
    """Mean over the photos of the hole's mean absolute error, as a fraction of 255: 0 = equal."""
    errors, num_values = _errors(completed, original, mask)
    return (errors.abs().sum(dim=(1, 2, 3)) / num_values).mean().item()


def hole_psnr(completed: Tensor, original: Tensor, mask: Tensor) -> float:
    """Mean over the photos of the hole's PSNR in dB, each at most PSNR_CAP."""
    errors, num_values = _errors(completed, original, mask)
    squared = errors.square().sum(dim=(1, 2, 3)) / num_values
    return (-10 * torch.log10(squared)).clamp(max=PSNR_CAP).mean().item()


def seam_ratio(completed: Tensor, original: Tensor, mask: Tensor) -> float:
    """How large the steps across the hole's border are, in terms of the originals' there.

    Mean absolute difference of the pairs of neighbouring pixels of which one is completed, over
    all photos, completed / original: 1 = as smooth as truth, large = the holes do not fit their
    surroundings. 1 where no photo has such a pair, since it is one hole from edge to edge.
    """
    hole = _hole(completed, original, mask)
    steps = [_seam_steps(pictures.short(), hole) for pictures in (completed, original)]
    return float(pooled_ratio(*steps))


def detail_ratio(completed: Tensor, original: Tensor, mask: Tensor) -> float:
    """How much fine detail the holes have, in terms of the originals'.

    Mean squared Laplacian over the hole pixels of all photos, completed / original: 1 = as sharp,
    near 0 = a smooth fill, large = noise. The Laplacian takes the differences to those of the four
    neighbours that lie in the hole as well, so that the seam does not count as detail and holes of
    any shape have one.
    """
    hole = _hole(completed, original, mask)
    energies = [_laplacian_energy(pictures.short(), hole) for pictures in (completed, original)]
    return float(pooled_ratio(*energies))


def diversity(completed: Tensor, original: Tensor, mask: Tensor, box: Tensor) -> float:
    """How much the holes differ from photo to photo, in terms of the originals'.

    Over each box lie CELLS x CELLS cells. A cell's spread is the standard deviation, over the
    photos, of the mean colour of the hole pixels in it; the figure is the mean spread of the cells
    and colour channels, completed / original: 0 = all holes are filled alike, 1 = as diverse as the
    originals. Cells with hole pixels in fewer than two photos are left out; 1 where all are. One
    whole image given for every photo does not read as alike: each hole shows another part of it.
    """
    hole = _hole(completed, original, mask)
    counts = _cell_sums(hole.short(), box)
    spreads = [
        _mean_spread(_cell_sums(pictures.short() * hole, box), counts)
        for pictures in (completed, original)
    ]
    return float(pooled_ratio(*spreads))


def _hole(completed: Tensor, original: Tensor, mask: Tensor) -> Tensor:
    """The mask as (N, S, S, 1), after a look at all that is given."""
    assert completed.dtype == original.dtype == torch.uint8 and mask.dtype == torch.bool
    assert completed.shape == original.shape == (*mask.shape[:1], *mask.shape[2:], 3)
    hole = mask.permute(0, 2, 3, 1)
    assert hole.any(dim=(1, 2, 3)).all(), "a photo without a hole"
    return hole


def _errors(completed: Tensor, original: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """(N, S, S, 3) float in -1..1, 0 outside the hole; (N,) values in each hole."""
    hole = _hole(completed, original, mask)
    errors = (completed.float() - original.float()) / 255 * hole
    return errors, 3 * hole.sum(dim=(1, 2, 3))


def _seam_steps(pictures: Tensor, hole: Tensor) -> float:
    """Sum over the pairs across the border of the absolute difference, in grey levels."""
    total = 0
    for axis in (1, 2):
        across = hole.diff(dim=axis)  # of booleans: unequal
        total += int((pictures.diff(dim=axis).abs() * across).sum())
    return float(total)


def _laplacian_energy(pictures: Tensor, hole: Tensor) -> float:
    """Sum over the hole pixels of the squared Laplacian, in grey levels squared."""
    laplacian = torch.zeros_like(pictures, dtype=torch.int32)
    for axis in (1, 2):
        length = pictures.shape[axis]
        both = hole.narrow(axis, 1, length - 1) & hole.narrow(axis, 0, length - 1)
        steps = pictures.diff(dim=axis) * both
        laplacian.narrow(axis, 0, length - 1).add_(steps)
        laplacian.narrow(axis, 1, length - 1).sub_(steps)
    return float(laplacian.square().sum())


def _cell_sums(values: Tensor, box: Tensor) -> Tensor:
    """(N, S, S, C) whole numbers -> (N, CELLS, CELLS, C) their sums in the cells of each box."""
    top, left, height, width = box[:, :, None].unbind(1)
    rows = _bands(top, height, values.shape[1])
    columns = _bands(left, width, values.shape[2])
    by_row = [(values * band[:, :, None, None]).sum(dim=1) for band in rows]
    cells = [[(row * band[:, :, None]).sum(dim=1) for band in columns] for row in by_row]
    return torch.stack([torch.stack(row, dim=1) for row in cells], dim=1)


def _bands(start: Tensor, length: Tensor, size: int) -> list[Tensor]:
    """CELLS times (N, size) bool: the rows (or columns) of each band of the boxes."""
    offsets = torch.arange(size, device=start.device) - start
    numbers = torch.div(offsets * CELLS, length, rounding_mode="floor")
    return [numbers == number for number in range(CELLS)]


def _mean_spread(sums: Tensor, counts: Tensor) -> float:
    """Grey levels; on the CPU, since some devices know no double precision."""
    sums, counts = sums.cpu().double(), counts.cpu().double()
    present = (counts > 0).double()
    num_photos = present.sum(dim=0)  # (CELLS, CELLS, 1)
    means = sums / counts.clamp(min=1)
    centre = (means * present).sum(dim=0) / num_photos.clamp(min=1)
    variance = ((means - centre).square() * present).sum(dim=0) / num_photos.clamp(min=1)
    spread: Tensor = variance.sqrt()[(num_photos > 1).expand_as(variance)]
    return spread.mean().item() if len(spread) else 0.0
