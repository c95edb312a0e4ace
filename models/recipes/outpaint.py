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

from models.components.compose import composite
from models.components.losses import (
    absolute_error_hole,
    absolute_error_image,
    accuracy,
    fake_loss,
    feature_matching,
    real_loss,
)
from models.components.optimizers import GanOptimizers
from models.components.schedule import Phase, PhaseSchedule
from models.networks import translation
from models.networks.patch_discriminator import PatchDiscriminator
from models.networks.translation import MENDED, PUBLISHED, TranslationOptions
from models.networks.unet import UNet
from models.networks.vgg_features import load_vgg_features
from models.recipe import Batch, DataSpec, Recipe, Terms, Update

build_generator = translation.build_generator

ADAM = {"name": "Adam", "lr": 0.0002, "betas": [0.5, 0.999]}

FAITHFUL: dict[str, Any] = {
    **PUBLISHED,
    "norm": "instance",
    "dropout": 0.0,
    "mask_channel": True,
    "real_weight": 1.0,
    "fake_weight": 1.0,
    "l1_weight": 1.0,
    "adversarial_weight": 0.01,
    "optimizers": {"generator": ADAM, "discriminator": ADAM},
    "features": "vgg19",
    "weights_path": "",
    "weights_sha256": "",
    "features_weight": 0.1,
}

DEFAULT: dict[str, Any] = {
    **MENDED,
    "real_weight": 1.0,
    "fake_weight": 1.0,
    "l1_weight": 100.0,
    "adversarial_weight": 1.0,
    # Without norms the published rate leaves the generator's hole visible for long.
    "optimizers": {"generator": {**ADAM, "lr": 0.001}, "discriminator": ADAM},
    "features": "discriminator",
    "weights_path": "",
    "weights_sha256": "",
    "features_weight": 10.0,
}


class Options(TranslationOptions):
    """`recipes.outpaint` in params.yaml."""

    presets: ClassVar = {"default": DEFAULT, "faithful": FAITHFUL}

    real_weight: float = Field(ge=0, description="of real photos in the discriminator's loss")
    fake_weight: float = Field(ge=0, description="of fakes in the discriminator's loss")
    l1_weight: float = Field(ge=0, description="of the absolute error")
    adversarial_weight: float = Field(ge=0, description="of the generator's adversarial term")
    optimizers: GanOptimizers = Field(description="one a network")
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
class Losses:
    """x is the photo with its hole and the mask, y the original, G(x) the output.

    L_D = BCE(D(x, y), 1) + BCE(D(x, G(x)), 0), as means over the patches that D judges;
    L_G = w_l1 * mean |y - G(x)| + w_adv * BCE(D(x, G(x)), 1)
    + w_feat * sum over the layers k of mean |F_k(y) - F_k(G(x))|, where F are VGG19's layers
    (Johnson et al. 2016) or those of D (Wang et al. 2018).
    """

    generator: UNet
    discriminator: PatchDiscriminator
    vgg: Callable[[Tensor], list[Tensor]] | None  # None: the discriminator's features
    completed: bool  # fakes keep the photo's known pixels; the losses count the hole alone

    def discriminator_loss(self, batch: Batch) -> Terms:
        """Tell the original from the generator's image, each beside the masked photo."""
        x = self.generator.masked_input(batch.image, batch.mask)  # (N, 3 or 4, S, S)
        fake = self.generator.unclamped(batch.image, batch.mask)  # (N, 3, S, S)
        if self.completed:
            fake = composite(fake, batch.image, batch.mask)
        real_logits = self.discriminator(x, batch.image)  # (N, 1, P, P): one a patch
        fake_logits = self.discriminator(x, fake)
        # In completed images the other patches are the same in real and fake.
        where = self.discriminator.sees(batch.mask) if self.completed else None
        return {
            "real": real_loss(real_logits, where),  # BCE(D(x, y), 1)
            "fake": fake_loss(fake_logits, where),  # BCE(D(x, G(x)), 0)
            "accuracy": accuracy(real_logits, fake_logits, where),  # reported only
        }

    def generator_loss(self, batch: Batch) -> Terms:
        """Absolute error, logits of the fakes towards real, and features towards the original's."""
        x = self.generator.masked_input(batch.image, batch.mask)
        output = self.generator.unclamped(batch.image, batch.mask)
        fake = composite(output, batch.image, batch.mask) if self.completed else output
        # The logits and, where they are compared, the features come from one pass through D.
        fake_features = self.discriminator.features(x, fake)
        if self.completed:
            where = self.discriminator.sees(batch.mask)
            l1 = absolute_error_hole(output, batch.image, batch.mask)
        else:
            where = None
            l1 = absolute_error_image(output, batch.image)
        adversarial = real_loss(self.discriminator.judge(fake_features), where)
        if self.vgg is None:
            real_features = self.discriminator.features(x, batch.image)
        else:
            fake_features, real_features = self.vgg(fake), self.vgg(batch.image)
        features = feature_matching(fake_features, real_features)
        return {"l1": l1, "adversarial": adversarial, "features": features}


def build(options: Options, data_spec: DataSpec, device: torch.device) -> Recipe:
    """The recipe on `device`; a ValueError where VGG19's weights are wanted and not to be had."""
    vgg = None
    if options.features == "vgg19":
        vgg = load_vgg_features(options.weights_path, options.weights_sha256).to(device)
    generator, discriminator = translation.build_networks(options, data_spec, device)
    losses = Losses(generator, discriminator, vgg, options.completed)
    batch_norm = options.norm == "batch"  # sees the batch in the frozen network too
    return Recipe(
        generator=generator,
        networks={"generator": generator, "discriminator": discriminator},
        optimizers={
            "generator": options.optimizers.generator.build(generator.parameters()),
            "discriminator": options.optimizers.discriminator.build(discriminator.parameters()),
        },
        updates={
            "discriminator": Update(
                network="discriminator",
                optimizer="discriminator",
                terms=losses.discriminator_loss,
                weights={"real": options.real_weight, "fake": options.fake_weight},
                others_train=batch_norm,
            ),
            "generator": Update(
                network="generator",
                optimizer="generator",
                terms=losses.generator_loss,
                weights={
                    "l1": options.l1_weight,
                    "adversarial": options.adversarial_weight,
                    "features": options.features_weight,
                },
                others_train=batch_norm,
            ),
        },
        schedule=PhaseSchedule([Phase((("discriminator", "generator"),), num_steps=None)]),
    )
