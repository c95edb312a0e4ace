"""What holds for every recipe, whatever it is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models import registry
from models.components.compose import composite
from models.components.generators import Completer, Sampler
from models.components.options import RecipeOptions
from models.networks.context_discriminator import ContextDiscriminator
from models.recipe import Batch, DataSpec, Recipe, seeded
from pipeline.training.update_step import update_step

CPU = torch.device("cpu")
SETTING = DataSpec(64, 28, steps_per_epoch=10, seed=0, mean_color=(0.1, 0.0, -0.1))

# Narrow, so that a test takes no time. A recipe that is not named here has no test: see below.
SMALL: dict[str, dict[str, Any]] = {
    "basquiat": {"width": 4},
    "dcgan": {"width": 4, "search_steps": 3},
    "ganscape": {"width": 4},
    "glcic": {"width": 4, "phases": [2, 1]},
    "outpaint": {"width": 4, "features": "discriminator"},  # VGG19's weights are not at hand
    "pix2pix": {"width": 4},
    "scenefill": {"width": 4, "blocks": [1, 1, 1]},
    "vanilla": {"width": 4},
    "wgan": {"width": 4, "phases": [2, 6]},
}
CASES = [(name, preset) for name in SMALL for preset in registry.options_model(name).presets]


@dataclass(frozen=True)
class Case:
    name: str
    options: RecipeOptions

    def build(self, data_spec: DataSpec = SETTING) -> Recipe:
        return registry.build(self.name, self.options, data_spec, CPU)

    def build_generator(self, image_size: int = 64) -> nn.Module:
        return registry.build_generator(self.name, self.options.model_dump(), image_size)


@pytest.fixture(params=CASES, ids=lambda case: "-".join(case))
def case(request: pytest.FixtureRequest) -> Case:
    name, preset = request.param
    options = registry.options_model(name).model_validate({"preset": preset, **SMALL[name]})
    return Case(name, options)


def test_every_recipe_is_tested_here() -> None:
    assert set(SMALL) == set(registry.RECIPES)


def weights_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


# The updates


def test_an_update_touches_its_network_alone(case: Case, batch: Batch) -> None:
    for name in case.build().updates:
        recipe = case.build()
        before = {key: weights_of(network) for key, network in recipe.networks.items()}
        update_step(recipe, name, [batch])
        trained = recipe.updates[name].network
        for key, network in recipe.networks.items():
            assert same(before[key], weights_of(network)) == (key != trained), (name, key)
            has_grad = [weight.grad is not None for weight in network.parameters()]
            assert all(has_grad) if key == trained else not any(has_grad), (name, key)


def test_no_gradient_is_left_from_another_update(case: Case, batch: Batch) -> None:
    """Others' steps between two of an update add nothing to the second's gradient."""
    for name in case.build().updates:
        grads = []
        for with_others in (False, True):
            recipe = case.build()
            for optimizer in recipe.optimizers.values():
                for group in optimizer.param_groups:
                    group["lr"] = 0.0
            without_memory(recipe)
            for update in recipe.updates.values():
                update.after_step()  # weights that are clipped are so from the start
            others = [other for other in recipe.updates if other != name] if with_others else []
            for each in (name, *others, name):
                torch.manual_seed(0)
                update_step(recipe, each, [batch])
            network = recipe.networks[recipe.updates[name].network]
            grads.append([weight.grad for weight in network.parameters()])
        for one, other in zip(*grads, strict=True):
            assert one is not None and other is not None and torch.equal(one, other), name


def without_memory(recipe: Recipe) -> None:
    """Batch norm's running figures, so that steps before leave no trace at learning rate 0."""
    for network in recipe.networks.values():
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 0.0


def test_real_and_fake_share_the_box(case: Case, batch: Batch) -> None:
    """Where a discriminator looks at one. As published, GLCIC shows it real patches of anywhere."""
    recipe = case.build()
    seen: list[Tensor] = []
    for network in recipe.networks.values():
        if isinstance(network, ContextDiscriminator):
            network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    for name in recipe.updates:
        update_step(recipe, name, [batch])
    others = [box for box in seen if not torch.equal(box, batch.box)]
    assert bool(others) == (case.options.model_dump().get("random_real_box") is True)


def test_discriminators_give_logits(case: Case) -> None:
    """A squashed output would make the losses, which squash it themselves, blunt."""
    recipe = case.build()
    own = {id(layer) for layer in recipe.generator.modules()}
    for network in recipe.networks.values():
        judges = [layer for layer in network.modules() if id(layer) not in own]
        assert not any(isinstance(layer, nn.Sigmoid | nn.Tanh | nn.Softmax) for layer in judges)


def test_every_weighted_term_is_there_and_finite(case: Case, batch: Batch) -> None:
    recipe = case.build()
    for update in recipe.updates.values():
        terms = update.terms(batch)
        assert update.weights.keys() <= terms.keys()
        assert all(term.isfinite() and term.shape == () for term in terms.values())


def test_the_schedule_names_updates_and_uses_all(case: Case) -> None:
    """With figures at which no phase ends early; phases once a run are some steps long."""
    recipe = case.build()
    seen: set[str] = set()
    for _ in range(20_000):
        seen |= set(recipe.schedule.updates)
        if recipe.schedule.advance():
            recipe.schedule.observe(HEALTHY)
        if seen == set(recipe.updates):
            return
    raise AssertionError(f"never taken: {set(recipe.updates) - seen}")


HEALTHY = {
    "discriminator/real": (0.7, 1),
    "discriminator/fake": (0.7, 1),
    "joint/adversarial": (1.0, 1),
}


def test_optimizers_hold_what_their_updates_train(case: Case) -> None:
    recipe = case.build()
    for update in recipe.updates.values():
        groups = recipe.optimizers[update.optimizer].param_groups
        held = {id(weight) for group in groups for weight in group["params"]}
        assert held == {id(weight) for weight in recipe.networks[update.network].parameters()}


def test_the_generator_is_made_of_the_networks(case: Case) -> None:
    recipe = case.build()
    trained = {id(w) for network in recipe.networks.values() for w in network.parameters()}
    assert {id(weight) for weight in recipe.generator.parameters()} <= trained


def test_weights_are_a_function_of_seed_and_name(case: Case) -> None:
    first, second = case.build().networks, case.build().networks
    other = case.build(replace(SETTING, seed=1)).networks
    for name in first:
        assert same(weights_of(first[name]), weights_of(second[name]))
        assert not same(weights_of(first[name]), weights_of(other[name]))


# The generator


def completer(case: Case) -> nn.Module:
    """With the weights of a built recipe, in inference mode."""
    generator = case.build().generator
    if not isinstance(generator, Completer):
        pytest.skip("completes no holes")
    return generator.eval()


@torch.no_grad()
def completed(generator: nn.Module, image: Tensor, mask: Tensor) -> Tensor:
    """The raw output; random numbers, where it draws any, are the same each time."""
    with seeded(0, "test"):
        output: Tensor = generator(image, mask)
    return output


def test_hole_pixels_never_reach_the_generator(case: Case, batch: Batch) -> None:
    generator = completer(case)
    expected = completed(generator, batch.image, batch.mask)
    noise = torch.rand(batch.image.shape) * 2 - 1
    for other in (noise, torch.full_like(noise, torch.nan)):
        perturbed = torch.where(batch.mask > 0, other, batch.image)
        assert torch.equal(completed(generator, perturbed, batch.mask), expected)


def test_context_is_bit_identical_after_compositing(case: Case, batch: Batch) -> None:
    output = completed(completer(case), batch.image, batch.mask)
    picture = composite(output, batch.image, batch.mask)
    context = batch.mask.expand_as(batch.image) == 0
    assert torch.equal(picture[context], batch.image[context])
    assert torch.equal(picture[~context], output[~context])


def test_outputs_are_pictures(case: Case, batch: Batch) -> None:
    """Whatever comes in, float32 in [-1, 1] comes out."""
    output = completed(completer(case), batch.image * 3, batch.mask)
    assert output.shape == batch.image.shape and output.dtype == torch.float32
    assert output.min() >= -1 and output.max() <= 1


def test_samples_are_pictures(case: Case) -> None:
    generator = case.build().generator.eval()
    if not isinstance(generator, Sampler):
        pytest.skip("makes up no images")
    with torch.no_grad():
        pictures = generator.sample(torch.randn(5, generator.latent_size) * 3)
    assert pictures.shape == (5, 3, 64, 64) and pictures.dtype == torch.float32
    assert pictures.min() >= -1 and pictures.max() <= 1


def test_stored_weights_fit_what_the_options_describe(case: Case, batch: Batch) -> None:
    kept = case.build().generator.eval()
    rebuilt = case.build_generator()
    rebuilt.load_state_dict(kept.state_dict())
    if isinstance(kept, Completer):
        one, other = (completed(each, batch.image, batch.mask) for each in (kept, rebuilt.eval()))
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)  # laid out differently


def test_parts_of_a_batch_give_the_terms_of_the_batch(case: Case, batch: Batch) -> None:
    """Not with batch norm, which sees one part at a time, and not where noise is drawn."""
    norms = (nn.BatchNorm2d, nn.Dropout)
    networks = case.build().networks.values()
    if any(isinstance(layer, norms) for network in networks for layer in network.modules()):
        pytest.skip("batch norm or dropout")
    for name, update in case.build().updates.items():
        before = torch.get_rng_state()
        update.terms(batch)
        if not torch.equal(torch.get_rng_state(), before):
            continue
        whole, parted = (update_step(case.build(), name, batch.parts(num)) for num in (1, 2))
        for term, value in whole.terms.items():
            torch.testing.assert_close(parted.terms[term], value, rtol=1e-3, atol=1e-5)


# Sizes


@pytest.mark.parametrize(("image_size", "box_size"), [(128, 56), (256, 112)])
def test_larger_images(case: Case, image_size: int, box_size: int) -> None:
    recipe = case.build(replace(SETTING, image_size=image_size, box_size=box_size))
    image, mask = (
        torch.zeros(2, 3, image_size, image_size),
        torch.zeros(2, 1, image_size, image_size),
    )
    mask[:, :, 10:40, 20:50] = 1
    box = torch.tensor([[0, 0, box_size, box_size], [5, 5, box_size, box_size]])
    for name in recipe.updates:
        assert update_step(recipe, name, [Batch(image, mask, box)]).finite


# The options


def test_a_wrong_key_names_the_recipes_own(case: Case) -> None:
    from pipeline.params.section import check

    values = {"preset": "default", "widht": 16}
    with pytest.raises(ValueError, match=f"recipes.{case.name}.widht is unknown: .*`width`"):
        check(f"recipes.{case.name}", registry.options_model(case.name), values)


def test_an_unknown_preset_is_one_fault(case: Case) -> None:
    from pipeline.params.section import check

    with pytest.raises(ValueError, match="preset is 'modern'") as caught:
        check(f"recipes.{case.name}", registry.options_model(case.name), {"preset": "modern"})
    assert len(str(caught.value).splitlines()) == 1


def test_a_preset_says_everything(case: Case) -> None:
    model = type(case.options)
    for preset in model.presets.values():
        assert preset.keys() == model.model_fields.keys() - {"preset"}
