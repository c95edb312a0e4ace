"""DCGAN: architecture, sizes, first weights, what its generator keeps."""

from typing import Any

import pytest
import torch
from torch import nn

from models.components.generators import Completer, Sampler
from models.recipe import Batch, DataSpec, Recipe
from models.recipes.dcgan import Options, build, build_generator, channels_of
from pipeline.params.section import check
from pipeline.training.update_step import update_step

CPU = torch.device("cpu")


def options(**changes: Any) -> Options:
    small = {"preset": "default", "width": 4, "search_steps": 3}
    return Options.model_validate(small | changes)


def recipe(**changes: Any) -> Recipe:
    data_spec = DataSpec(64, 28, steps_per_epoch=10, seed=0, mean_color=(0.0, 0.0, 0.0))
    return build(options(**changes), data_spec, CPU)


# Architecture


def shapes(layers: nn.Module, value: torch.Tensor) -> list[tuple[int, ...]]:
    """(channels, height, width) behind each convolution."""
    found = []
    for layer in layers.children():
        value = layer(value)
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            found.append(tuple(value.shape[1:]))
    return found


@pytest.mark.parametrize("preset", ["default", "faithful"])
def test_published_size(preset: str) -> None:
    with torch.device("meta"):
        generator = build_generator(Options.model_validate({"preset": preset}), 64)
        latents, image = torch.zeros(2, 100, 1, 1), torch.zeros(2, 3, 64, 64)
    sampler, discriminator = generator.sampler, generator.discriminator
    up = [(512, 4, 4), (256, 8, 8), (128, 16, 16), (64, 32, 32), (3, 64, 64)]
    down = [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (1, 1, 1)]
    assert shapes(sampler.layers, latents) == up
    assert shapes(discriminator.layers, image) == down
    counts = [sum(w.numel() for w in net.parameters()) for net in (sampler, discriminator)]
    assert counts == [3_576_704, 2_765_568]  # of the form at half the paper's width


def test_norms_and_activations() -> None:
    generator = build_generator(options(), 64)
    kinds = [type(layer).__name__ for layer in generator.sampler.layers]
    assert kinds == ["ConvTranspose2d", "BatchNorm2d", "ReLU"] * 4 + ["ConvTranspose2d"]
    kinds = [type(layer).__name__ for layer in generator.discriminator.layers]
    middle = ["Conv2d", "BatchNorm2d", "LeakyReLU"] * 3
    assert kinds == ["Conv2d", "LeakyReLU", *middle, "Conv2d"]


@pytest.mark.parametrize("image_size", [8, 16, 32, 64, 128, 256])
def test_powers_of_two(image_size: int) -> None:
    generator = build_generator(options(width=2), image_size)
    pictures = generator.sample(torch.randn(2, 100))
    assert pictures.shape == (2, 3, image_size, image_size)
    assert generator.discriminator(pictures).shape == (2,)
    assert max(channels_of(2, image_size)) <= 16


@pytest.mark.parametrize(
    ("image_size", "nearest"), [(28, "16 or 32"), (48, "32 or 64"), (4, "8"), (100, "64 or 128")]
)
def test_other_sizes_are_an_error_that_names_the_nearest(image_size: int, nearest: str) -> None:
    message = f"not {image_size}: write downscale.image_size: {nearest} in params.yaml"
    with pytest.raises(ValueError, match=message):
        build_generator(options(), image_size)


def test_first_weights() -> None:
    generator = build_generator(options(width=32), 64)
    for layer in generator.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.weight.numel() > 10_000:
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)
            assert layer.bias is None
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.weight.mean().item() == pytest.approx(1.0, abs=0.02)
            assert layer.bias.abs().max() == 0


# The losses and what is kept


def test_the_generator_keeps_the_discriminator_that_the_search_asks() -> None:
    made = recipe()
    assert isinstance(made.generator, Sampler) and isinstance(made.generator, Completer)
    kept = {id(weight) for weight in made.generator.parameters()}
    trained = {id(w) for network in made.networks.values() for w in network.parameters()}
    assert kept == trained


def test_frozen_batch_norms_judge_by_the_batch_and_stay_as_they_are(batch: Batch) -> None:
    """In the generator's update the discriminator's figures are those of its own updates' kind."""
    made = recipe()
    discriminator = made.networks["discriminator"]
    norms = [layer for layer in discriminator.modules() if isinstance(layer, nn.BatchNorm2d)]
    adversarial = []
    for mean in (0.0, 100.0):  # running figures, which only inference looks at
        for norm in norms:
            assert norm.running_mean is not None
            norm.running_mean.fill_(mean)
        made.optimizers["generator"].param_groups[0]["lr"] = 0.0
        torch.manual_seed(0)
        adversarial.append(update_step(made, "generator", [batch]).terms["adversarial"])
        assert all(bool((norm.running_mean == mean).all()) for norm in norms)
    assert torch.equal(*adversarial)


def test_schedule_is_one_step_each_on_every_batch() -> None:
    schedule = recipe().schedule
    for _ in range(100):
        assert schedule.updates == ("discriminator", "generator")
        assert not schedule.advance()


def test_presets() -> None:
    faithful = Options.model_validate({"preset": "faithful"})
    assert (faithful.width, faithful.search_steps, faithful.prior_weight) == (64, 1500, 0.003)
    for optimizer in (faithful.optimizers.generator, faithful.optimizers.discriminator):
        assert (optimizer.name, optimizer.lr, optimizer.betas) == ("Adam", 0.0002, [0.5, 0.999])
    assert Options.model_validate({"preset": "default"}).search_steps < 1500


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"search_steps": 0}, "recipes.dcgan.search_steps is 0, but must be >= 1"),
        ({"search_lr": 0.0}, "recipes.dcgan.search_lr is 0.0, but must be > 0"),
        ({"latent_size": 0}, "recipes.dcgan.latent_size is 0, but must be >= 1"),
    ],
)
def test_bad_options(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check("recipes.dcgan", Options, {"preset": "default"} | changes)
