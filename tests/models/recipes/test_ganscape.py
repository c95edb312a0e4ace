"""GANscape: the published tables, the presets, and the schedule."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models import registry
from models.components.compose import context_mean
from models.networks.context_discriminator import ContextDiscriminator
from models.recipe import Batch, DataSpec, Recipe, seeded
from models.recipes import ganscape
from models.recipes.ganscape import Options
from pipeline.runtime.code_closure import closure
from support.architecture import conv_shapes, dilations, num_parameters, scripted

CPU = torch.device("cpu")
NO_MEMORY = torch.device("meta")  # shapes only: the published size takes seconds otherwise
SETTING = DataSpec(64, 28, steps_per_epoch=10, seed=0, mean_color=(0.1, 0.0, -0.1))


def build(options: Options, data_spec: DataSpec = SETTING) -> Recipe:
    return ganscape.build(options, data_spec, CPU)


# The published tables


def test_published_parameter_counts(published: dict[str, Any]) -> None:
    networks = build(Options(**published)).networks
    counts = {name: num_parameters(network) for name, network in networks.items()}
    assert counts == {"generator": 4_298_755, "discriminator": 25_660_929}
    assert sum(counts.values()) == 29_959_684
    branches = networks["discriminator"]
    assert isinstance(branches, ContextDiscriminator)
    assert num_parameters(branches.global_branch) == 14_403_840
    assert num_parameters(branches.local_branch) == 11_256_576


@pytest.mark.parametrize("bottleneck", [3, 4])
def test_generator_layers(published: dict[str, Any], batch: Batch, bottleneck: int) -> None:
    with NO_MEMORY:
        generator = ganscape.build_generator(Options(**{**published, "bottleneck": bottleneck}), 64)
    middle = [(256, 16, 16)] * bottleneck
    assert conv_shapes(generator, batch.image.to("meta"), batch.mask.to("meta")) == [
        *[(64, 64, 64), (128, 32, 32), (128, 32, 32), (256, 16, 16), (256, 16, 16)],
        *middle,
        *[(128, 32, 32), (128, 32, 32), (64, 64, 64), (32, 64, 64), (3, 64, 64)],
    ]
    assert dilations(generator) == [2, 4, 8][: bottleneck - 1]


def test_discriminator_layers(published: dict[str, Any], batch: Batch) -> None:
    with NO_MEMORY:
        discriminator = ganscape.build_discriminator(Options(**published), SETTING)
    assert conv_shapes(discriminator, batch.image.to("meta"), batch.box.to("meta")) == [
        *[(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2), (512, 2, 2)],
        *[(512,), (256,)],
        *[(64, 14, 14), (128, 7, 7), (256, 4, 4), (512, 2, 2), (512, 1, 1)],
        *[(512,), (256,)],
        (1,),
    ]


def test_pooled_discriminator_has_no_wide_layer(published: dict[str, Any], batch: Batch) -> None:
    pooled = Options(**{**published, "global_average_pooling": True})
    with NO_MEMORY:
        discriminator = ganscape.build_discriminator(pooled, SETTING)
    shapes = conv_shapes(discriminator, batch.image.to("meta"), batch.box.to("meta"))
    assert [shape for shape in shapes if len(shape) == 1] == [(256,), (256,), (1,)]


def test_faithful_blocks_are_conv_relu_norm(published: dict[str, Any]) -> None:
    networks = build(Options(**{**published, "width": 4})).networks
    for network in networks.values():
        norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
        assert norms and all(norm.eps == 1e-3 and norm.momentum == 0.01 for norm in norms)
    first = networks["generator"].get_submodule("layers.0")
    assert [type(layer) for layer in first.children()] == [nn.Conv2d, nn.ReLU, nn.BatchNorm2d]


def test_faithful_optimizers_are_kerass(published: dict[str, Any]) -> None:
    optimizers = build(Options(**{**published, "width": 4})).optimizers
    groups = {name: optimizer.param_groups[0] for name, optimizer in optimizers.items()}
    rates = {name: group["lr"] for name, group in groups.items()}
    assert rates == {"mse": 0.01, "joint": 0.001, "discriminator": 0.001}
    assert all(g["betas"] == (0.9, 0.999) and g["eps"] == 1e-7 for g in groups.values())


# What the presets decide


def test_generator_sees_the_fill_and_perhaps_the_mask(options: Options, batch: Batch) -> None:
    generator = ganscape.build_generator(options, 64)
    seen: list[Tensor] = []
    generator.layers.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    generator(batch.image, batch.mask)
    hole = batch.mask.expand_as(batch.image) > 0
    if options.preset == "faithful":
        assert (seen[0][hole] == 0).all()  # black of [0, 1]
        assert seen[0].shape[1] == 3 and seen[0].min() >= 0
    else:
        mean = context_mean(batch.image, batch.mask).expand_as(batch.image)
        assert torch.equal(seen[0][:, :3][hole], mean[hole])
        assert torch.equal(seen[0][:, 3:], batch.mask) and seen[0].min() < 0


def test_discriminator_judges_one_box_and_the_right_picture(options: Options, batch: Batch) -> None:
    recipe = build(options)
    calls: list[tuple[Tensor, Tensor]] = []
    discriminator = recipe.networks["discriminator"]
    discriminator.register_forward_pre_hook(lambda layer, inputs: calls.append(inputs))
    recipe.updates["discriminator"].terms(batch)
    (real, real_box), (fake, fake_box) = calls
    assert torch.equal(real, batch.image)
    assert torch.equal(real_box, batch.box) and torch.equal(fake_box, batch.box)
    context = batch.mask.expand_as(batch.image) == 0
    untouched = torch.equal(fake[context], batch.image[context])
    assert untouched == (options.preset == "default")


def test_mse_is_that_of_the_published_range(options: Options, batch: Batch) -> None:
    recipe = build(options)
    with torch.no_grad():
        mse = recipe.updates["mse"].terms(batch)["mse"]
        errors = (recipe.networks["generator"](batch.image, batch.mask) - batch.image).square() / 4
    inside = batch.mask.expand_as(batch.image) > 0
    each = [one[hole].mean().item() for one, hole in zip(errors, inside, strict=True)]
    expected = errors.mean().item() if options.preset == "faithful" else sum(each) / len(each)
    assert mse.item() == pytest.approx(expected, rel=1e-5)


def test_real_term_changes_the_printed_value_alone(published: dict[str, Any], batch: Batch) -> None:
    recipe = build(Options(**{**published, "width": 4}))
    terms = recipe.updates["joint"].terms(batch)
    discriminator, generator = recipe.networks["discriminator"], recipe.networks["generator"]
    output = generator(batch.image, batch.mask)
    fake = nn.functional.softplus(-discriminator(output, batch.box)).mean()
    real = nn.functional.softplus(discriminator(batch.image, batch.box)).mean()
    assert terms["adversarial"].item() == pytest.approx((fake + real).item(), rel=1e-4)
    # The real logits do not depend on the generator.
    grads = [
        torch.autograd.grad(loss, list(generator.parameters()), retain_graph=True)
        for loss in (terms["adversarial"], fake)
    ]
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


# The invariants


@pytest.mark.parametrize("image_size, box_size", [(64, 28), (64, 40), (32, 15), (128, 64)])
def test_other_sizes_are_computed(options: Options, image_size: int, box_size: int) -> None:
    data_spec = replace(SETTING, image_size=image_size, box_size=box_size)
    recipe = build(options, data_spec)
    image = torch.zeros(2, 3, image_size, image_size)
    mask = torch.zeros(2, 1, image_size, image_size)
    box = torch.tensor([[0, 0, box_size, box_size], [image_size - box_size] * 2 + [box_size] * 2])
    assert recipe.networks["generator"](image, mask).shape == image.shape
    assert recipe.networks["discriminator"](image, box).shape == (2,)


def test_seeding_leaves_the_global_stream_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with seeded(1, "generator"):
        torch.rand(7)
    assert torch.equal(torch.rand(3), expected)


# The schedule


HEALTHY = {
    "mse/mse": 0.1,
    "discriminator/real": 0.6,
    "discriminator/fake": 0.6,
    "joint/mse": 0.1,
    "joint/adversarial": 1.0,
}
ONE, TWO, THREE = ("mse",), ("discriminator",), ("joint", "discriminator")


def test_an_epoch_without_early_ends(options: Options) -> None:
    assert scripted(build(options), HEALTHY, 11) == [ONE] * 3 + [TWO] * 3 + [THREE] * 4 + [ONE]


def test_a_winning_discriminator_ends_two_phases(options: Options) -> None:
    winning = HEALTHY | {"discriminator/real": 0.3, "discriminator/fake": 0.4}
    assert scripted(build(options), winning, 6) == [ONE] * 3 + [TWO] + [THREE] + [ONE]


def test_a_lost_game_ends_the_epoch(options: Options) -> None:
    lost = HEALTHY | {"joint/adversarial": 101.0}
    assert scripted(build(options), lost, 8) == [ONE] * 3 + [TWO] * 3 + [THREE] + [ONE]


# The user's words


@pytest.mark.parametrize(
    "name, value, words",
    [
        ("width", 0, "greater than or equal to 2"),
        ("bottleneck", 6, "4 or 5"),
        ("phases", [0.5, 0.5], "three fractions"),
        ("phases", [0.5, 0.6, 0.1], "add up to 1"),
        ("optimizers", {"mse": {"lr": 20.0}}, "lr is 20.0, but must be <= 0.1 for Adam"),
        ("optimizers", {"mse": {"momentum": 0.9}}, "momentum is no setting of Adam"),
        ("optimizers", {"both": {"lr": 0.1}}, "both"),
        ("end", [{"channels": 1, "up": True}], "shrink the image by 4 and enlarge it by 2"),
        ("early", [{"channels": 1, "kernal": 5}], "kernal"),
        ("global_layers", [], "at least 1 item"),
        ("preset", "modern", "default"),
    ],
)
def test_bad_options_are_refused(
    published: dict[str, Any], name: str, value: Any, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        Options.model_validate({**published, name: value})


def test_odd_image_sizes_are_refused(options: Options) -> None:
    with pytest.raises(ValueError, match="multiple of 4, not 66"):
        build(options, replace(SETTING, image_size=66))


def test_unknown_recipe_names_the_known() -> None:
    with pytest.raises(ValueError, match="no recipe 'ganscap'; it must be one of: .*ganscape"):
        registry.options_model("ganscap")


def test_registry_alone_imports_no_recipe() -> None:
    """An edit of one recipe must not rerun the training of another."""
    assert not [path for path in closure("models/registry.py") if "recipes" in path]
