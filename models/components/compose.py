"""What is known, what is completed, and the window the local discriminator sees.

mask is (N, 1, H, W) float with 1 = pixels to complete; rectangles are half-open
[top, left, height, width] in px.
"""

import torch
from torch import Tensor
from torch.nn import functional


def mask_out(image: Tensor, mask: Tensor, fill: float | Tensor) -> Tensor:
    """`image` with `fill` (in [-1, 1]; one value, or (N, 3, 1, 1)) in place of the hole pixels.

    By torch.where and not by products: 0 * NaN is NaN, so a product would let hole pixels through.
    """
    return torch.where(
        mask > 0, torch.as_tensor(fill, dtype=image.dtype, device=image.device), image
    )


def context_mean(image: Tensor, mask: Tensor) -> Tensor:
    """(N, C, 1, 1): each photo's mean colour over its known pixels; 0 where none is known."""
    known = (mask <= 0).expand_as(image)  # (N, C, H, W)
    total = torch.where(known, image, torch.zeros_like(image)).sum(dim=(2, 3), keepdim=True)
    return total / known.sum(dim=(2, 3), keepdim=True).clamp(min=1)


def composite(output: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    """The completed image: `output` in the hole, `image` bit for bit in the context."""
    return torch.where(mask > 0, output.to(image.dtype), image)


def cut_box(image: Tensor, box: Tensor, box_size: int) -> Tensor:
    """(N, C, H, W), boxes (N, 4) of side `box_size` -> (N, C, box_size, box_size).

    Two gathers, one along rows and one along columns: each sample has its own box, and no Python
    loop runs over the batch.
    """
    num, channels, _, width = image.shape
    steps = torch.arange(box_size, device=image.device)
    # Of each sample the row and column numbers of its box, broadcast for the gathers.
    rows = (box[:, 0, None] + steps).view(num, 1, box_size, 1)
    columns = (box[:, 1, None] + steps).view(num, 1, 1, box_size)
    # (N, C, H, W) -> (N, C, B, W) -> (N, C, B, B)
    band = image.gather(2, rows.expand(num, channels, box_size, width))
    return band.gather(3, columns.expand(num, channels, box_size, box_size))


def random_boxes(num: int, image_size: int, box_size: int, device: torch.device) -> Tensor:
    """(num, 4) boxes of side `box_size`, anywhere in the image, from torch's generator."""
    corners = torch.randint(image_size - box_size + 1, (num, 2), device=device)
    return torch.cat([corners, torch.full_like(corners, box_size)], dim=1)


def grown(mask: Tensor, margin: int) -> Tensor:
    """`mask` with the pixels that lie at most `margin` px from it along rows and columns."""
    # Dilation by a square is the maximum over it.
    return functional.max_pool2d(mask, 2 * margin + 1, stride=1, padding=margin)
