"""The evaluation: what a generator can do decides what is measured."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from rich.console import Console

from models import registry
from models.components.generators import Sampler
from models.generator_files import save_generator
from pipeline.commands.results import _people_line, _tables
from pipeline.evaluation.distances import DISTANCE_COLUMNS
from pipeline.evaluation.score_tables import PICTURE_COLUMNS, SCORE_COLUMNS, STRATUM_COLUMNS
from pipeline.metrics.image_metrics import METRICS, completion_metrics
from pipeline.params.evaluate import EvaluateParams
from pipeline.photos import photo_tables
from pipeline.runtime.scratch import fresh_folder
from pipeline.shards.reader import image_of, read_fields, read_split, shards_of
from pipeline.stages.evaluate import evaluate
from support.features import NO_WEIGHTS, write_scene_network
from support.noise_shards import write_shards

CPU = torch.device("cpu")
COUNTS = {"train": 9, "val": 1, "test": 6}
PARAMS = EvaluateParams(
    baselines=["mean_color", "telea"], blend="none", num_grid=4, colors=0, **NO_WEIGHTS
)
SMALL: dict[str, dict[str, Any]] = {
    "dcgan": {"width": 2, "search_steps": 2},
    "ganscape": {"width": 4, "bottleneck": 1},
    "vanilla": {"width": 4},
}
FILL = {*METRICS, "hole_psnr_median", "kid_scene", "sliced_wasserstein"} - {"context_psnr"}
SAMPLING = {"sliced_wasserstein", "sliced_wasserstein_floor", "detail_ratio", "diversity"}
SAMPLING |= {"novelty"}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_shards(folder / "crop", COUNTS)
    write_scene_network(folder / "train_features")
    nobody = pd.DataFrame({"key": [], "group": []}, dtype=str)
    photo_tables.write(nobody, folder / "filter_people" / "near_copies.parquet")
    return folder


def evaluated(
    data: Path, recipe: str, workers: int = 1
) -> tuple[dict[str, Any], pd.DataFrame, set[str]]:
    """Metrics, table and grids of an untrained generator."""
    options = registry.options_model(recipe).model_validate({"preset": "default"} | SMALL[recipe])
    torch.manual_seed(0)
    generator = registry.build_generator(recipe, options.model_dump(), 32)
    (data / "train").mkdir(exist_ok=True)
    config = {"recipe": recipe, "options": options.model_dump(), "image_size": 32}
    config |= {"num_images": 48, "precision": "fp32", "train": {"seed": 0, "adversary": True}}
    save_generator(data / "train", generator, config)
    out = data / "evaluate"
    fresh_folder(out)
    evaluate(data, data / "crop", out, PARAMS, CPU, workers)
    metrics = json.loads((out / "figures.json").read_text())
    grids = {path.name for path in (out / "grids").iterdir()}
    return metrics, pd.read_parquet(out / "per_image.parquet"), grids


def shape_of(metrics: dict[str, Any]) -> dict[str, set[str]]:
    return {name: set(row) for name, row in metrics.items() if isinstance(row, dict)}


METHODS = dict.fromkeys(("mean_color", "telea"), FILL) | {"model": FILL | {"context_psnr"}}
GRIDS = {"test.png", "against_mean_color.png", "against_telea.png"}
TABLES = {
    "scores": SCORE_COLUMNS,
    "strata": STRATUM_COLUMNS,
    "pictures": PICTURE_COLUMNS,
    "distances": DISTANCE_COLUMNS,
    "plots/kid_scene": ["method", "kid_scene", "low", "high"],
    "plots/hole_psnr": ["method", "hole_psnr", "low", "high"],
    "plots/lead_by_group": ["group", "strongest", "lead", "lead_low", "lead_high"],
}


def test_a_completer(data: Path) -> None:
    metrics, table, grids = evaluated(data, "ganscape")
    assert shape_of(metrics) == METHODS and metrics["num_photos"] == 6
    assert len(table) == 3 * 6 and grids == GRIDS
    tables = {name: pd.read_csv(data / f"evaluate/{name}.csv") for name in TABLES}
    assert {name: list(each.columns) for name, each in tables.items()} == TABLES
    assert len(tables["scores"]) == 3 * len(METRICS)
    for name, row in metrics.items():
        if isinstance(row, dict):
            scores = tables["scores"][tables["scores"]["method"] == name].set_index("metric")
            found = {metric: row.get(metric) for metric in METRICS if metric in row}
            assert found == pytest.approx(scores["value"].dropna().to_dict(), abs=1e-4)
    assert len(tables["pictures"]) == 2 * 3 * 2
    # For the classifier six photos are too few, and for FID.
    apart = tables["distances"]
    assert list(apart["measure"]) == 3 * ["kid_scene", "sliced_wasserstein"]
    assert set(apart["num_photos"]) == {6}
    sums = apart.set_index("measure")["features_sha256"]
    assert set(sums["kid_scene"]) == {metrics["features_sha256"]}
    assert sums["sliced_wasserstein"].isna().all()
    for row in apart.itertuples():
        assert metrics[row.method][row.measure] == pytest.approx(row.value, abs=1e-4)
    assert set(tables["pictures"]["key"]) <= set(table["key"])


def test_pictures_to_zoom_into_are_those_of_the_grid(data: Path) -> None:
    _, table, _ = evaluated(data, "ganscape")
    folders = sorted((data / "evaluate/pictures").iterdir())
    assert len(folders) == PARAMS.num_grid and {path.name for path in folders} <= set(table["key"])
    photos = {sample.key: sample for sample in read_split(data / "crop", "test")}
    names = {"masked", "mean_color", "telea", "model", "original"}
    for folder in folders:
        pictures = {path.stem: np.asarray(Image.open(path)) for path in folder.iterdir()}
        assert set(pictures) == names
        sample = photos[folder.name]
        assert np.array_equal(pictures["original"], sample.image)
        assert (pictures["masked"][sample.mask] == 255).all()
        rows = table[table["key"] == folder.name].set_index("method")
        for method in ("mean_color", "telea", "model"):
            found = completion_metrics([pictures[method]], sample.image, sample.mask, sample.box)[0]
            assert found["hole_psnr"] == rows["hole_psnr"][method]


def bytes_of(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_any_number_of_workers_writes_the_same_bytes(data: Path) -> None:
    evaluated(data, "ganscape")
    one = bytes_of(data / "evaluate")
    evaluated(data, "ganscape", workers=2)
    other = bytes_of(data / "evaluate")
    assert list(one) == list(other)
    assert [name for name in one if one[name] != other[name]] == []
    assert len(one) == 7 + 3 + 6 + 4 * 5  # tables, grids, plots, images


def test_the_training_without_adversary_stands_beside(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluated(data, "ganscape")
    plain = data / "compare/plain/ganscape"
    shutil.copytree(data / "train", plain)
    shutil.copy(data / "crop/meta.json", plain)
    try:
        metrics, table, _ = evaluated(data, "ganscape")
        assert set(shape_of(metrics)) == {*METHODS, "plain"}
        assert metrics["plain"] == metrics["model"]
        assert (data / "evaluate/grids/against_plain.png").is_file()
        # As fair as a comparison has to be: the same shards, options and images seen.
        config = json.loads((plain / "config.json").read_text())
        (plain / "config.json").write_text(json.dumps(config | {"num_images": 7}))
        assert set(shape_of(evaluated(data, "ganscape")[0])) == set(METHODS)
        assert "(images seen) and is left out: run `scenefill compare" in capsys.readouterr().err
        (plain / "config.json").write_text(json.dumps(config))
        meta = json.loads((plain / "meta.json").read_text())
        (plain / "meta.json").write_text(json.dumps(meta | {"sha256": {}}))
        assert set(shape_of(evaluated(data, "ganscape")[0])) == set(METHODS)
        assert "(shards) and is left out" in capsys.readouterr().err
    finally:
        shutil.rmtree(data / "compare")


def test_the_code_s_sum_is_of_what_measures_and_of_the_recipe(data: Path) -> None:
    one, other = (evaluated(data, recipe)[0]["code_sha256"] for recipe in ("ganscape", "dcgan"))
    assert len(one) == 64 and one != other
    assert evaluated(data, "ganscape")[0]["code_sha256"] == one


def test_a_sampler(data: Path) -> None:
    metrics, table, grids = evaluated(data, "vanilla")
    assert shape_of(metrics) == {"samples": SAMPLING} and metrics["num_photos"] == 6
    assert list(table.columns) == ["key", "method", "nearest_key", "nearest_distance"]
    assert len(table) == 6 and grids == {"samples.png"}
    for name, columns in TABLES.items():
        empty = pd.read_csv(data / f"evaluate/{name}.csv")
        assert len(empty) == 0 and list(empty.columns) == columns
    assert list((data / "evaluate/pictures").iterdir()) == []
    keys = {fields["__key__"] for fields in read_fields(shards_of(data / "crop", "train"))}
    assert set(table["nearest_key"]) <= keys
    assert (table["nearest_distance"] > 0).all()
    with Image.open(data / "evaluate/grids/samples.png") as grid:
        assert grid.height == 2 * (2 * 32 + 2)


def test_one_that_does_both_the_same_each_time(data: Path) -> None:
    metrics, table, grids = evaluated(data, "dcgan")
    assert shape_of(metrics) == METHODS | {"samples": SAMPLING}
    assert grids == {"samples.png"} | GRIDS
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
    from pipeline.evaluation.samples import score_samples

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
    metrics, _, _ = evaluated(data, recipe)
    tables = list(_tables(data / "evaluate"))
    assert [table.title for table in tables] == titles
    console = Console(width=100)
    with console.capture() as capture:
        for table in tables:
            console.print(table)
    assert ("copies" in capture.get()) == (recipe != "ganscape")
    if "model" in metrics:
        lines = [line for line in capture.get().splitlines() if "mean color" in line]
        assert f" {metrics['mean_color']['hole_psnr']:.2f} (" in lines[0] and ".." in lines[0]
        assert f"code {metrics['code_sha256'][:8]}" in capture.get()


@pytest.mark.parametrize("is_known", [True, False])
def test_results_say_what_the_people_filter_finds(tmp_path: Path, is_known: bool) -> None:
    shares = {"recall": 0.9, "recall_low": 0.8, "recall_high": 0.95}
    shares |= {"false_alarms": 0.01, "false_alarms_low": 0.0, "false_alarms_high": 0.02}
    found = {"photos_with_people": 180} | shares if is_known else {"photos_with_people": 0}
    (tmp_path / "figures.json").write_text(json.dumps(found))
    line = _people_line(tmp_path)
    assert ("finds 0.90 (0.80..0.95) of 180 photos with people" in line) == is_known
    assert ("not measured" in line) != is_known
