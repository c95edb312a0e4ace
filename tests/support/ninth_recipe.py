"""The smallest recipe that there can be: copied into models/recipes/ by tests, as a user adds one.

Two layers, one loss, no discriminator.
"""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from models.components.generators import Completer
from models.components.losses import absolute_error_hole
from models.components.masked_input import MaskedInput
from models.components.optimizers import OptimizerOptions
from models.components.options import RecipeOptions
from models.components.schedule import Phase, PhaseSchedule
from models.recipe import Batch, DataSpec, Recipe, Terms, Update, seeded, to_device

PRESET = {"width": 8, "optimizer": {"name": "SGD", "lr": 0.1}}


class Options(RecipeOptions):
    """`recipes.ninth` in params.yaml."""

    presets: ClassVar = {"default": PRESET, "faithful": PRESET}

    width: int = Field(ge=1, description="channels between the two layers")
    optimizer: OptimizerOptions = Field(description="of the generator")


class TwoLayers(Completer):
    """Sees 7 px around each pixel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.masked_input = MaskedInput(fill="context_mean", mask_channel=True)
        first, last = nn.Conv2d(4, width, 5, padding=2), nn.Conv2d(width, 3, 3, padding=1)
        self.layers = nn.Sequential(first, nn.ReLU(), last, nn.Tanh())

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        output: Tensor = self.layers(self.masked_input(image, mask))
        return output.float()


def build_generator(options: Options, image_size: int) -> TwoLayers:
    """Of any image size."""
    return TwoLayers(options.width)


def build(options: Options, data_spec: DataSpec, device: torch.device) -> Recipe:
    """The recipe on `device`."""
    with seeded(data_spec.seed, "generator"):
        generator = build_generator(options, data_spec.image_size)

    def generator_loss(batch: Batch) -> Terms:
        output = generator(batch.image, batch.mask)
        return {"l1": absolute_error_hole(output, batch.image, batch.mask)}

    return Recipe(
        generator=generator,
        networks=to_device({"generator": generator}, device),
        optimizers={"generator": options.optimizer.build(generator.parameters())},
        updates={
            "generator": Update(
                network="generator",
                optimizer="generator",
                terms=generator_loss,
                weights={"l1": 1.0},
            )
        },
        schedule=PhaseSchedule([Phase((("generator",),), None)]),
    )
