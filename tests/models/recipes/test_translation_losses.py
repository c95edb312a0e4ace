"""The losses of pix2pix, Basquiat and the outpainting recipe by hand, each through its updates."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models import registry
from models.networks.patch_discriminator import PatchDiscriminator
from models.networks.translation import TranslationOptions
from models.networks.unet import UNet
from models.recipe import Batch, DataSpec, Recipe

SETTING = DataSpec(64, 28, steps_per_epoch=10, seed=0, mean_color=(0.1, 0.0, -0.1))
NEEDED: dict[str, dict[str, Any]] = {
    "pix2pix": {},
    "basquiat": {},
    "outpaint": {"features": "discriminator"},
}


@pytest.fixture(params=NEEDED)
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


def small(name: str, preset: str, **changes: Any) -> TranslationOptions:
    values = {"preset": preset, "width": 4, **NEEDED[name], **changes}
    options = registry.options_model(name).model_validate(values)
    assert isinstance(options, TranslationOptions)
    return options


def build(name: str, preset: str, **changes: Any) -> Recipe:
    return registry.build(name, small(name, preset, **changes), SETTING, torch.device("cpu"))


def networks_of(recipe: Recipe) -> tuple[UNet, PatchDiscriminator]:
    generator, discriminator = recipe.networks["generator"], recipe.networks["discriminator"]
    assert isinstance(generator, UNet) and isinstance(discriminator, PatchDiscriminator)
    return generator, discriminator


def judged(recipe: Recipe, batch: Batch) -> list[tuple[Tensor, Tensor]]:
    """What the discriminator is shown in its update: real, then fake."""
    calls: list[tuple[Tensor, Tensor]] = []
    _, discriminator = networks_of(recipe)
    discriminator.register_forward_pre_hook(lambda layer, inputs: calls.append(inputs))
    recipe.updates["discriminator"].terms(batch)
    return calls


@pytest.mark.parametrize("preset", ["default", "faithful"])
def test_real_and_fake_stand_beside_the_same_masked_photo(
    name: str, preset: str, batch: Batch
) -> None:
    recipe = build(name, preset)
    (given, real), (also_given, fake) = judged(recipe, batch)
    generator, _ = networks_of(recipe)
    seen = generator.masked_input(batch.image, batch.mask)
    assert torch.equal(given, seen) and torch.equal(also_given, seen)
    assert torch.equal(real, batch.image)
    context = batch.mask.expand_as(batch.image) == 0
    assert torch.equal(fake[context], batch.image[context]) == (preset == "default")


def test_default_asks_of_patches_with_hole_pixels_alone(name: str, batch: Batch) -> None:
    recipe = build(name, "default")
    generator, discriminator = networks_of(recipe)
    with torch.no_grad():
        terms = recipe.updates["discriminator"].terms(batch)
        given = generator.masked_input(batch.image, batch.mask)
        logits = discriminator(given, batch.image)
    asked = discriminator.sees(batch.mask)
    pairs = zip(logits, asked, strict=True)
    each = [nn.functional.softplus(-one[hole > 0]).mean() for one, hole in pairs]
    assert terms["real"].item() == pytest.approx((sum(each) / len(each)).item(), rel=1e-5)


def test_faithful_asks_of_all(name: str, batch: Batch) -> None:
    recipe = build(name, "faithful", dropout=0.0)
    generator, discriminator = networks_of(recipe)
    with torch.no_grad():
        terms = recipe.updates["discriminator"].terms(batch)
        given = generator.masked_input(batch.image, batch.mask)
        logits = discriminator(given, batch.image)
    assert terms["real"].item() == pytest.approx(nn.functional.softplus(-logits).mean().item())


@pytest.mark.parametrize("preset", ["default", "faithful"])
def test_absolute_error_by_hand(name: str, preset: str, batch: Batch) -> None:
    recipe = build(name, preset, dropout=0.0)
    generator, _ = networks_of(recipe)
    with torch.no_grad():
        l1 = recipe.updates["generator"].terms(batch)["l1"]
        output = generator.unclamped(batch.image, batch.mask)
    errors = (output - batch.image).abs() / (2 if name == "basquiat" else 1)
    inside = batch.mask.expand_as(batch.image) > 0
    each = [one[hole].mean().item() for one, hole in zip(errors, inside, strict=True)]
    expected = errors.mean().item() if preset == "faithful" else sum(each) / len(each)
    assert l1.item() == pytest.approx(expected, rel=1e-5)


def test_each_step_trains_the_discriminator_then_the_generator(name: str) -> None:
    schedule = build(name, "default").schedule
    for _ in range(5):
        assert schedule.updates == ("discriminator", "generator")
        assert not schedule.advance(), "no phase ends, so host and device need not be in step"


@pytest.mark.parametrize(
    "option, value, words",
    [
        ("width", 1, "greater than or equal to 2"),
        ("norm", "group", "'batch', 'instance' or 'none'"),
        ("layout", "tensorflow", "'torch' or 'keras'"),
        ("dropout", 1.0, "less than 1"),
        ("patch_share", 0.0, "greater than 0"),
        ("patch_share", 2.0, "less than or equal to 1"),
        ("optimizers", {"generator": {"momentum": 0.9}}, "momentum is no setting of Adam"),
        ("optimizers", {"joint": {"lr": 0.1}}, "joint"),
    ],
)
def test_bad_options_are_refused(name: str, option: str, value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        small(name, "default", **{option: value})
