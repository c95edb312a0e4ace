"""Detail for a smooth completion, taken from the photo's own known pixels.

A completion that errs least is the mean of all that might be there, and so has no texture. Beside
it lies texture of the same photo: blocks of it, without their low frequencies, are laid over the
hole half overlapping, each the one whose colours, texture and place are nearest, pixel by pixel, to
what the smooth completion has there.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

BLOCKS_A_SIDE = 8  # of the photo; they overlap by half
SIGMA, REACH = 1.0, 2  # px; of the Gaussian whose rest is detail, and of its kernel
# What makes a block near: differences of colours in [-1, 1] count 1.
PLACE_WEIGHT = 0.6  # of a difference in rows or columns of a photo's side
TEXTURE_WEIGHT = 4.0  # of one of standard deviations, which are small
# Standard deviation of the detail around, in [-1, 1], at which half of it is laid down: a little
# grain in what is smooth is the first to be seen, and costs the most likeness (docs/recipe.md).
HALF_TEXTURE = 0.2
UNKNOWN = 1e3  # added to the distance of a block that is not wholly known


@torch.no_grad()
def detail_of(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """image (N, 3, S, S), mask (N, 1, S, S), 1 = hole -> its detail, and how much there is.

    (N, 3, S, S), (N, 1, S, S): what a Gaussian mean of the known pixels leaves, and its standard
    deviation around each pixel. Both are 0 in the hole, of which no pixel has an influence.
    """
    with torch.autocast(image.device.type, enabled=False):
        known = 1 - (mask > 0).to(image.dtype)
        shown = torch.where(mask > 0, torch.zeros_like(image), image)
        fine = known * (shown - _mean_of_known(shown, known))
        energy = fine.square().mean(dim=1, keepdim=True)
        energy = _mean_of_known(_mean_of_known(energy, known), known)
        return fine, known * energy.clamp(min=0).sqrt()


@torch.no_grad()
def known_detail(smooth: Tensor, mask: Tensor, fine: Tensor, texture: Tensor) -> Tensor:
    """The detail to be added to the completed photos `smooth` in the hole, (N, 3, S, S).

    `fine` is that of `detail_of`; `texture` (N, 1, S, S) how much of it is around, also in the
    hole. Never more is laid down, so that a sky beside a wood stays a sky, and the less there is
    the smaller a share of it. 0 where no whole block is known.
    """
    with torch.autocast(smooth.device.type, enabled=False):
        size = smooth.shape[-1]
        block = size // BLOCKS_A_SIDE
        half, step = block // 2, block // 4
        # Sources are the known blocks. Targets lie on a grid that begins half a block outside.
        wide, wide_texture = (
            functional.pad(each, (half,) * 4, "replicate") for each in (smooth, texture)
        )
        sources = _signatures(smooth, texture, block, step, 0, size)
        targets = _signatures(wide, wide_texture, block, half, -half, size)
        hidden = (mask > 0).to(smooth.dtype)
        whole = 1 - functional.max_pool2d(hidden, block, stride=step).flatten(1)  # (N, sources)
        distances = _squared_distances(targets, sources) + UNKNOWN * (1 - whole[:, None])
        nearest = distances.argmin(dim=2)  # (N, targets)
        blocks = functional.unfold(fine, block, stride=step)  # (N, 3 * block * block, sources)
        chosen = blocks.gather(2, nearest[:, None].expand(-1, blocks.shape[1], -1))
        given, wanted = (
            functional.avg_pool2d(each, block, stride=stride).flatten(1)
            for each, stride in ((texture, step), (wide_texture, half))
        )
        gain = (wanted / given.gather(1, nearest).clamp(min=1e-4)).clamp(max=1.0)
        gain = gain * whole.gather(1, nearest)
        # Squares of half overlapping sines add up to 1: so do the energies of unlike blocks.
        sine = torch.sin(math.pi * (torch.arange(block, device=smooth.device) + 0.5) / block)
        window = (sine[:, None] * sine).flatten().repeat(smooth.shape[1])
        shaped = chosen * window[:, None] * gain[:, None]
        laid = functional.fold(shaped, (size + 2 * half,) * 2, block, stride=half)
        share = texture**2 / (texture**2 + HALF_TEXTURE**2)
        return hidden * share * laid[..., half : half + size, half : half + size]


def _signatures(
    smooth: Tensor, texture: Tensor, block: int, stride: int, start: int, size: int
) -> Tensor:
    """(N, L, K): what is compared of each block: each pixel's colours and texture, its place."""
    pixels = torch.cat([smooth, TEXTURE_WEIGHT * texture], 1)
    # So that a block's squared distance is four times the mean of its pixels', whatever its side.
    shown = functional.unfold(pixels, block, stride=stride) * (2 / block)
    num = (smooth.shape[-1] - block) // stride + 1
    places = (torch.arange(num, device=smooth.device) * stride + start).to(smooth.dtype)
    grid = torch.stack(torch.meshgrid(places, places, indexing="ij")) * (PLACE_WEIGHT / size)
    all_places = grid.flatten(1).expand(smooth.shape[0], -1, -1)
    return torch.cat([shown, all_places], dim=1).mT


def _squared_distances(targets: Tensor, sources: Tensor) -> Tensor:
    """(N, T, K), (N, L, K) -> (N, T, L)."""
    lengths = targets.square().sum(2)[:, :, None] + sources.square().sum(2)[:, None]
    return lengths - 2 * targets @ sources.mT


def _mean_of_known(values: Tensor, known: Tensor) -> Tensor:
    """Gaussian mean over the known pixels of `values`, which are 0 elsewhere; 0 far from them."""
    taps = torch.arange(-REACH, REACH + 1, device=values.device, dtype=values.dtype)
    kernel = torch.exp(-taps.square() / (2 * SIGMA**2))

    def spread(each: Tensor) -> Tensor:
        num = each.shape[1]
        rows = kernel.view(1, 1, -1, 1).expand(num, 1, -1, 1)
        columns = kernel.view(1, 1, 1, -1).expand(num, 1, 1, -1)
        along = functional.conv2d(each, rows, padding=(REACH, 0), groups=num)
        return functional.conv2d(along, columns, padding=(0, REACH), groups=num)

    return spread(values) / spread(known).clamp(min=1e-6)
