"""Scenefill's own: a membrane over the hole, a residual network that corrects it, known detail.

The classical start is the smoothest surface through the known pixels (models/networks/membrane.py);
training begins at its quality and not at noise, and the network has only to learn what it misses.
What errs least is smooth: texture is laid over it from the photo's own known pixels, as much as is
around (models/networks/known_detail.py). Start and detail are parts of the generator, exported and
evaluated with it. No adversary: what was tried, with figures, stands in docs/recipe.md.

One set of weights completes rectangles, strokes and strips: holes of the data are seen in windows
around them, every few steps other holes in whole photos.
"""

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from models.components import losses
from models.components.compose import composite, cut_box
from models.components.generators import Completer
from models.components.muon import Muon
from models.components.options import RecipeOptions
from models.components.random_masks import strips, strokes
from models.components.schedule import Phase, PhaseSchedule, cosine_rate
from models.networks.known_detail import BLOCKS_A_SIDE, detail_of, known_detail
from models.networks.membrane import membrane
from models.networks.residual_unet import MULTIPLE, ResidualUNet
from models.recipe import Batch, DataSpec, Recipe, Terms, Update, seeded, to_device

CPU: dict[str, Any] = {
    "width": 48,
    "blocks": [1, 2, 2],
    "window": 0.75,
    "drawn_every": 3,
    "dissimilarity_weight": 0.1,
    "lr": 0.015,
    "others_lr": 1.5e-3,
    "weight_decay": 0.01,
    "detail": 1.9,
}


class Options(RecipeOptions):
    """`recipes.scenefill` in params.yaml."""

    presets: ClassVar = {
        "default": CPU,
        "cpu": CPU,
        "laptop_gpu": {**CPU, "width": 96, "window": 1.0},
        "datacenter_gpu": {**CPU, "width": 160, "blocks": [2, 3, 4], "window": 1.0},
    }

    preset: Literal["default", "cpu", "laptop_gpu", "datacenter_gpu"] = Field(  # type: ignore[assignment]
        description="what it is trained on; default: cpu. On a GPU raise train.batch_size too"
    )
    width: int = Field(ge=2, le=512, description="channels at half of the image size")
    blocks: list[int] = Field(
        min_length=3, max_length=3, description="residual blocks at 1/2, 1/4 and 1/8 of the size"
    )
    window: float = Field(
        gt=0, le=1, description="of the photo's side: what training sees around the hole's box"
    )
    drawn_every: int = Field(
        ge=0,
        description="steps from one of strokes and strips in whole photos to the next; 0: none",
    )
    dissimilarity_weight: float = Field(
        ge=0, description="of 1 - SSIM in the hole, beside the absolute error"
    )
    lr: float = Field(gt=0, le=0.2, description="highest, of Muon on the inner convolutions")
    others_lr: float = Field(gt=0, le=0.1, description="highest, of AdamW on all other weights")
    weight_decay: float = Field(ge=0, le=1, description="of both")
    detail: float = Field(
        ge=0, le=2, description="of the known pixels' detail, laid over the completion; 0: none"
    )


class MembraneCompleter(Completer):
    """Membrane, correction, detail."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.network = ResidualUNet(4, 3, options.width, options.blocks)
        self.detail = options.detail

    def corrected(self, start: Tensor, mask: Tensor) -> Tensor:
        """What is trained: a membrane and what the network adds to it, not clamped.

        (N, 3, H, W), (N, 1, H, W); sides are multiples of 8.
        """
        change: Tensor = self.network(torch.cat([start, mask], dim=1))
        return start + change.float()

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """See Completer."""
        fine, texture = detail_of(image, mask)
        spanned = membrane(torch.cat([image, texture], dim=1), mask)
        start, texture = spanned[:, :3], spanned[:, 3:]
        smooth = composite(self.corrected(start, mask), image, mask).clamp(-1, 1)
        detail = known_detail(smooth, mask, fine, texture)
        return (smooth + self.detail * detail).clamp(-1, 1)


def build_generator(options: Options, image_size: int) -> MembraneCompleter:
    """Untrained: its completions are the membrane, with detail."""
    multiple = max(MULTIPLE, 4 * BLOCKS_A_SIDE)
    if image_size % multiple:
        raise ValueError(
            f"scenefill needs an image size that is a multiple of {multiple}, not {image_size}"
        )
    return MembraneCompleter(options)


def build(options: Options, data_spec: DataSpec, device: torch.device) -> Recipe:
    """The recipe on `device`."""
    with seeded(data_spec.seed, "generator"):
        generator = build_generator(options, data_spec.image_size)
    networks = to_device({"generator": generator}, device)
    inner = {id(weight) for weight in generator.network.inner_weights()}
    weights = list(generator.parameters())
    optimizer = Muon(
        [weight for weight in weights if id(weight) in inner],
        [weight for weight in weights if id(weight) not in inner],
        lr=options.lr,
        others_lr=options.others_lr,
        weight_decay=options.weight_decay,
    )
    window = max(MULTIPLE, round(options.window * data_spec.image_size / MULTIPLE) * MULTIPLE)

    def around_holes(batch: Batch) -> Terms:
        """Of the data's holes, in a window with their boxes in its middle or near it."""
        corner = batch.box[:, :2] + batch.box[:, 2:] // 2 - window // 2
        where = corner.clamp(0, data_spec.image_size - window)
        image, mask = (cut_box(each, where, window) for each in (batch.image, batch.mask))
        return generator_loss(generator.corrected(membrane(image, mask), mask), image, mask)

    def drawn_holes(batch: Batch) -> Terms:
        """Of strokes or strips, each photo's at random, in whole photos."""
        num, _, size, _ = batch.image.shape
        is_strip = torch.rand(num, 1, 1, 1, device=batch.image.device) < 0.5
        mask = torch.where(
            is_strip,
            strips(num, size, batch.image.device),
            strokes(num, size, batch.image.device),
        )
        return generator_loss(
            generator.corrected(membrane(batch.image, mask), mask), batch.image, mask
        )

    loss_weights = {"l1": 1.0, "dissimilarity": options.dissimilarity_weight}
    updates = {"around_holes": Update("generator", "generator", around_holes, loss_weights)}
    pattern = [("around_holes",)] * max(1, options.drawn_every)
    if options.drawn_every:
        updates["drawn_holes"] = Update("generator", "generator", drawn_holes, loss_weights)
        pattern[-1] = ("drawn_holes",)
    return Recipe(
        generator=generator,
        networks=networks,
        optimizers={"generator": optimizer},
        updates=updates,
        schedule=PhaseSchedule([Phase(tuple(pattern), None)]),
        rate=cosine_rate,
    )


def generator_loss(output: Tensor, image: Tensor, mask: Tensor) -> Terms:
    """Absolute error and 1 - SSIM, means over the photos of the means over their holes."""
    return {
        "l1": losses.absolute_error_hole(output, image, mask),
        "dissimilarity": losses.dissimilarity_hole(output, image, mask),
    }
