"""The recipe scenefill: its start, its schedule, what it refuses."""

from typing import Any

import pytest
import torch

from models.components import losses
from models.components.compose import composite
from models.components.schedule import LAST_RATE, cosine_rate
from models.networks.membrane import membrane
from models.recipe import Batch, DataSpec, Recipe
from models.recipes import scenefill
from models.recipes.scenefill import Options
from pipeline.training.update_step import update_step

CPU = torch.device("cpu")
SPEC = DataSpec(64, 28, steps_per_epoch=10, seed=0, mean_color=(0.0, 0.0, 0.0))


def options(**values: Any) -> Options:
    return Options.model_validate({"preset": "default", "width": 4, "blocks": [1, 1, 1]} | values)


def built(**values: Any) -> Recipe:
    return scenefill.build(options(**values), SPEC, CPU)


@torch.no_grad()
def test_untrained_it_is_the_membrane(batch: Batch) -> None:
    generator = scenefill.build_generator(options(detail=0.0), 64)
    expected = membrane(batch.image, batch.mask).clamp(-1, 1)
    torch.testing.assert_close(generator(batch.image, batch.mask), expected)


@torch.no_grad()
def test_detail_lies_in_the_hole_and_grows_with_the_option(batch: Batch) -> None:
    none, half, full = (
        scenefill.build_generator(options(detail=detail), 64)(batch.image, batch.mask)
        for detail in (0.0, 0.5, 1.0)
    )
    for output in (half, full):
        hole = batch.mask.expand_as(output) > 0
        assert torch.equal(output[~hole], none[~hole])
    one, two = ((each - none).abs().mean() for each in (half, full))
    assert one > 0 and 1.8 < two / one < 2.2


@torch.no_grad()
def test_a_plain_photo_stays_plain() -> None:
    """What a network adds without need would be seen there first: a wire in a sky."""
    image = torch.tensor([0.1, 0.2, 0.6])[:, None, None].expand(2, 3, 64, 64)
    grain = 0.3 * torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(2, 1, 64, 64)
    mask[..., 20:42, 30:52] = 1
    generator = scenefill.build_generator(options(), 64)
    for weight in generator.parameters():  # one that adds something everywhere
        torch.nn.init.constant_(weight, 0.02)
    plain, grainy = (
        (generator(each, mask) - membrane(each, mask)).abs().amax()
        for each in (image, image + grain)
    )
    assert plain < 0.1 / 127.5 and grainy > 0.1


def test_training_leaves_the_detail_out(batch: Batch) -> None:
    terms = [built(detail=detail).updates["around_holes"].terms(batch) for detail in (0.0, 2.0)]
    assert terms[0]["l1"] == terms[1]["l1"]


def test_the_window_has_the_whole_hole_of_a_box(batch: Batch) -> None:
    """Its loss is that of the whole photo where a membrane does not reach so far."""
    whole, window = (
        built(window=share).updates["around_holes"].terms(batch) for share in (1.0, 0.75)
    )
    filled = membrane(batch.image, batch.mask)
    expected = losses.absolute_error_hole(filled, batch.image, batch.mask)
    torch.testing.assert_close(whole["l1"], expected)
    torch.testing.assert_close(window["l1"], expected, rtol=0.02, atol=0)


def test_every_third_step_draws_other_holes() -> None:
    schedule = built().schedule
    seen = []
    for _ in range(6):
        seen += schedule.updates
        schedule.advance()
    assert seen == ["around_holes", "around_holes", "drawn_holes"] * 2
    assert built(drawn_every=0).updates.keys() == {"around_holes"}
    always = built(drawn_every=1).schedule
    assert always.updates == ("drawn_holes",)


def test_muon_has_the_inner_matrices_alone() -> None:
    recipe = built()
    inner, others = (group["params"] for group in recipe.optimizers["generator"].param_groups)
    assert all(weight.dim() == 4 for weight in inner)
    shapes = {tuple(weight.shape) for weight in others if weight.dim() == 4}
    assert shapes == {(4, 16, 3, 3), (12, 4, 3, 3)}  # stem and last layer


def test_a_few_steps_beat_the_membrane() -> None:
    """On photos that a membrane cannot continue: waves."""
    random = torch.Generator().manual_seed(0)
    places = torch.arange(64.0)

    def waves(num: int) -> Batch:
        phase = torch.rand(num, 1, 1, 1, generator=random) * 6.28
        image = torch.sin(places * 0.4 + phase).expand(num, 3, 64, 64)
        mask = torch.zeros(num, 1, 64, 64)
        mask[..., 20:44, 18:42] = 1
        box = torch.tensor([[18, 16, 28, 28]]).expand(num, 4)
        return Batch(image.contiguous(), mask, box)

    recipe = built(width=8, drawn_every=0)
    seen = waves(16)
    start = losses.absolute_error_hole(membrane(seen.image, seen.mask), seen.image, seen.mask)
    for _ in range(60):
        assert update_step(recipe, "around_holes", [waves(8)]).finite
    with torch.no_grad():
        output = composite(recipe.generator(seen.image, seen.mask), seen.image, seen.mask)
    assert losses.absolute_error_hole(output, seen.image, seen.mask) < 0.7 * start


def test_rates_rise_and_fall() -> None:
    rates = [cosine_rate(step / 100) for step in range(101)]
    assert 0 < rates[0] < rates[1] < rates[2] < rates[3]
    assert all(one > other for one, other in zip(rates[3:], rates[4:], strict=False))
    assert max(rates) > 0.99 and rates[-1] == pytest.approx(LAST_RATE)
    assert cosine_rate(1.2) == cosine_rate(1.0)  # minutes end a little late


def test_sizes_that_it_refuses() -> None:
    with pytest.raises(ValueError, match="an image size that is a multiple of 32, not 28"):
        scenefill.build_generator(options(), 28)
