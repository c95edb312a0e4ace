"""What a network is made of, for tests of architecture tables."""

from typing import Any

from torch import Tensor, nn

WEIGHTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def num_parameters(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def output_shapes(network: nn.Module, *inputs: Tensor) -> list[tuple[int, ...]]:
    """(channels, height, width) or (features,) behind each weighted layer, in order of call."""
    shapes: list[tuple[int, ...]] = []

    def note(layer: nn.Module, _: Any, output: Tensor) -> None:
        shapes.append(tuple(output.shape[1:]))

    for layer in network.modules():
        if isinstance(layer, WEIGHTED):
            layer.register_forward_hook(note)
    network(*inputs)
    return shapes
