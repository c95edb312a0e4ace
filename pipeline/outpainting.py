"""Pictures made wider, strip by strip, by a generator that completes the strip at a right side."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import nn

from models.pixels import to_tensor, to_uint8
from models.recipe import seeded

Side = Literal["left", "right"]

# Of a window's width: the strip of a pass, where nothing else is said (Basquiat: 64 px of 256).
STRIP_SHARE = 0.25


@torch.no_grad()
def extend(
    generator: nn.Module,  # a Completer in inference mode
    image: np.ndarray,  # HWC uint8; its height is the generator's image size
    extent: int,  # px, at each of the sides
    sides: Sequence[Side],
    *,
    strip: int | None = None,  # px of a pass: what the generator was trained for
) -> np.ndarray:
    """`image` with `extent` px more at each of `sides`, HWC uint8; what it had stays bit for bit.

    Each pass sees a square window at the edge, with what passes before it have made. The left side
    is the right one of the mirrored picture. Sides are done in their order, so that of a picture
    narrower than a window the second may see what the first has made.
    """
    strip = round(STRIP_SHARE * image.shape[0]) if strip is None else strip
    _check(image, extent, sides, strip)
    for side in sides:
        if side == "left":
            image = _extend_right(generator, image[:, ::-1], extent, strip)[:, ::-1]
        else:
            image = _extend_right(generator, image, extent, strip)
    return np.ascontiguousarray(image)


def _check(image: np.ndarray, extent: int, sides: Sequence[Side], strip: int) -> None:
    if extent < 1:
        raise ValueError(f"extent is {extent}, but must be >= 1 px")
    if not sides or len(set(sides)) < len(sides) or not set(sides) <= {"left", "right"}:
        raise ValueError(f"sides are {list(sides)}, but must be left, right, or both")
    if not 1 <= strip < image.shape[0]:
        raise ValueError(
            f"strip is {strip}, but must be >= 1 and below the picture's height, {image.shape[0]}"
        )


def _extend_right(generator: nn.Module, image: np.ndarray, extent: int, strip: int) -> np.ndarray:
    width = image.shape[1] + extent
    while image.shape[1] < width:
        made = _next_strip(generator, image, strip)
        image = np.concatenate([image, made[:, : width - image.shape[1]]], axis=1)
    return image


def _next_strip(generator: nn.Module, image: np.ndarray, strip: int) -> np.ndarray:
    """(H, strip, 3): what comes to the right of `image`."""
    size = image.shape[0]
    known = image[:, -(size - strip) :]
    # A narrow picture leaves the window empty on its far side too: that is made up and thrown away.
    missing = size - strip - known.shape[1]
    window = np.pad(known, ((0, 0), (missing, strip), (0, 0)))
    mask = torch.zeros(1, 1, size, size)
    mask[..., :missing] = 1
    mask[..., size - strip :] = 1
    device = next(generator.parameters()).device
    pixels = to_tensor(torch.from_numpy(window)[None].to(device))
    with seeded(0, "outpainting"):
        output = generator(pixels, mask.to(device))
    made: np.ndarray = to_uint8(output)[0, :, size - strip :].cpu().numpy()
    return made
