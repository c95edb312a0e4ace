"""What completions suffer from, planted in images: blur, a grid of two pixels, false grain."""

import torch
from torch import Tensor
from torch.nn import functional

# Numbers of the kinds: the right answers to a question of the scene network.
NONE, BLUR, GRID, GRAIN = range(4)
UNDAMAGED_SHARE = 0.5
# Of the way to the blurred image.
BLUR_STRENGTHS = 0.2, 1.0
# Of grid and grain, in [-1, 1]: 2.5 to 25 grey levels; the fainter, the more often.
FAINTEST, FACTOR = 0.02, 10.0
# Of a binomial blur, a standard deviation of 1 px.
TAPS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def draw_damage(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """pictures (N, 3, H, W) in [-1, 1] -> the same, half of them damaged, and the kinds (N,).

    A function of torch's random state.
    """
    num = len(pictures)
    kinds = torch.where(
        torch.rand(num) < UNDAMAGED_SHARE,
        torch.zeros(num, dtype=torch.int64),
        torch.randint(BLUR, GRAIN + 1, (num,)),
    )
    return damaged(pictures, kinds, torch.rand(num)), kinds


def damaged(pictures: Tensor, kinds: Tensor, strengths: Tensor) -> Tensor:
    """(N, 3, H, W): each with the damage of its kind, strengths (N,) from 0, faint, to 1.

    Grids are rows, columns or a chequerboard in turn. Grain takes torch's random state.
    """
    share = strengths[:, None, None, None]
    least, most = BLUR_STRENGTHS
    size = FAINTEST * FACTOR**share
    changes = {
        BLUR: (least + (most - least) * share) * (_blurred(pictures) - pictures),
        GRID: size * _grids(pictures),
        GRAIN: size * torch.randn_like(pictures),
    }
    kind = kinds[:, None, None, None]
    change = sum(torch.where(kind == number, each, 0.0) for number, each in changes.items())
    return (pictures + change).clamp(-1, 1)


def _blurred(pictures: Tensor) -> Tensor:
    num = pictures.shape[1]
    taps = torch.tensor(TAPS, dtype=pictures.dtype)
    kernel = torch.outer(taps, taps).expand(num, 1, -1, -1)
    return functional.conv2d(functional.pad(pictures, (2,) * 4, "reflect"), kernel, groups=num)


def _grids(pictures: Tensor) -> Tensor:
    num, _, height, width = pictures.shape
    rows = 1.0 - 2 * (torch.arange(height) % 2)[:, None].expand(-1, width)
    columns = 1.0 - 2 * (torch.arange(width) % 2)[None].expand(height, -1)
    kinds = torch.stack([rows, columns, rows * columns])
    return kinds[torch.arange(num) % len(kinds)][:, None]
