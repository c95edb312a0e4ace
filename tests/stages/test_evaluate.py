"""The evaluation: what a generator can do decides what is measured."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from PIL import Image
from rich.console import Console

from models import registry
from models.generators import Sampler
from noise_shards import write_shards
from pipeline.generator import save_generator
from pipeline.params.evaluate import EvaluateParams
from pipeline.results import _tables
from pipeline.shard_reader import image_of, read_fields, read_split, shards_of
from pipeline.stages.evaluate import evaluate

CPU = torch.device("cpu")
COUNTS = {"train": 9, "val": 1, "test": 6}
PARAMS = EvaluateParams(baselines=["mean_color", "telea"], blend="none", num_grid=4, colors=0)
SMALL: dict[str, dict[str, Any]] = {
    "dcgan": {"width": 2, "search_steps": 2},
    "ganscape": {"width": 4, "bottleneck": 1},
    "vanilla": {"width": 4},
}
COMPLETION = {"hole_psnr", "hole_l1", "hole_ssim", "hole_psnr_median"}
SAMPLING = {"sliced_wasserstein", "sliced_wasserstein_floor", "detail_ratio", "diversity"}
SAMPLING |= {"novelty"}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_shards(folder / "crop", COUNTS)
    return folder


def evaluated(data: Path, recipe: str) -> tuple[dict[str, Any], pd.DataFrame, set[str]]:
    """Metrics, table and grids of an untrained generator."""
    options = registry.options_model(recipe).model_validate({"preset": "default"} | SMALL[recipe])
    torch.manual_seed(0)
    generator = registry.build_generator(recipe, options.model_dump(), 32)
    (data / "train").mkdir(exist_ok=True)
    config = {"recipe": recipe, "options": options.model_dump(), "image_size": 32}
    save_generator(data / "train", generator, config)
    evaluate(data, PARAMS, CPU)
    out = data / "evaluate"
    metrics = json.loads((out / "metrics.json").read_text())
    grids = {path.name for path in (out / "grids").iterdir()}
    return metrics, pd.read_parquet(out / "per_image.parquet"), grids


def shape_of(metrics: dict[str, Any]) -> dict[str, set[str]]:
    return {name: set(row) for name, row in metrics.items() if isinstance(row, dict)}


METHODS = dict.fromkeys(("mean_color", "telea", "model"), COMPLETION)


def test_a_completer(data: Path) -> None:
    metrics, table, grids = evaluated(data, "ganscape")
    assert shape_of(metrics) == METHODS and metrics["num_photos"] == 6
    assert len(table) == 3 * 6 and grids == {"test.png"}


def test_a_sampler(data: Path) -> None:
    metrics, table, grids = evaluated(data, "vanilla")
    assert shape_of(metrics) == {"samples": SAMPLING} and metrics["num_photos"] == 6
    assert list(table.columns) == ["key", "method", "nearest_key", "nearest_distance"]
    assert len(table) == 6 and grids == {"samples.png"}
    keys = {fields["__key__"] for fields in read_fields(shards_of(data / "crop", "train"))}
    assert set(table["nearest_key"]) <= keys
    assert (table["nearest_distance"] > 0).all()
    with Image.open(data / "evaluate/grids/samples.png") as grid:
        assert grid.height == 2 * (2 * 32 + 2)


def test_one_that_does_both_the_same_each_time(data: Path) -> None:
    metrics, table, grids = evaluated(data, "dcgan")
    assert shape_of(metrics) == METHODS | {"samples": SAMPLING}
    assert grids == {"samples.png", "test.png"}
    assert table["method"].value_counts().to_dict() == {
        "mean_color": 6,
        "telea": 6,
        "model": 6,
        "samples": 6,
    }
    assert table["hole_psnr"].isna().tolist() == (table["method"] == "samples").tolist()
    torch.manual_seed(7)
    assert evaluated(data, "dcgan")[0] == metrics


class Remembered(Sampler):
    """Gives the photos of a split back, one after another."""

    latent_size = 1

    def __init__(self, crop_dir: Path, split: str) -> None:
        super().__init__()
        images = [image_of(fields) for fields in read_fields(shards_of(crop_dir, split))]
        stacked = torch.stack([torch.from_numpy(image) for image in images])
        self.photos = stacked.permute(0, 3, 1, 2).float() / 127.5 - 1

    def sample(self, latents: torch.Tensor) -> torch.Tensor:
        return self.photos[: len(latents)]


def test_copies_are_not_new_and_unseen_photos_are(data: Path) -> None:
    from pipeline.sample_scores import score_samples

    test = list(read_split(data / "crop", "test"))
    copies, unseen = (
        score_samples(test, Remembered(data / "crop", split), data / "crop", CPU)
        for split in ("train", "test")
    )
    assert copies.figures["novelty"] == 0
    assert copies.nearest.distances.tolist() == [0] * 6
    assert unseen.figures["novelty"] == 1
    assert unseen.figures["sliced_wasserstein"] == 0
    floor = unseen.figures["sliced_wasserstein_floor"]
    assert floor == copies.figures["sliced_wasserstein_floor"] > 0


@pytest.mark.parametrize(
    ("recipe", "titles"),
    [
        ("ganscape", ["6 test photos, the same holes for all"]),
        ("vanilla", ["6 samples beside as many test photos"]),
        (
            "dcgan",
            ["6 test photos, the same holes for all", "6 samples beside as many test photos"],
        ),
    ],
)
def test_results_print_what_is_there(data: Path, recipe: str, titles: list[str]) -> None:
    tables = list(_tables(evaluated(data, recipe)[0]))
    assert [table.title for table in tables] == titles
    console = Console(width=100)
    with console.capture() as capture:
        for table in tables:
            console.print(table)
    assert ("copies" in capture.get()) == (recipe != "ganscape")
