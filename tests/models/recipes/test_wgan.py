"""WGAN completion and enhancement: tables, the critic's bounds, the phases, noise that works."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.components.compose import composite
from models.networks.enhanced_completer import EnhancedCompleter
from models.recipe import Batch, DataSpec, Recipe
from models.recipes import wgan
from models.recipes.wgan import Options
from pipeline.training.update_step import update_step
from support.architecture import conv_shapes, dilations, scripted

CPU = torch.device("cpu")
NO_MEMORY = torch.device("meta")  # shapes only
SETTING = DataSpec(64, 28, steps_per_epoch=10, seed=0, mean_color=(0.1, 0.0, -0.1))
FAITHFUL = Options.model_validate({"preset": "faithful"})


def small(preset: str, **changes: Any) -> Options:
    return Options.model_validate({"preset": preset, "width": 4, **changes})


def build(options: Options, data_spec: DataSpec = SETTING) -> Recipe:
    return wgan.build(options, data_spec, CPU)


def generator_of(recipe: Recipe) -> EnhancedCompleter:
    assert isinstance(recipe.generator, EnhancedCompleter)
    return recipe.generator


# The tables


def test_faithful_coarse_network_is_a_context_encoder(batch: Batch) -> None:
    with NO_MEMORY:
        coarse = wgan.build_generator(FAITHFUL, 64).coarse
    assert conv_shapes(coarse, batch.image.to("meta"), batch.mask.to("meta")) == [
        *[(64, 32, 32), (64, 16, 16), (128, 8, 8), (256, 4, 4), (512, 2, 2), (512, 2, 2)],
        *[(256, 4, 4), (128, 8, 8), (64, 16, 16), (64, 32, 32), (64, 64, 64), (3, 64, 64)],
    ]
    first = coarse.get_submodule("layers.0")
    assert [type(layer) for layer in first.children()] == [
        nn.Conv2d,
        nn.BatchNorm2d,
        nn.LeakyReLU,
    ]


def test_default_coarse_network_is_glcics(batch: Batch) -> None:
    with NO_MEMORY:
        coarse = wgan.build_generator(Options.model_validate({"preset": "default"}), 64).coarse
    assert dilations(coarse) == [2, 4, 8]
    assert coarse.masked_input.num_channels == 3 + 1 + 4  # colours, mask, noise
    shapes = conv_shapes(coarse, batch.image.to("meta"), batch.mask.to("meta"))
    assert shapes[:3] == [(64, 64, 64), (128, 32, 32), (128, 32, 32)] and len(shapes) == 16


def test_enhancement_is_full_size_convolutions(batch: Batch) -> None:
    for preset, num in (("faithful", 7), ("default", 6)):
        enhancement = wgan.build_generator(small(preset), 64).enhancement
        shapes = conv_shapes(enhancement, batch.image, batch.mask)
        assert shapes == [(4, 64, 64)] * num + [(3, 64, 64)]


def test_critic_has_both_branches_and_no_norm(batch: Batch) -> None:
    with NO_MEMORY:
        critic = wgan.build_critic(FAITHFUL, SETTING)
    assert conv_shapes(critic, batch.image.to("meta"), batch.box.to("meta")) == [
        *[(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512,)],
        *[(64, 14, 14), (128, 7, 7), (256, 4, 4), (512,)],
        (1,),
    ]
    kinds = {type(layer) for layer in critic.modules()}
    assert not [kind for kind in kinds if "Norm" in kind.__name__]


@pytest.mark.parametrize("preset", ["default", "faithful"])
def test_a_photos_logit_does_not_depend_on_the_others(preset: str, batch: Batch) -> None:
    critic = wgan.build_critic(small(preset), SETTING).train()
    together = critic(batch.image, batch.box)
    alone = torch.cat([critic(part.image, part.box) for part in batch.parts(4)])
    torch.testing.assert_close(alone, together)


# The critic


def test_critic_terms_are_mean_logits(batch: Batch) -> None:
    recipe = build(small("faithful"))
    for network in recipe.networks.values():
        network.eval()
    with torch.no_grad():
        terms = recipe.updates["critic"].terms(batch)
        output = generator_of(recipe).coarse(batch.image, batch.mask)
        fake = composite(output, batch.image, batch.mask)
        critic = recipe.networks["critic"]
        expected = {
            "real": critic(batch.image, batch.box).mean(),
            "fake": critic(fake, batch.box).mean(),
        }
    assert terms.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value)
    assert recipe.updates["critic"].weights == {"real": -1.0, "fake": 1.0}


def test_clipping_keeps_every_weight_within_bounds(batch: Batch) -> None:
    recipe = build(small("faithful", clip=0.02))
    assert recipe.updates["critic"].compiles
    critic = recipe.networks["critic"]
    assert max(weight.abs().max() for weight in critic.parameters()) > 0.02
    for _ in range(3):
        update_step(recipe, "critic", [batch])
        assert all(weight.abs().max() <= 0.02 for weight in critic.parameters())


def test_penalty_is_a_term_and_bounds_no_weight(batch: Batch) -> None:
    recipe = build(small("default"))
    update = recipe.updates["critic"]
    assert update.weights == {"real": -1.0, "fake": 1.0, "penalty": 10.0}
    assert not update.compiles
    before = recipe.networks["critic"].state_dict()["head.weight"].clone()
    update.after_step()
    assert torch.equal(recipe.networks["critic"].state_dict()["head.weight"], before)
    assert update.terms(batch)["penalty"] > 0


def test_penalty_is_in_full_precision_under_autocast(batch: Batch) -> None:
    recipe = build(small("default"))
    seen: list[torch.dtype] = []
    head = recipe.networks["critic"].get_submodule("head")
    head.register_forward_hook(lambda layer, args, output: seen.append(output.dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        recipe.updates["critic"].terms(batch)
    assert seen == [torch.bfloat16, torch.bfloat16, torch.float32]


def test_penalty_keeps_the_critic_from_growing_steep(batch: Batch) -> None:
    steepness = []
    for weight in (10.0, 1e-6):
        options = small("default", penalty_weight=weight, optimizers={"critic": {"lr": 1e-3}})
        recipe = build(options)
        torch.manual_seed(0)
        penalties = [update_step(recipe, "critic", [batch]).terms["penalty"] for _ in range(40)]
        steepness.append(torch.stack(penalties[-10:]).mean().item())
    assert steepness[0] < 1 < 10 < steepness[1]


def test_adversarial_term_does_not_depend_on_the_critics_zero(batch: Batch) -> None:
    recipe = build(small("default", noise_channels=0, diversity_weight=0.0))
    first = recipe.updates["completion"].terms(batch)["adversarial"]
    with torch.no_grad():
        recipe.networks["critic"].get_parameter("head.bias").add_(100.0)
    second = recipe.updates["completion"].terms(batch)["adversarial"]
    torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-4)


# The enhancement


@pytest.mark.parametrize("preset", ["default", "faithful"])
def test_before_its_phase_the_correction_is_zero(preset: str, batch: Batch) -> None:
    recipe = build(small(preset))
    generator = generator_of(recipe)
    noise = generator.coarse.masked_input.draw_noise(batch.mask)
    for name in ("reconstruction", "critic", "completion"):
        update_step(recipe, name, [batch])
    generator.eval()
    coarse = generator.coarse(batch.image, batch.mask, noise)
    assert torch.equal(
        generator(batch.image, batch.mask, noise), composite(coarse, batch.image, batch.mask)
    )
    update_step(recipe, "enhancement", [batch])
    generator.eval()
    assert not torch.equal(
        generator(batch.image, batch.mask, noise), composite(coarse, batch.image, batch.mask)
    )


def test_enhancement_error_counts_hole_and_border(batch: Batch) -> None:
    recipe = build(small("faithful", border=2)).updates["enhancement"]
    whole = build(small("faithful", border=0)).updates["enhancement"]
    around = torch.zeros_like(batch.mask)
    for index, hole in enumerate(
        [(1, 3, 25, 32), (38, 28, 64, 54), (0, 0, 23, 23), (18, 42, 47, 64)]
    ):
        top, left, bottom, right = hole
        around[index, :, top:bottom, left:right] = 1
    with torch.no_grad():
        wide, narrow = (update.terms(batch)["l1"].item() for update in (recipe, whole))
    # Before it is trained nothing is wrong on the border: the same sum over more pixels.
    areas = batch.mask.sum(dim=(1, 2, 3)) / around.sum(dim=(1, 2, 3))
    assert wide == pytest.approx(narrow * areas.mean().item(), rel=0.02)


# Noise


def diversity(recipe: Recipe, batch: Batch) -> float:
    """Mean distance of two completions in the hole, grey levels."""
    generator = generator_of(recipe).eval()
    torch.manual_seed(1)
    with torch.no_grad():
        one, other = (generator(batch.image, batch.mask) for _ in range(2))
    hole = batch.mask.expand_as(batch.image) > 0
    return 127.5 * (one - other).abs()[hole].mean().item()


def test_noise_is_in_the_hole_alone_and_one_vector_a_photo(batch: Batch) -> None:
    masked_input = generator_of(build(small("default"))).coarse.masked_input
    noise = masked_input(batch.image, batch.mask)[:, -4:]
    hole = batch.mask.expand_as(noise) > 0
    assert (noise[~hole] == 0).all()
    for photo, mask in zip(noise, batch.mask, strict=True):
        assert len(photo[:, mask[0] > 0].unique(dim=1).T) == 1
    assert len({photo.abs().sum().item() for photo in noise}) == 4


def test_two_noises_give_two_completions_more_so_with_training(batch: Batch) -> None:
    recipe = build(small("default", width=8))
    torch.manual_seed(0)
    before = diversity(recipe, batch)
    for _ in range(40):
        torch.manual_seed(torch.randint(1 << 30, ()).item())
        update_step(recipe, "reconstruction", [batch])
    assert 0 < before < diversity(recipe, batch)


def test_without_the_term_training_forgets_the_noise(batch: Batch) -> None:
    distances = []
    for weight in (0.001, 0.0):
        fast = {"reconstruction": {"lr": 2e-3}}
        recipe = build(small("default", width=8, diversity_weight=weight, optimizers=fast))
        torch.manual_seed(0)
        for _ in range(60):
            update_step(recipe, "reconstruction", [batch])
        distances.append(diversity(recipe, batch))
    assert distances[1] < distances[0] / 2


def test_without_noise_there_is_one_completion(batch: Batch) -> None:
    assert diversity(build(small("faithful")), batch) == 0


# The schedule


def test_phases_once_a_run() -> None:
    taken = scripted(build(small("default", phases=[2, 12])), {}, 20)
    critic, both = ("critic",), ("critic", "completion")
    pattern = [critic, critic, critic, critic, both]
    assert taken == [("reconstruction",)] * 2 + (pattern * 3)[:12] + [("enhancement",)] * 6


def test_joint_training_has_no_phase_of_the_enhancement() -> None:
    taken = scripted(build(small("default", phases=[1, 5], joint=True, n_critic=2)), {}, 9)
    both = ("critic", "completion", "enhancement")
    assert taken == [("reconstruction",)] + [("critic",), both] * 4


def test_jointly_the_critic_judges_the_enhanced_picture(batch: Batch) -> None:
    recipe = build(small("faithful", joint=True))
    update_step(recipe, "enhancement", [batch])
    seen: list[Tensor] = []
    recipe.networks["critic"].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    recipe.generator.eval()
    recipe.updates["critic"].terms(batch)
    enhanced = composite(recipe.generator(batch.image, batch.mask), batch.image, batch.mask)
    assert torch.equal(seen[1], enhanced)


def test_faithful_is_wgans() -> None:
    recipe = build(small("faithful"))
    for name in ("critic", "completion"):
        optimizer = recipe.optimizers[name]
        assert isinstance(optimizer, torch.optim.RMSprop)
        assert optimizer.param_groups[0]["lr"] == 5e-5
    assert (FAITHFUL.clip, FAITHFUL.n_critic, FAITHFUL.lipschitz) == (0.01, 5, "clip")


# The user's words


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("n_critic", 0, "greater than or equal to 1"),
        ("clip", 0.0, "greater than 0"),
        ("lipschitz", "spectral", "'clip' or 'penalty'"),
        ("phases", [5, -1], "greater than or equal to 0"),
        ("diversity_weight", 0.1, "diversity_weight is 0.1, but must be 0 without noise"),
        ("layers", [{"channels": 1, "up": True}], "shrink the image by 1 and enlarge it by 2"),
    ],
)
def test_bad_options_are_refused(name: str, value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        small("faithful", **{name: value})


@pytest.mark.parametrize(("preset", "multiple"), [("default", 4), ("faithful", 32)])
def test_odd_image_sizes_are_refused(preset: str, multiple: int) -> None:
    with pytest.raises(ValueError, match=f"wgan .* multiple of {multiple}, not 50"):
        build(small(preset), replace(SETTING, image_size=50))


@pytest.mark.parametrize("preset", ["default", "faithful"])
def test_small_images(preset: str) -> None:
    recipe = build(small(preset), replace(SETTING, image_size=32, box_size=15))
    image, mask = torch.zeros(2, 3, 32, 32), torch.zeros(2, 1, 32, 32)
    mask[:, :, 5:15, 5:15] = 1
    box = torch.tensor([[3, 3, 15, 15]] * 2)
    assert update_step(recipe, "critic", [Batch(image, mask, box)]).finite
    assert recipe.generator(image, mask).shape == image.shape
