"""Each measure of how far completed boxes are from originals does what a measure has to.

On painted scenes, and on photographs that the project does not hold.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from models import registry
from models.components.pixels import to_tensor, to_uint8
from models.recipe import Batch, DataSpec
from pipeline.evaluation.distances import DISTANCE_COLUMNS, Extractors, distances
from pipeline.features.scene_features import load_scene_features
from pipeline.inpainting import baselines
from pipeline.params.evaluate import EvaluateParams
from pipeline.params.train_features import TrainFeaturesParams
from pipeline.shards.reader import Sample, read_split
from pipeline.stages.train_features import train_features
from pipeline.training.ema import EMA
from pipeline.training.update_step import update_step
from support.features import NO_WEIGHTS
from support.scene_shards import (
    BOX,
    HOLES,
    SIZE,
    Scene,
    painted_scenes,
    real_scenes,
    write_scene_shards,
)

CPU = torch.device("cpu")
NUM_TEST = 160  # more than two for each of the 56 features
FEATURES = {"width": 8, "images": 3200, "batch_size": 32, "learning_rate": 0.004}
MEASURES = ("kid_scene", "fid_scene", "two_sample", "sliced_wasserstein")
NONE = {"kid_scene": 0.0, "fid_scene": 0.0, "two_sample": 0.5, "sliced_wasserstein": 0.0}
MODEL_STEPS = 120


@dataclass(frozen=True)
class Set:
    """A set of test photos, and a network that was trained on others."""

    samples: list[Sample]
    train: list[Scene]
    extractors: Extractors

    @property
    def originals(self) -> np.ndarray:
        """(N, B, B, 3) uint8."""
        return self.boxes(lambda sample: sample.image)

    def boxes(self, complete: Callable[[Sample], np.ndarray]) -> np.ndarray:
        """Of each sample's completed image."""
        return np.stack([complete(each)[each.box.rows, each.box.columns] for each in self.samples])

    def apart(self, value: str = "value", **boxes: np.ndarray) -> pd.DataFrame:
        """A row a method, a column a measure; `value` or the interval's `low` or `high`."""
        found = distances(boxes, self.originals, self.extractors)
        return found.pivot(index="method", columns="measure", values=value)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module", params=["painted", "real"])
def scenes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Set:
    torch.set_num_threads(1)
    if request.param == "painted":
        found = painted_scenes(600)
    else:
        found = real_scenes(request.getfixturevalue("shared"), 200)
    splits = {"test": found[:NUM_TEST], "val": found[NUM_TEST:200], "train": found[200:]}
    folder = tmp_path_factory.mktemp("scenes")
    crop_dir = write_scene_shards(folder / "crop", splits)
    params = TrainFeaturesParams.model_validate({**FEATURES, "seed": 0, "max_photos": 1000})
    (folder / "features").mkdir()
    train_features(crop_dir, folder / "features", params, CPU)
    extractors = Extractors(load_scene_features(folder / "features", CPU), None, None)
    return Set(list(read_split(crop_dir, "test")), splits["train"], extractors)


def test_none_for_equal_sets(scenes: Set) -> None:
    found = scenes.apart(itself=scenes.originals).loc["itself"]
    assert found.to_dict() == pytest.approx(NONE, abs=1e-5)


def test_two_halves_are_no_further_apart_than_chance(scenes: Set) -> None:
    """Photos of the same kind, but others: intervals hold chance, the rest is below any fault."""
    halves = np.split(scenes.originals, 2)
    soft = np.stack([cv2.GaussianBlur(box, (0, 0), 2) for box in halves[1]])
    found = distances({"half": halves[0], "soft": soft}, halves[1], scenes.extractors)
    half = found[found["method"] == "half"].set_index("measure")
    assert half["low"]["kid_scene"] < 0 < half["high"]["kid_scene"]
    assert half["low"]["two_sample"] < 0.5  # below it is chance as well
    values = found.pivot(index="measure", columns="method", values="value")
    assert (values["half"] < values["soft"]).all()


PLANTED: dict[str, tuple[Callable[[np.ndarray, float], np.ndarray], tuple[float, ...]]] = {
    "blur": (lambda box, sigma: cv2.GaussianBlur(box, (0, 0), sigma), (0.5, 0.7, 1.0, 2.0)),
    "noise": (lambda box, level: noisy(box, level), (8, 16, 32, 64)),
    "hue": (lambda box, degrees: turned(box, degrees), (10, 20, 40, 80)),
}


def noisy(box: np.ndarray, level: float) -> np.ndarray:
    noise = np.random.default_rng(int(box.sum())).normal(0, level, box.shape)
    return np.clip(np.rint(box + noise), 0, 255).astype(np.uint8)


def turned(box: np.ndarray, degrees: float) -> np.ndarray:
    hsv = cv2.cvtColor(box, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + degrees / 2) % 180  # OpenCV counts in units of two degrees
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


@pytest.mark.parametrize("fault", PLANTED)
def test_every_measure_grows_with_a_planted_fault(scenes: Set, fault: str) -> None:
    plant, sizes = PLANTED[fault]
    boxes = scenes.originals
    planted = {str(size): np.stack([plant(box, size) for box in boxes]) for size in sizes}
    found = scenes.apart(none=boxes, **planted).loc[["none", *planted]]
    assert list(found.columns) == sorted(MEASURES)
    for measure in set(MEASURES) - {"two_sample"}:
        assert (found[measure].diff().iloc[1:] > 0).all(), found[measure]
    # A share of 320 answers: what lies within its interval is chance.
    low, high = (
        scenes.apart(end, none=boxes, **planted)["two_sample"].loc[found.index]
        for end in ("low", "high")
    )
    told = found["two_sample"]
    assert (high.to_numpy()[1:] >= told.to_numpy()[:-1]).all(), told
    assert low.iloc[-1] > 0.5, low


def test_every_measure_ranks_a_model_above_mean_color(scenes: Set) -> None:
    """Telea is ahead in colours alone: its streaks are a texture that no photo has."""
    fills = {
        name: scenes.boxes(lambda each, name=name: baselines.complete(name, each.image, each.mask))
        for name in ("mean_color", "telea")
    }
    found = scenes.apart(**fills, model=_trained_completions(scenes))
    for measure in MEASURES:
        assert found[measure]["model"] < found[measure]["mean_color"]
    telea, mean_color = found["sliced_wasserstein"][["telea", "mean_color"]]
    assert telea < mean_color


def _trained_completions(scenes: Set) -> np.ndarray:
    """Of a small pix2pix after some seconds."""
    options = registry.options_model("pix2pix").model_validate({"preset": "default", "width": 8})
    photos = torch.from_numpy(np.stack([image for _, image in scenes.train]))
    data_spec = DataSpec(SIZE, BOX, len(photos) // 16, 0, (0.0, 0.0, 0.0))
    recipe = registry.build("pix2pix", options, data_spec, CPU)
    ema = EMA(recipe.generator, 200)
    for step in range(MODEL_STEPS):
        rows = torch.randint(len(photos), (16,), generator=torch.Generator().manual_seed(step))
        masks, _, boxes = HOLES.cut(f"{step}", 16)
        mask = torch.from_numpy(masks)[:, None].float()
        batch = Batch(to_tensor(photos[rows]), mask, torch.tensor(boxes))
        for update in recipe.schedule.updates:
            update_step(recipe, update, [batch])
        recipe.schedule.advance()
        ema.update(16, step * 16)
    network = ema.network.eval()
    with torch.no_grad():
        outputs = [
            to_uint8(
                network(
                    to_tensor(torch.from_numpy(each.image)[None]),
                    torch.from_numpy(each.mask)[None, None].float(),
                )
            )[0].numpy()
            for each in scenes.samples
        ]
    made = {each.key: output for each, output in zip(scenes.samples, outputs, strict=True)}
    return scenes.boxes(lambda each: np.where(each.mask[..., None], made[each.key], each.image))


def test_rows_and_sums(scenes: Set) -> None:
    found = distances(
        {"one": scenes.originals, "two": scenes.originals}, scenes.originals, scenes.extractors
    )
    assert list(found.columns) == DISTANCE_COLUMNS
    assert list(found["method"]) == ["one"] * 4 + ["two"] * 4
    assert sorted(found["measure"][:4]) == sorted(MEASURES)
    assert set(found["num_photos"]) == {NUM_TEST}
    sums = found.set_index("measure")["features_sha256"]
    assert set(sums["kid_scene"]) == {scenes.extractors.scene.sha256}
    # Drawing photos anew would make these two larger.
    without = found[found["low"].isna()]
    assert set(without["measure"]) == {"fid_scene", "sliced_wasserstein"}
    rest = found.dropna()
    assert ((rest["low"] <= rest["value"]) & (rest["value"] <= rest["high"])).all()


@pytest.mark.parametrize(
    ("num", "measures"),
    [
        (3, {"sliced_wasserstein"}),
        (4, {"sliced_wasserstein", "kid_scene"}),
        (10, {"sliced_wasserstein", "kid_scene", "two_sample"}),
        (112, set(MEASURES)),
    ],
)
def test_a_measure_for_which_photos_are_too_few_is_left_out(
    scenes: Set, num: int, measures: set[str]
) -> None:
    boxes = scenes.originals[:num]
    assert set(distances({"some": boxes}, boxes, scenes.extractors)["measure"]) == measures


def test_a_box_smaller_than_the_patches_has_no_sliced_wasserstein(scenes: Set) -> None:
    boxes = np.ascontiguousarray(scenes.originals[:12, :6, :6])
    found = distances({"some": boxes}, boxes, scenes.extractors)
    assert set(found["measure"]) == {"kid_scene", "two_sample"}


def test_without_the_network_it_says_what_to_run(tmp_path: Path) -> None:
    params = EvaluateParams.model_validate(
        {"baselines": [], "blend": "none", "num_grid": 1, "colors": 0, **NO_WEIGHTS}
    )
    with pytest.raises(ValueError, match="config.json is missing: run `dvc repro train_features`"):
        Extractors.load(tmp_path, params, CPU)
