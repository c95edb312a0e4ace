"""The fully connected GAN: architecture, losses, the published defect."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from models.recipe import Batch, DataSpec, Recipe
from models.recipes.vanilla import DenseDiscriminator, Losses, Options, build, build_generator
from pipeline.params.section import check
from pipeline.training.update_step import update_step

CPU = torch.device("cpu")


def options(**changes: Any) -> Options:
    return Options.model_validate({"preset": "default", "width": 4} | changes)


def data_spec(image_size: int = 28) -> DataSpec:
    return DataSpec(image_size, 12, steps_per_epoch=10, seed=0, mean_color=(0.0, 0.0, 0.0))


def recipe(**changes: Any) -> Recipe:
    return build(options(**changes), data_spec(), CPU)


def photos(num: int = 8, image_size: int = 28) -> Batch:
    image = torch.rand(num, 3, image_size, image_size) * 2 - 1
    return Batch(image, torch.zeros(num, 1, image_size, image_size), torch.zeros(num, 4).long())


# Architecture


def linear_shapes(network: nn.Module) -> list[tuple[int, int]]:
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    return [(layer.in_features, layer.out_features) for layer in layers]


@pytest.mark.parametrize("preset", ["default", "faithful"])
def test_published_size(preset: str) -> None:
    chosen = options(preset=preset, width=256)
    sampler, discriminator = build_generator(chosen, 28), DenseDiscriminator(chosen, 28)
    assert linear_shapes(sampler) == [(100, 256), (256, 512), (512, 1024), (1024, 784)]
    assert linear_shapes(discriminator) == [(784, 1024), (1024, 512), (512, 256), (256, 1)]
    counts = [sum(w.numel() for w in net.parameters()) for net in (sampler, discriminator)]
    assert counts == [1_486_352, 1_460_225]
    slopes = {
        layer.negative_slope
        for network in (sampler, discriminator)
        for layer in network.modules()
        if isinstance(layer, nn.LeakyReLU)
    }
    dropouts = [layer.p for layer in discriminator.modules() if isinstance(layer, nn.Dropout)]
    assert slopes == {0.2} and dropouts == [0.3] * 3


@pytest.mark.parametrize("image_size", [28, 32, 64, 75, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_image_size(image_size: int, channels: int) -> None:
    chosen = options(channels=channels)
    pictures = build_generator(chosen, image_size).sample(torch.randn(2, 100))
    assert pictures.shape == (2, 3, image_size, image_size)
    assert DenseDiscriminator(chosen, image_size)(pictures).shape == (2,)
    is_grey = bool((pictures == pictures[:, :1]).all())
    assert is_grey == (channels == 1)


def test_a_grey_discriminator_sees_the_mean_of_the_colours() -> None:
    discriminator = DenseDiscriminator(options(channels=1), 28).eval()
    image = torch.rand(2, 3, 28, 28)
    grey = image.mean(dim=1, keepdim=True).expand_as(image)
    torch.testing.assert_close(discriminator(image), discriminator(grey))
    coloured = DenseDiscriminator(options(channels=3), 28).eval()
    assert not torch.allclose(coloured(image), coloured(grey))


# The losses


class Constant(nn.Module):
    """The same logit for every image, after a look at them."""

    def __init__(self, logit: float) -> None:
        super().__init__()
        self.logit, self.seen = logit, torch.zeros(0)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.seen = image.detach()
        return torch.full((len(image),), self.logit)


def test_losses_by_hand() -> None:
    losses = Losses(build_generator(options(), 28), Constant(2.0), unit_reals=False)
    terms = losses.discriminator_loss(photos())
    assert terms["real"].item() == pytest.approx(math.log(1 + math.exp(-2)))
    assert terms["fake"].item() == pytest.approx(math.log(1 + math.exp(2)))
    assert terms["accuracy"].item() == 0.5
    adversarial = losses.generator_loss(photos())["adversarial"]
    assert adversarial.item() == pytest.approx(math.log(1 + math.exp(-2)))


def test_every_update_draws_fresh_noise() -> None:
    discriminator = Constant(0.0)
    losses = Losses(build_generator(options(), 28), discriminator, unit_reals=False)
    seen = []
    for _ in range(2):
        losses.generator_loss(photos())
        seen.append(discriminator.seen)
        losses.discriminator_loss(photos())
        seen.append(discriminator.seen)
    assert all(not torch.equal(one, other) for one, other in zip(seen, seen[1:], strict=False))
    assert all(len(each) == 8 for each in seen)


@pytest.mark.parametrize(("preset", "low"), [("default", -1.0), ("faithful", 0.0)])
def test_only_the_published_form_shows_real_photos_in_another_range(
    preset: str, low: float
) -> None:
    made = recipe(preset=preset)
    terms, seen = made.updates["discriminator"].terms, []
    hook = made.networks["discriminator"].register_forward_pre_hook(
        lambda network, arguments: seen.append(arguments[0])
    )
    batch = photos()
    batch.image[0, 0, 0, 0], batch.image[0, 0, 0, 1] = -1.0, 1.0
    terms(batch)
    hook.remove()
    real, _ = seen
    assert (real.min().item(), real.max().item()) == (low, 1.0)


def test_dropout_is_on_in_the_generators_update() -> None:
    """Twice the same noise is judged twice: as published, the discriminator trains meanwhile."""
    made = recipe(dropout=0.5)
    made.optimizers["generator"].param_groups[0]["lr"] = 0.0
    losses = []
    for _ in range(2):
        with torch.random.fork_rng():
            losses.append(update_step(made, "generator", [photos()]).terms["adversarial"])
        torch.rand(1)
    assert not torch.equal(*losses)


def test_schedule_is_one_step_each_on_every_batch() -> None:
    schedule = recipe().schedule
    for _ in range(100):
        assert schedule.updates == ("discriminator", "generator")
        assert not schedule.advance()
        schedule.observe({"discriminator/real": (0.0, 1), "discriminator/fake": (0.0, 1)})


def test_optimizers_of_the_presets() -> None:
    betas = {
        preset: recipe(preset=preset).optimizers["generator"].param_groups[0]["betas"]
        for preset in ("default", "faithful")
    }
    assert betas == {"default": (0.5, 0.999), "faithful": (0.9, 0.999)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": 2}, "recipes.vanilla.channels is 2, but must be one of 1 or 3"),
        ({"dropout": 1.0}, "recipes.vanilla.dropout is 1.0, but must be < 1"),
        ({"width": 0}, "recipes.vanilla.width is 0, but must be >= 1"),
    ],
)
def test_bad_options(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check("recipes.vanilla", Options, {"preset": "default"} | changes)
