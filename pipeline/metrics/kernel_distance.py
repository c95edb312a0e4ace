"""KID: how far two sets of features are apart by a kernel (Binkowski et al. 2018).

The two sets here are the same photos, completed and original: a photo's two boxes share their known
pixels. So the estimate is the one over pairs of different photos (Gretton et al. 2012, equation 4),
which such twins do not lower, and which is exactly 0 for equal sets; torchmetrics' counts the twins
too.
"""

import torch
from torch import Tensor

from pipeline.metrics.intervals import Z

DEGREE = 3  # of the polynomial kernel, as published
NUM_HALVES = 100
SEED = 0  # of the halves
ROWS_AT_ONCE = 1024  # of the kernel's matrix


def kernel_distance(completed: Tensor, originals: Tensor) -> tuple[float, float, float]:
    """Value and the ends of its 95 % interval; (N, F) float both, N >= 4, a row a photo in each.

    Unbiased, so that it may be below 0 and does not depend on N. The interval is that of the values
    of random halves: the spread of half of the photos, drawn without replacement, is the error of
    all of them (Shao and Wu 1989).
    """
    assert completed.shape == originals.shape and len(completed) >= 4
    everything = torch.ones(1, len(completed))
    values = _values(completed, originals, torch.cat([everything, _halves(len(completed))]))
    value, spread = values[0].item(), values[1:].std().item()
    return value, value - Z * spread, value + Z * spread


def _halves(num: int) -> Tensor:
    """(NUM_HALVES, num): 1 for the photos of the half, else 0."""
    generator = torch.Generator().manual_seed(SEED)
    order = torch.stack([torch.randperm(num, generator=generator) for _ in range(NUM_HALVES)])
    return (order < num // 2).float()


def _values(completed: Tensor, originals: Tensor, subsets: Tensor) -> Tensor:
    """(subsets,) the distance of each; the kernel's matrix is never there as a whole."""
    subsets = subsets.to(completed)
    sums = torch.zeros(len(subsets), dtype=torch.float64, device=completed.device)
    for start in range(0, len(completed), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        pairs = _kernel(completed[rows], completed) + _kernel(originals[rows], originals)
        pairs -= _kernel(completed[rows], originals) + _kernel(originals[rows], completed)
        pairs.diagonal(start).zero_()  # a photo with itself is no pair
        sums += ((subsets[:, rows] @ pairs) * subsets).sum(dim=1).double()
    sizes = subsets.double().sum(dim=1)
    return sums / (sizes * (sizes - 1))


def _kernel(first: Tensor, second: Tensor) -> Tensor:
    return (first @ second.T / first.shape[1] + 1) ** DEGREE
