"""Basquiat as published: tables, counts, defects, and what is mended of them."""

import pytest
import torch
from torch import nn

from models.components.optimizers import OptimizerOptions
from models.networks import translation
from models.networks.norm import StatelessBatchNorm
from models.networks.patch_discriminator import receptive_field
from models.networks.unet import LastingDropout
from models.recipe import Batch, DataSpec
from models.recipes import basquiat
from pipeline.training.update_step import update_step
from support.architecture import conv_shapes, num_parameters

CPU = torch.device("cpu")
NO_MEMORY = torch.device("meta")
SETTING = DataSpec(64, 28, steps_per_epoch=10, seed=0, mean_color=(0.1, 0.0, -0.1))
FAITHFUL = basquiat.Options(preset="faithful")
NARROW = FAITHFUL.model_copy(update={"width": 4})

IMAGE, MASK = torch.zeros(1, 3, 256, 256, device="meta"), torch.zeros(1, 1, 256, 256, device="meta")


def test_published_generator() -> None:
    with NO_MEMORY:
        generator = basquiat.build_generator(FAITHFUL, 256)
    assert conv_shapes(generator, IMAGE, MASK) == [
        *[(64, 128, 128), (128, 64, 64), (256, 32, 32), (512, 16, 16), (512, 8, 8)],
        *[(512, 4, 4), (512, 2, 2), (512, 1, 1)],
        *[(512, 2, 2), (512, 4, 4), (512, 8, 8), (512, 16, 16)],
        *[(256, 32, 32), (128, 64, 64), (64, 128, 128), (3, 256, 256)],
    ]
    assert num_parameters(generator) == 54_414_979
    norms = [layer for layer in generator.modules() if isinstance(layer, StatelessBatchNorm)]
    assert len(norms) == 14 and {norm.eps for norm in norms} == {1e-3}
    drops = [any(isinstance(one, LastingDropout) for one in up.modules()) for up in generator.ups]
    assert drops == [True, True, True, False, False, False, False]
    slopes = {one.negative_slope for one in generator.modules() if isinstance(one, nn.LeakyReLU)}
    assert slopes == {0.3}


def test_the_discriminator_was_cut_short() -> None:
    with NO_MEMORY:
        discriminator = translation.build_discriminator(FAITHFUL, 256)
    assert conv_shapes(discriminator, IMAGE, IMAGE) == [
        (64, 128, 128),
        (128, 64, 64),
        (1024, 63, 63),
        (1, 62, 62),
    ]
    assert receptive_field(discriminator.num_strided) == 34
    weights = 6 * 64 * 16 + 64 * 128 * 16 + 128 * 1024 * 16 + 1024 * 16 + 1
    assert num_parameters(discriminator) == weights + 2 * (128 + 1024)


def test_default_sees_seventy_pixels_again() -> None:
    with NO_MEMORY:
        discriminator = translation.build_discriminator(basquiat.Options(preset="default"), 256)
    assert receptive_field(discriminator.num_strided) == 70


def test_coded_learning_rates_are_out_of_bounds_elsewhere() -> None:
    recipe = basquiat.build(NARROW, SETTING, CPU)
    rates = {name: each.param_groups[0]["lr"] for name, each in recipe.optimizers.items()}
    assert rates == {"generator": 0.2, "discriminator": 20.0}
    with pytest.raises(ValueError, match="lr is 20.0, but must be <= 0.1 for Adam"):
        OptimizerOptions(name="Adam", lr=20.0)
    with pytest.raises(ValueError, match="lr is 200.0, but must be <= 20.0 for Adam"):
        basquiat.Options.model_validate(
            {"preset": "default", "optimizers": {"generator": {"lr": 200.0}}}
        )
    usable = basquiat.Options(preset="default").optimizers
    assert (usable.generator.lr, usable.discriminator.lr) == (0.001, 0.0002)


def test_weights_of_the_losses() -> None:
    recipe = basquiat.build(NARROW, SETTING, CPU)
    assert recipe.updates["discriminator"].weights == {"real": 1.0, "fake": 1.0}
    assert recipe.updates["generator"].weights == {"l1": 750.0, "adversarial": 1.0}


def test_faithful_tanh_goes_below_black(batch: Batch) -> None:
    """Losses see it, images do not."""
    generator = basquiat.build_generator(NARROW, 64).eval()
    bias = generator.last.get_submodule("0").bias
    assert isinstance(bias, torch.Tensor)
    nn.init.constant_(bias, -100.0)
    with torch.no_grad():
        assert (generator.unclamped(batch.image, batch.mask) == -3).all()
        assert (generator(batch.image, batch.mask) == -1).all()


def test_faithful_layers_see_unit_range(batch: Batch) -> None:
    generator, discriminator = translation.build_networks(NARROW, SETTING, CPU)
    seen: list[torch.Tensor] = []
    for block in (generator.downs[0], discriminator.blocks[0]):
        block.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    basquiat.Losses(generator, discriminator, NARROW.completed).discriminator_loss(batch)
    masked, real = seen[0], seen[1]
    assert masked.min() == 0 and masked.max() <= 1
    assert real.min() >= 0 and real.max() <= 1


def test_coded_learning_rates_learn_nothing(batch: Batch) -> None:
    """After a few steps the output no longer depends on the photo."""
    recipe = basquiat.build(NARROW, SETTING, CPU)
    for _ in range(10):
        for update in recipe.schedule.updates:
            update_step(recipe, update, [batch])
    with torch.no_grad():
        output = recipe.generator.eval()(batch.image, batch.mask)
    saturated = ((output == -1) | (output == 1)).float().mean()
    assert saturated > 0.5
