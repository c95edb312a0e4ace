"""GLCIC: the published tables, what the presets decide, and the phases once a run."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.recipe import Batch, DataSpec, Recipe
from models.recipes import glcic
from models.recipes.glcic import Options
from pipeline.training.update_step import update_step
from support.architecture import conv_shapes, dilations, num_parameters, scripted

CPU = torch.device("cpu")
NO_MEMORY = torch.device("meta")  # shapes only
SETTING = DataSpec(64, 28, steps_per_epoch=10, seed=0, mean_color=(0.1, 0.0, -0.1))
FAITHFUL = Options.model_validate({"preset": "faithful"})
DEFAULT = Options.model_validate({"preset": "default"})


def small(preset: str, **changes: Any) -> Options:
    return Options.model_validate({"preset": preset, "width": 4, **changes})


def build(options: Options) -> Recipe:
    return glcic.build(options, SETTING, CPU)


def empty(image_size: int, num: int = 2) -> tuple[Tensor, Tensor]:
    """Images and masks without memory."""
    image = torch.zeros(num, 3, image_size, image_size, device=NO_MEMORY)
    return image, image[:, :1]


# The published tables


def test_completion_network_is_the_published_one() -> None:
    with NO_MEMORY:
        generator = glcic.build_generator(FAITHFUL, 256)
    assert num_parameters(generator) == 6_072_131
    assert conv_shapes(generator, *empty(256)) == [
        *[(64, 256, 256), (128, 128, 128), (128, 128, 128)],
        *[(256, 64, 64)] * 9,
        *[(128, 128, 128), (128, 128, 128), (64, 256, 256), (32, 256, 256), (3, 256, 256)],
    ]
    assert dilations(generator) == [2, 4, 8, 16]
    first = generator.get_submodule("layers.0")
    assert [type(layer) for layer in first.children()] == [nn.Conv2d, nn.ReLU, nn.BatchNorm2d]
    kernels = [layer.kernel_size[0] for layer in generator.modules() if type(layer) is nn.Conv2d]
    assert kernels == [5, *[3] * 14]
    ups = [layer for layer in generator.modules() if isinstance(layer, nn.ConvTranspose2d)]
    assert [(up.kernel_size, up.stride) for up in ups] == [((4, 4), (2, 2))] * 2


CHANNELS = (64, 128, 256, 512, 512, 512)


@pytest.mark.parametrize(
    ("image_size", "box_size", "global_maps", "local_maps"),
    [
        (256, 128, [128, 64, 32, 16, 8, 4], [64, 32, 16, 8, 4]),  # the paper's
        (160, 96, [80, 40, 20, 10, 5], [48, 24, 12, 6, 3]),  # the implementations'
        (128, 56, [64, 32, 16, 8, 4], [28, 14, 7, 4]),
        (64, 28, [32, 16, 8, 4], [14, 7, 4]),
        (32, 15, [16, 8, 4], [8, 4]),
    ],
)
def test_discriminators_are_sized_to_image_and_box(
    image_size: int, box_size: int, global_maps: list[int], local_maps: list[int]
) -> None:
    data_spec = replace(SETTING, image_size=image_size, box_size=box_size)
    with NO_MEMORY:
        discriminator = glcic.build_discriminator(FAITHFUL, data_spec)
    image, _ = empty(image_size)
    box = torch.zeros(2, 4, dtype=torch.int64, device=NO_MEMORY)
    layers = [
        [(channels, size, size) for channels, size in zip(CHANNELS, maps, strict=False)]
        for maps in (global_maps, local_maps)
    ]
    expected = [*layers[0], (1024,), *layers[1], (1024,), (1,)]
    assert conv_shapes(discriminator, image, box) == expected
    assert discriminator.head.in_features == 2048


def test_dense_layers_are_activated() -> None:
    """Two linear layers in a row would be one."""
    discriminator = glcic.build_discriminator(small("faithful"), SETTING)
    for branch in (discriminator.global_branch, discriminator.local_branch):
        assert [type(layer) for layer in branch][-2:] == [nn.Linear, nn.ReLU]


@pytest.mark.parametrize(
    ("image_size", "fitting"), [(32, [2, 4]), (64, [2, 4, 8]), (128, [2, 4, 8, 16])]
)
def test_default_leaves_out_dilations_that_reach_only_padding(
    image_size: int, fitting: list[int]
) -> None:
    with NO_MEMORY:
        assert dilations(glcic.build_generator(DEFAULT, image_size)) == fitting
        assert dilations(glcic.build_generator(FAITHFUL, image_size)) == [2, 4, 8, 16]


def test_faithful_optimizers_are_adadeltas_with_torchs_settings() -> None:
    optimizers = build(small("faithful")).optimizers
    assert optimizers.keys() == {"generator", "discriminator"}
    for optimizer in optimizers.values():
        group = optimizer.param_groups[0]
        assert isinstance(optimizer, torch.optim.Adadelta)
        assert (group["lr"], group["rho"], group["eps"]) == (1.0, 0.9, 1e-6)


# What the presets decide


@pytest.mark.parametrize("preset", ["default", "faithful"])
def test_completion_network_sees_the_mean_color_and_the_mask(preset: str, batch: Batch) -> None:
    generator = build(small(preset)).networks["generator"]
    seen: list[Tensor] = []
    layers = generator.get_submodule("layers")
    layers.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    generator(batch.image, batch.mask)
    color = torch.tensor(SETTING.mean_color).view(1, 3, 1, 1)
    expected = (color + 1) / 2 if preset == "faithful" else color
    hole = batch.mask.expand_as(batch.image) > 0
    torch.testing.assert_close(seen[0][:, :3][hole], expected.expand_as(batch.image)[hole])
    assert torch.equal(seen[0][:, 3:], batch.mask)


def judged(recipe: Recipe, batch: Batch) -> list[tuple[Tensor, Tensor]]:
    """Real and fake with their boxes, as the discriminator gets them."""
    calls: list[tuple[Tensor, Tensor]] = []
    recipe.networks["discriminator"].register_forward_pre_hook(lambda _, args: calls.append(args))
    recipe.updates["discriminator"].terms(batch)
    return calls


def test_default_discriminator_sees_completed_images_on_one_box(batch: Batch) -> None:
    (real, real_box), (fake, fake_box) = judged(build(small("default")), batch)
    context = batch.mask.expand_as(batch.image) == 0
    assert torch.equal(real, batch.image) and torch.equal(fake[context], batch.image[context])
    assert torch.equal(real_box, batch.box) and torch.equal(fake_box, batch.box)


def test_faithful_discriminator_sees_raw_output_and_a_real_patch_from_anywhere(
    batch: Batch,
) -> None:
    recipe = build(small("faithful"))
    drawn = []
    for seed in range(40):
        torch.manual_seed(seed)
        (real, real_box), (fake, fake_box) = judged(recipe, batch)[-2:]
        drawn.append(real_box)
        assert torch.equal(real, batch.image) and torch.equal(fake_box, batch.box)
    context = batch.mask.expand_as(batch.image) == 0
    assert not torch.equal(fake[context], batch.image[context])
    corners = torch.cat(drawn)
    assert (corners[:, 2:] == 28).all() and len(corners[:, :2].unique(dim=0)) > 100
    assert corners[:, :2].min() >= 0 and corners[:, :2].max() <= 64 - 28
    torch.manual_seed(3)
    assert torch.equal(judged(recipe, batch)[-2][1], drawn[3])  # torch's generator decides


def test_squared_error_by_hand(batch: Batch) -> None:
    for preset in ("default", "faithful"):
        recipe = build(small(preset))
        with torch.no_grad():
            mse = recipe.updates["mse"].terms(batch)["mse"].item()
            output = recipe.networks["generator"](batch.image, batch.mask)
        errors = (output - batch.image).square() / 4  # in [0, 1]
        inside = batch.mask.expand_as(errors) > 0
        if preset == "faithful":  # the hole's, over all pixels
            expected = errors[inside].sum().item() / errors.numel()
        else:
            each = [one[hole].mean() for one, hole in zip(errors, inside, strict=True)]
            expected = torch.stack(each).mean().item()
        assert mse == pytest.approx(expected, rel=1e-5)


def test_joint_terms_and_weights_by_hand(batch: Batch) -> None:
    recipe = build(small("faithful"))
    for network in recipe.networks.values():
        network.eval()
    with torch.no_grad():
        terms = recipe.updates["joint"].terms(batch)
        output = recipe.networks["generator"](batch.image, batch.mask)
        logits = recipe.networks["discriminator"](output, batch.box)
    expected = functional.binary_cross_entropy(logits.sigmoid(), torch.ones(4)).item()
    assert terms["adversarial"].item() == pytest.approx(expected, rel=1e-5)
    assert recipe.updates["joint"].weights == {"mse": 0.5, "adversarial": 2e-4}
    assert recipe.updates["mse"].weights == {"mse": 1.0}


def test_alpha_scales_the_discriminator_in_the_third_phase_alone() -> None:
    for preset, share in (("faithful", 2e-4), ("default", 0.5)):
        updates = build(small(preset)).updates
        assert updates["discriminator"].weights == {"real": 0.5, "fake": 0.5}
        assert updates["joint_discriminator"].weights == {"real": share, "fake": share}


# The schedule


def test_three_phases_once_a_run() -> None:
    taken = scripted(build(small("default", phases=[3, 2])), {}, 30)
    one, two, three = ("mse",), ("discriminator",), ("joint_discriminator", "joint")
    assert taken == [one] * 3 + [two] * 2 + [three] * 25


def test_published_lengths() -> None:
    assert FAITHFUL.phases == [90_000, 10_000]


def test_phases_may_be_left_out() -> None:
    assert scripted(build(small("default", phases=[0, 1])), {}, 2) == [
        ("discriminator",),
        ("joint_discriminator", "joint"),
    ]


# The user's words


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("width", 1, "greater than or equal to 2"),
        ("phases", [5], "at least 2 items"),
        ("phases", [5, -1], "greater than or equal to 0"),
        ("fill", "white", "mean_color"),
        ("mse_domain", "box", "hole"),
        ("layers", [{"channels": 1, "stride": 2}], "shrink the image by 2 and enlarge it by 1"),
        ("optimizers", {"generator": {"lr": 11.0}}, "lr is 11.0, but must be <= 10.0"),
        ("optimizers", {"generator": {"betas": [0.5, 0.9]}}, "betas is no setting of Adadelta"),
    ],
)
def test_bad_options_are_refused(name: str, value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        small("faithful", **{name: value})


@pytest.mark.parametrize("preset", ["default", "faithful"])
def test_odd_image_sizes_are_refused(preset: str) -> None:
    with pytest.raises(ValueError, match="glcic .* multiple of 4, not 66"):
        glcic.build_generator(small(preset), 66)


@pytest.mark.parametrize("preset", ["default", "faithful"])
def test_frozen_batch_norms_see_the_batch(preset: str, batch: Batch) -> None:
    """As in the code in use, where nothing is ever switched to inference."""
    options = Options.model_validate({"preset": preset, "width": 4})
    recipe = glcic.build(options, SETTING, CPU)
    discriminator = recipe.networks["discriminator"]
    modes = []
    discriminator.register_forward_pre_hook(lambda layer, _: modes.append(layer.training))
    update_step(recipe, "joint", [batch])
    assert modes == [preset == "faithful"]
