"""Outpainting with a feature loss: a U-Net fed photo and mask, a PatchGAN, L1 and features.

Published is a description without code: skips, photo and mask in, patch discriminator, binary
cross-entropy, VGG features, L1, Adam 2e-4 (0.5, 0.999), `train.batch_size: 32`. What it leaves
open is chosen here: the weights are AOT-GAN's proportions (Zeng et al. 2021). The default compares
the features of its own discriminator (Wang et al. 2018), which need no weights of others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from models.components import losses
from models.families import translation
from models.families.translation import MENDED, PUBLISHED, Game, TranslationOptions
from models.networks.vgg_features import load_vgg_features
from models.recipe import Batch, DataSpec, Recipe, Terms

build_generator = translation.build_generator

FAITHFUL: dict[str, Any] = {
    **PUBLISHED,
    "norm": "instance",
    "dropout": 0.0,
    "mask_channel": True,
    "real_weight": 1.0,
    "fake_weight": 1.0,
    "features": "vgg19",
    "weights_path": "",
    "weights_sha256": "",
    "l1_weight": 1.0,
    "adversarial_weight": 0.01,
    "features_weight": 0.1,
}

DEFAULT: dict[str, Any] = {
    **MENDED,
    "real_weight": 1.0,
    "fake_weight": 1.0,
    "features": "discriminator",
    "weights_path": "",
    "weights_sha256": "",
    "features_weight": 10.0,
}


class Options(TranslationOptions):
    """`recipes.outpaint` in params.yaml."""

    presets: ClassVar = {"default": DEFAULT, "faithful": FAITHFUL}

    features: Literal["vgg19", "discriminator"] = Field(
        description="whose features of output and original are compared: VGG19's, which needs its "
        "weights, or the discriminator's own"
    )
    weights_path: str = Field(
        description="a copy of torchvision's VGG19 weights; empty: torchvision downloads 548 MB"
    )
    weights_sha256: str = Field(
        pattern=r"^([0-9a-f]{64})?$", description="of the file at weights_path"
    )
    features_weight: float = Field(ge=0, description="of the difference of the features")

    @model_validator(mode="after")
    def _path_and_sum_belong_together(self) -> Self:
        if bool(self.weights_path) != bool(self.weights_sha256):
            raise ValueError("weights_path and weights_sha256 go together: give both or neither")
        return self


@dataclass(frozen=True)
class FeatureGame(Game):
    """With one more term of the generator's."""

    vgg: Callable[[Tensor], list[Tensor]] | None  # None: the discriminator's features

    def generator_terms(self, batch: Batch) -> Terms:
        """Absolute error, logits of the fakes towards real, and features towards the original's."""
        given, asked = self.given(batch), self.asked(batch)
        output = self.generator.unclamped(batch.image, batch.mask)
        fake = self.fake(output, batch)
        judged = self.discriminator.features(given, fake)
        return {
            "l1": self.absolute_error(output, batch),
            "adversarial": losses.real_loss(self.discriminator.judge(judged), asked),
            "features": self._difference(judged, fake, batch),
        }

    def _difference(self, judged: list[Tensor], fake: Tensor, batch: Batch) -> Tensor:
        if self.vgg is not None:
            return losses.feature_matching(self.vgg(fake), self.vgg(batch.image))
        targets = self.discriminator.features(self.given(batch), batch.image)
        return losses.feature_matching(judged, targets)


def build(options: Options, data_spec: DataSpec, device: torch.device) -> Recipe:
    """The recipe on `device`; a ValueError where VGG19's weights are wanted and not to be had."""
    vgg = None
    if options.features == "vgg19":
        vgg = load_vgg_features(options.weights_path, options.weights_sha256).to(device)
    game = translation.new_game(options, data_spec, device)
    game = FeatureGame(game.generator, game.discriminator, options, vgg)
    return translation.recipe_of(game, {"features": options.features_weight})
