"""Holes that a recipe draws itself, beside those of the data: strokes of a brush, and strips.

From torch's generator and on the training device; 1 = pixels to complete.
"""

import math

import torch
from torch import Tensor

NUM_STROKES, NUM_SEGMENTS = 3, 5
# Shares of the photo's side.
LONGEST_SEGMENT = 0.25
RADII = (0.025, 0.08)
WIDTHS = (0.1, 0.4)  # of strips


def strokes(num: int, image_size: int, device: torch.device) -> Tensor:
    """(num, 1, S, S): a few strokes a photo that turn at random (after Yu et al. 2019)."""
    start = torch.rand(num, NUM_STROKES, 2, device=device)
    first = torch.rand(num, NUM_STROKES, 1, device=device) * 2 * math.pi
    turns = (torch.rand(num, NUM_STROKES, NUM_SEGMENTS, device=device) - 0.5) * math.pi
    angles = first + turns.cumsum(dim=2)
    lengths = LONGEST_SEGMENT * torch.rand(num, NUM_STROKES, NUM_SEGMENTS, device=device)
    steps = lengths[..., None] * torch.stack([angles.cos(), angles.sin()], dim=3)
    ends = start[:, :, None] + steps.cumsum(dim=2)
    starts = torch.cat([start[:, :, None], ends[:, :, :-1]], dim=2)
    low, high = RADII
    radius = low + (high - low) * torch.rand(num, NUM_STROKES, 1, 1, device=device)
    places = (torch.arange(image_size, device=device) + 0.5) / image_size
    pixels = torch.stack(torch.meshgrid(places, places, indexing="ij"), dim=2)
    mask = torch.zeros(num, image_size, image_size, dtype=torch.bool, device=device)
    for stroke in range(NUM_STROKES):
        for segment in range(NUM_SEGMENTS):
            here, step = starts[:, stroke, segment], ends[:, stroke, segment]
            mask |= _distance(pixels, here, step) <= radius[:, stroke]
    # A stroke may begin at the edge and leave the photo at once: its first pixel always counts.
    row, column = (start[:, 0] * image_size).long().unbind(1)
    mask[torch.arange(num, device=device), row, column] = True
    return mask[:, None].float()


def _distance(pixels: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """(S, S, 2), (N, 2), (N, 2) -> (N, S, S): to the segment between them."""
    along = (end - start)[:, None, None]
    to_pixel = pixels - start[:, None, None]
    length = along.square().sum(3).clamp(min=1e-12)
    share = ((to_pixel * along).sum(3) / length).clamp(0, 1)
    offset = to_pixel - share[..., None] * along
    return offset.square().sum(3).sqrt()


def strips(num: int, image_size: int, device: torch.device) -> Tensor:
    """(num, 1, S, S): one side of each photo, as far as a random line."""
    low, high = WIDTHS
    width = low + (high - low) * torch.rand(num, 1, 1, device=device)
    places = (torch.arange(image_size, device=device) + 0.5) / image_size
    from_first = (places < width).expand(-1, image_size, -1)  # (N, S, S), from the left
    turned = torch.stack([from_first, from_first.flip(2), from_first.mT, from_first.mT.flip(1)])
    side = torch.randint(4, (num,), device=device)
    return turned[side, torch.arange(num, device=device)][:, None].float()
