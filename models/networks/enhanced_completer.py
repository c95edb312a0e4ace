"""A coarse completion and a network that corrects it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.components.compose import composite
from models.components.generators import Completer
from models.networks.blocks import BlockStyle, Layer, channels_of, stack
from models.networks.layered_generator import LayeredGenerator


class ResidualEnhancer(nn.Module):
    """Completed image and mask -> what to add to it (in the manner of DnCNN, Zhang et al. 2017).

    Adds nothing before it is trained: the last layer is zero.
    """

    def __init__(self, layers: Sequence[Layer], *, width: int, style: BlockStyle) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *stack(4, layers, width, style),
            nn.Conv2d(channels_of(layers[-1], width), 3, 3, padding=1),
        )
        self.begin_at_nothing()

    def begin_at_nothing(self) -> None:
        """Zeroes the last layer."""
        # The layers before it keep theirs: with all at zero no gradient would reach them.
        for weight in self.layers[-1].parameters():
            nn.init.zeros_(weight)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """(N, 3, S, S) in [-1, 1], (N, 1, S, S) -> (N, 3, S, S)."""
        correction: Tensor = self.layers(torch.cat([image, mask.to(image.dtype)], dim=1))
        return correction.float()


class EnhancedCompleter(Completer):
    """Both as one generator."""

    def __init__(self, coarse: LayeredGenerator, enhancement: ResidualEnhancer) -> None:
        super().__init__()
        self.coarse, self.enhancement = coarse, enhancement

    def forward(self, image: Tensor, mask: Tensor, noise: Tensor | None = None) -> Tensor:
        """See Completer; where the input has noise and none is given, it is drawn."""
        # The enhancement sees the known pixels as they are, and corrects around the hole too.
        completed = composite(self.coarse(image, mask, noise), image, mask)
        corrected: Tensor = completed + self.enhancement(completed, mask)
        return corrected.clamp(-1, 1)
