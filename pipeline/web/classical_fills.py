"""Classical fills of a hole in a photo of any size, to hold beside a completion."""

import numpy as np

from pipeline.inpainting import baselines
from pipeline.params.evaluate import Baseline
from pipeline.report.titles import method_title

# px of the hole, from which on a fill takes longer than somebody waits who only compares (about ten
# seconds on one core); None: it never does.
FILLS: dict[Baseline, int | None] = {
    "telea": None,
    "navier_stokes": None,
    "harmonic": 1_000_000,
    "biharmonic": 200_000,
    "patch_copy": 20_000,
    "nearest": None,
    "mean_color": None,
}
# Of the hole's sides, known pixels around it that a fill sees.
MARGIN = 0.6
MIN_MARGIN = 16  # px


def titles() -> list[tuple[Baseline, str]]:
    """The fills and what the page calls them, each with a capital."""
    return [(name, method_title(name)) for name in FILLS]


def fill(name: str, photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """`photo` (H, W, 3) uint8 with its `mask` (H, W) bool filled, of the same size.

    Raises ValueError for a name that is none of FILLS, and for a hole too large for the method.
    """
    if name not in FILLS:
        raise ValueError(f"The fill is {name!r}, but must be one of: {', '.join(FILLS)}")
    limit, num_px = FILLS[name], int(mask.sum())
    if limit is not None and num_px > limit:
        raise ValueError(
            f"{method_title(name)} takes minutes for {num_px:,} px, and is left out of holes above "
            f"{limit:,} px: take another fill, or a smaller hole"
        )
    rows, columns = around(mask)
    filled = photo.copy()
    filled[rows, columns] = baselines.complete(name, photo[rows, columns], mask[rows, columns])
    return filled


def around(mask: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of what is masked, with a margin inside the image."""
    spans = []
    for axis, length in ((1, mask.shape[0]), (0, mask.shape[1])):
        places = np.flatnonzero(mask.any(axis=axis))
        first, last = int(places[0]), int(places[-1]) + 1
        margin = max(MIN_MARGIN, round(MARGIN * (last - first)))
        spans.append(slice(max(0, first - margin), min(length, last + margin)))
    return spans[0], spans[1]
