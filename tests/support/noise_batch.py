"""A batch for small networks."""

import torch

from models.recipe import Batch


def noise_batch() -> Batch:
    """Four 64x64 images of noise with holes and boxes of their own."""
    generator = torch.Generator().manual_seed(0)
    holes = torch.tensor([[3, 5, 20, 25], [40, 30, 24, 22], [0, 0, 21, 21], [20, 44, 25, 20]])
    box = torch.tensor([[0, 3, 28, 28], [36, 27, 28, 28], [0, 0, 28, 28], [18, 36, 28, 28]])
    image = torch.rand(4, 3, 64, 64, generator=generator) * 2 - 1
    mask = torch.zeros(4, 1, 64, 64)
    for index, (top, left, height, width) in enumerate(holes.tolist()):
        mask[index, :, top : top + height, left : left + width] = 1
    return Batch(image, mask, box)
