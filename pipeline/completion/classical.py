"""The holes of an image of any size, filled classically: nothing is trained, nothing is drawn."""

import numpy as np

from pipeline.completion.blends import Blend, blended
from pipeline.completion.holes import holes_of
from pipeline.completion.regions import grown_box
from pipeline.inpainting import baselines
from pipeline.params.evaluate import FillName

# px between holes that are filled together; fills look no further than some px.
NEAR = 20
# What is seen around a hole: as much as it is long, and at least so many px.
LEAST_SEEN = 32
# Patch copy holds every place of what it sees in memory, some 2 KB each.
MAX_PATCH_PIXELS = 1_000_000


def filled(name: FillName, image: np.ndarray, mask: np.ndarray, *, blend: Blend) -> np.ndarray:
    """`image` (HWC uint8 RGB) with the True pixels of `mask` (HW) filled, the rest bit for bit.

    Each hole, with those near it, from what lies around it. No pixel of a hole has an influence.
    ValueError where all is hole, or where a fill cannot work on so much.
    """
    if mask.all():
        raise ValueError(
            "the mask covers the whole image: a fill continues what is known, so that some pixels "
            "must be outside the holes"
        )
    picture = np.where(mask[..., None], np.uint8(0), image)
    result = picture.copy()
    holes, labels = holes_of(mask, NEAR)
    for hole in holes:
        region = grown_box(hole.box, max(hole.length, LEAST_SEEN), mask.shape)
        there = region.rows, region.columns
        if name == "patch_copy" and region.height * region.width > MAX_PATCH_PIXELS:
            raise ValueError(
                f"patch_copy compares the hole with all that lies around it, here "
                f"{region.width}x{region.height} px: at most {MAX_PATCH_PIXELS:,} px are possible; "
                "take another --model, or a smaller photo"
            )
        made = baselines.complete(name, picture[there], mask[there])
        made = blended(made, mask[there], blend)
        own = labels[there] == hole.number
        result[there][own] = made[own]
    return result
