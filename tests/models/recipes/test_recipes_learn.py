"""Every recipe learns: a minute's training, told by figures of other photos.

The real photos are test data that the project does not hold; without them painted ones do.
"""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from models import registry
from models.components.generators import Sampler
from models.components.pixels import to_tensor, to_uint8
from models.recipe import Batch, DataSpec
from pipeline.metrics.hole_figures import hole_l1
from pipeline.metrics.sliced_wasserstein import sliced_wasserstein
from pipeline.sources.synthetic.options import SyntheticOptions
from pipeline.sources.synthetic.source import encode
from pipeline.training.ema import EMA
from pipeline.training.update_step import update_step
from support.cutters import cutter
from support.shared import SHARED

SIZE, BOX, BATCH = 32, 16, 16
HOLES = cutter("box", image_size=SIZE, box_size=BOX, side_min=10, side_max=13)
NUM_TRAIN, NUM_VAL = 256, 64
# Short phases, so that each of them is taken; steps that suffice to see it learn.
RECIPES: dict[str, tuple[dict[str, Any], int]] = {
    "basquiat": ({"width": 8}, 100),
    "dcgan": ({"width": 8}, 300),
    "ganscape": ({"width": 8}, 100),
    "glcic": ({"width": 8, "phases": [80, 5]}, 100),
    "outpaint": ({"width": 8}, 100),
    "pix2pix": ({"width": 8}, 100),
    "scenefill": ({"width": 16, "detail": 0.0}, 150),
    "vanilla": ({"width": 64, "channels": 3}, 500),
    "wgan": ({"width": 8, "phases": [80, 10]}, 100),
}
# What make test has the time for; make test-slow has the others.
QUICK = ("ganscape", "scenefill", "wgan")
# Of the error before any training. Where that is a classical fill's, little is left to learn.
SHARES = {"scenefill": 0.96}


@pytest.fixture(scope="module")
def photos() -> Tensor:
    """(N, S, S, 3) uint8: real landscapes where there are any, else painted ones."""
    num = NUM_TRAIN + NUM_VAL
    paths = sorted((SHARED / "data/landscapes256").rglob("*.jpg"))[:num]
    files: Iterator[Any] = iter(paths)
    if not paths:
        options = SyntheticOptions(num_photos=num, seed=0, people_share=0, broken_share=0)
        files = (io.BytesIO(encode(number, options)[0]) for number in range(num))
    small = [np.asarray(Image.open(file).convert("RGB").resize((SIZE, SIZE))) for file in files]
    return torch.from_numpy(np.stack(small))


def batch_of(photos: Tensor, text: str) -> Batch:
    masks, _, boxes = HOLES.cut(text, len(photos))
    return Batch(to_tensor(photos), torch.from_numpy(masks)[:, None].float(), torch.tensor(boxes))


@torch.no_grad()
def error(generator: torch.nn.Module, photos: Tensor) -> float:
    """Of completions in the hole; of made-up images their distance to the photos."""
    torch.manual_seed(0)
    if isinstance(generator, Sampler):
        samples = generator.sample(torch.randn(len(photos), generator.latent_size))
        return sliced_wasserstein(to_uint8(samples), photos)
    batch = batch_of(photos, "validation")
    output = to_uint8(generator(batch.image, batch.mask))
    return hole_l1(output, photos, batch.mask > 0)


def test_every_recipe_is_here() -> None:
    assert RECIPES.keys() == registry.RECIPES.keys()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in QUICK)) for name in RECIPES]
)
def test_it_learns(name: str, photos: Tensor) -> None:
    torch.set_num_threads(1)
    values, num_steps = RECIPES[name]
    options = registry.options_model(name).model_validate({"preset": "default", **values})
    data_spec = DataSpec(SIZE, BOX, NUM_TRAIN // BATCH, 0, (0.0, 0.0, 0.0))
    recipe = registry.build(name, options, data_spec, torch.device("cpu"))
    ema = EMA(recipe.generator, 200)
    train, validation = photos[:NUM_TRAIN], photos[NUM_TRAIN:]
    before = error(ema.network, validation)
    for step in range(num_steps):
        torch.manual_seed(step)
        batch = batch_of(train[torch.randint(NUM_TRAIN, (BATCH,))], f"train {step}")
        sums: dict[str, tuple[float, int]] = {}
        for update in recipe.schedule.updates:
            result = update_step(recipe, update, [batch])
            assert result.finite
            sums |= {f"{update}/{term}": (v.item(), 1) for term, v in result.terms.items()}
        recipe.schedule.advance()
        recipe.schedule.observe(sums)
        ema.update(BATCH, (step + 1) * BATCH)
    after = error(ema.network, validation)
    assert after < SHARES.get(name, 0.7) * before
