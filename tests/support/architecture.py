"""What tests ask of a network and of a schedule."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from models.recipe import Recipe


def num_parameters(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def conv_shapes(network: nn.Module, *inputs: Tensor) -> list[tuple[int, ...]]:
    """(channels, height, width) or (features,) behind each weighted layer, in order of call."""
    shapes: list[tuple[int, ...]] = []

    def note(layer: nn.Module, _: Any, output: Tensor) -> None:
        shapes.append(tuple(output.shape[1:]))

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            layer.register_forward_hook(note)
    network(*inputs)
    return shapes


def dilations(network: nn.Module) -> list[int]:
    """Those above 1, in order."""
    convs = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    return [layer.dilation[0] for layer in convs if layer.dilation[0] > 1]


def scripted(recipe: Recipe, values: Mapping[str, float], num_steps: int) -> list[tuple[str, ...]]:
    """The updates of each step where every term reports the same value each step."""
    taken = []
    for _ in range(num_steps):
        updates = recipe.schedule.updates
        taken.append(updates)
        recipe.schedule.advance()
        names = [name for name in values if name.split("/")[0] in updates]
        recipe.schedule.observe({name: (values[name], 1) for name in names})
    return taken
