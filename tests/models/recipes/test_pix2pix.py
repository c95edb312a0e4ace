"""pix2pix as published: tables, counts, optimizers."""

import torch
from torch import nn

from models.networks import translation
from models.networks.norm import StatelessBatchNorm
from models.networks.unet import LastingDropout
from models.recipe import Batch, DataSpec
from models.recipes import pix2pix
from support.architecture import conv_shapes, num_parameters

CPU = torch.device("cpu")
NO_MEMORY = torch.device("meta")
SETTING = DataSpec(64, 28, steps_per_epoch=10, seed=0, mean_color=(0.1, 0.0, -0.1))
FAITHFUL = pix2pix.Options(preset="faithful")

IMAGE, MASK = torch.zeros(1, 3, 256, 256, device="meta"), torch.zeros(1, 1, 256, 256, device="meta")


def test_published_generator() -> None:
    with NO_MEMORY:
        generator = pix2pix.build_generator(FAITHFUL, 256)
    assert conv_shapes(generator, IMAGE, MASK) == [
        *[(64, 128, 128), (128, 64, 64), (256, 32, 32), (512, 16, 16), (512, 8, 8)],
        *[(512, 4, 4), (512, 2, 2), (512, 1, 1)],
        *[(512, 2, 2), (512, 4, 4), (512, 8, 8), (512, 16, 16)],
        *[(256, 32, 32), (128, 64, 64), (64, 128, 128), (3, 256, 256)],
    ]
    assert num_parameters(generator) == 54_413_955  # printed there as 54.414 M
    norms = [
        sum(isinstance(layer, StatelessBatchNorm) for layer in part)
        for part in (generator.downs.modules(), generator.ups.modules())
    ]
    assert norms == [6, 7], "none on the outermost and the innermost on the way down"
    drops = [any(isinstance(one, LastingDropout) for one in up.modules()) for up in generator.ups]
    assert drops == [False, True, True, True, False, False, False]


def test_published_discriminator() -> None:
    with NO_MEMORY:
        discriminator = translation.build_discriminator(FAITHFUL, 256)
    assert conv_shapes(discriminator, IMAGE, IMAGE) == [
        *[(64, 128, 128), (128, 64, 64), (256, 32, 32), (512, 31, 31), (1, 30, 30)],
    ]
    assert num_parameters(discriminator) == 2_768_705  # printed there as 2.769 M


def test_six_levels_and_smaller_patches_at_64() -> None:
    with NO_MEMORY:
        generator = pix2pix.build_generator(FAITHFUL, 64)
        discriminator = translation.build_discriminator(FAITHFUL, 64)
    image, mask = torch.zeros(1, 3, 64, 64, device="meta"), torch.zeros(1, 1, 64, 64, device="meta")
    assert len(generator.downs) == 6 and generator(image, mask).shape == image.shape
    assert conv_shapes(discriminator, image, image) == [(64, 32, 32), (512, 31, 31), (1, 30, 30)]


def test_published_first_weights_and_optimizers() -> None:
    recipe = pix2pix.build(FAITHFUL.model_copy(update={"width": 16}), SETTING, CPU)
    for network in recipe.networks.values():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.weight.numel() > 10_000:
                assert abs(layer.weight.std().item() - 0.02) < 0.002
            if isinstance(layer, nn.BatchNorm2d):
                assert abs(layer.weight.mean().item() - 1) < 0.02
    for optimizer in recipe.optimizers.values():
        group = optimizer.param_groups[0]
        assert group["lr"] == 0.0002 and group["betas"] == (0.5, 0.999)
    assert recipe.updates["discriminator"].weights == {"real": 0.5, "fake": 0.5}
    assert recipe.updates["generator"].weights == {"l1": 100.0, "adversarial": 1.0}


def test_faithful_is_noisy_in_use(batch: Batch) -> None:
    generator = pix2pix.build_generator(FAITHFUL.model_copy(update={"width": 4}), 64).eval()
    with torch.no_grad():
        first, second = (generator(batch.image, batch.mask) for _ in range(2))
    assert not torch.equal(first, second)
