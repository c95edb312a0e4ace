"""An encoder-decoder from a list of layers: GANscape's and GLCIC's generators."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.components.generators import Completer
from models.components.masked_input import MaskedInput
from models.components.pixels import from_unit
from models.networks.blocks import BlockStyle, Layer, channels_of, stack


class LayeredGenerator(Completer):
    """Photo with a hole and mask -> whole image; the size must be a multiple of the strides."""

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        width: int,
        style: BlockStyle,
        masked_input: MaskedInput,
        transposed: bool,  # transposed convolutions, or nearest pixels and 3x3
    ) -> None:
        super().__init__()
        self.masked_input = masked_input
        self.layers = nn.Sequential(
            *stack(masked_input.num_channels, layers, width, style, transposed=transposed),
            nn.Conv2d(channels_of(layers[-1], width), 3, 3, padding=1),
        )

    def forward(self, image: Tensor, mask: Tensor, noise: Tensor | None = None) -> Tensor:
        """See Completer; where the input has noise and none is given, it is drawn."""
        # (N, num_channels of the input, S, S) -> (N, 3, S, S): strides and upsampling cancel.
        output: Tensor = self.layers(self.masked_input(image, mask, noise))
        # A sigmoid gives [0, 1]. In full precision, also under autocast: these are pixels.
        return from_unit(torch.sigmoid(output.float()))
