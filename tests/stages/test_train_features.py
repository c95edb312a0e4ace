"""The stage that trains the scene network."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.components.pixels import to_tensor, to_uint8
from pipeline.features.damage import BLUR, GRAIN, GRID, NONE, damaged
from pipeline.features.scene_features import load_scene_features
from pipeline.features.scene_questions import draw_pictures, labelled_alike, read_labelled_photos
from pipeline.metrics.kernel_distance import kernel_distance
from pipeline.params.train_features import TrainFeaturesParams
from pipeline.stages import train_features as stage
from support.scene_shards import painted_scenes, write_scene_shards

CPU = torch.device("cpu")
OUTS = ("features.safetensors", "config.json", "figures.json")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def crop_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scenes = painted_scenes(120)
    return write_scene_shards(
        tmp_path_factory.mktemp("crop"), {"train": scenes[:80], "val": scenes[80:]}
    )


def params_of(**changes: Any) -> TrainFeaturesParams:
    values = {"width": 4, "images": 320, "batch_size": 16, "learning_rate": 0.004, "seed": 0}
    return TrainFeaturesParams.model_validate(values | {"max_photos": 1000} | changes)


def trained(crop_dir: Path, folder: Path, **changes: Any) -> dict[str, bytes]:
    folder.mkdir(exist_ok=True)
    stage.train_features(crop_dir, folder, params_of(**changes), CPU)
    return {name: (folder / name).read_bytes() for name in OUTS}


@pytest.mark.slow
def test_it_learns_all_four_questions(crop_dir: Path, tmp_path: Path) -> None:
    outs = trained(crop_dir, tmp_path / "out", images=3200)
    metrics = json.loads(outs["figures.json"])
    assert metrics["box_category"] > 0.7 and metrics["photo_category"] > 0.8  # of 2
    assert metrics["box_turn"] > 0.4 and metrics["photo_turn"] > 0.7  # of 4
    assert metrics["box_damage"] > 0.6 and metrics["photo_damage"] > 0.6  # half are undamaged
    config = json.loads(outs["config.json"])
    assert config["categories"] == ["sea", "wood"] and config["num_photos"] == 80
    assert config["num_val_photos"] == 40
    features = load_scene_features(tmp_path / "out", CPU)
    assert features.sha256 == config["sha256"]
    boxes = np.random.default_rng(0).integers(0, 256, (5, 28, 28, 3), dtype=np.uint8)
    assert features.of(boxes).shape == (5, 7 * 4)


@pytest.mark.slow
def test_a_planted_damage_moves_the_distance_by_more_than_its_noise(
    crop_dir: Path, tmp_path: Path
) -> None:
    """Faint ones, on photos that the network has not seen: six grey levels, or half a blur."""
    trained(crop_dir, tmp_path / "out", width=8, images=6400)
    features = load_scene_features(tmp_path / "out", CPU)
    photos = read_labelled_photos(crop_dir, "val", 1000).images
    boxes = torch.cat([photos[:, top : top + 28, 18:46] for top in (2, 34)])
    originals = features.of(boxes.numpy())
    undamaged = kernel_distance(originals, originals)
    assert undamaged[0] == 0
    for kind in (BLUR, GRID, GRAIN):
        torch.manual_seed(kind)
        kinds = torch.full((len(boxes),), kind)
        planted = to_uint8(damaged(to_tensor(boxes), kinds, torch.full((len(boxes),), 0.4)))
        value, low, _ = kernel_distance(features.of(planted.numpy()), originals)
        assert low > 0, (kind, value, low)


@pytest.mark.slow
def test_the_same_bytes_each_time_and_after_a_stop(
    crop_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "CHECKPOINT_EVERY", 6)
    whole = trained(crop_dir, tmp_path / "whole")
    assert trained(crop_dir, tmp_path / "again") == whole
    assert trained(crop_dir, tmp_path / "other", seed=1) != whole

    asked: list[str] = []
    stop_at = "step 15"

    def noted(*arguments: Any) -> Any:
        if arguments[-1] == stop_at:
            raise KeyboardInterrupt
        asked.append(arguments[-1])
        return draw_pictures(*arguments)

    monkeypatch.setattr(stage, "draw_pictures", noted)
    with pytest.raises(KeyboardInterrupt):
        trained(crop_dir, tmp_path / "stopped")
    stop_at = ""
    asked.clear()
    assert trained(crop_dir, tmp_path / "stopped") == whole
    assert asked[0] == "step 12", "it went on from its last checkpoint"


def test_a_single_category_is_no_obstacle(tmp_path: Path) -> None:
    scenes = [scene for scene in painted_scenes(60) if scene[0] == "sea"]
    crop_dir = write_scene_shards(tmp_path / "crop", {"train": scenes[:20], "val": scenes[20:]})
    metrics = json.loads(trained(crop_dir, tmp_path / "out", images=2400)["figures.json"])
    assert metrics["box_category"] == 1.0 and metrics["photo_turn"] > 0.3


def test_categories_may_differ_between_the_splits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in small sets of many categories; then nothing can be asked."""
    scenes = painted_scenes(60)
    splits = {
        "train": [scene for scene in scenes if scene[0] == "sea"],
        "val": [scene for scene in scenes if scene[0] != "sea"],
    }
    outs = trained(write_scene_shards(tmp_path / "crop", splits), tmp_path / "out")
    assert json.loads(outs["figures.json"]) == {}
    assert "accuracy not measured" in capsys.readouterr().err


def test_a_rate_that_diverges_is_told(crop_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lower params.yaml train_features.learning_rate"):
        trained(crop_dir, tmp_path / "out", learning_rate=1e30)


def test_photos_are_evenly_spaced_up_to_the_most(crop_dir: Path) -> None:
    every, half = (read_labelled_photos(crop_dir, "train", most) for most in (80, 40))
    assert torch.equal(half.images, every.images[::2])
    assert len(read_labelled_photos(crop_dir, "train", 79).images) == 40
    assert half.categories == ["sea"], "they come in turn"
    assert len(labelled_alike(every, half.categories).images) == 40


def test_the_answers_are_right(crop_dir: Path) -> None:
    """Each image, turned back, is the part of the photo that it is said to be from."""
    photos = read_labelled_photos(crop_dir, "val", 1000)
    pictures, answers = draw_pictures(photos, 50, 28, 0, "test")
    levels = ((pictures + 1) * 127.5).round().to(torch.uint8)
    assert set(answers["damage"].tolist()) == {0, 1, 2, 3}
    for picture, category, turn, place, damage in zip(levels, *answers.values(), strict=True):
        if damage != NONE:
            continue
        upright = picture.rot90(-int(turn), (1, 2)).permute(1, 2, 0)
        found = [
            (top, left)
            for number in torch.nonzero(photos.labels == category).flatten()
            for top, left in _where(photos.images[number], upright)
        ]
        assert len(found) == 1
        (top, left) = found[0]
        assert int(place) == 2 * (top + 14 >= 32) + (left + 14 >= 32)
    assert set(answers["turn"].tolist()) == set(answers["place"].tolist()) == {0, 1, 2, 3}
    again, _ = draw_pictures(photos, 50, 28, 0, "test")
    assert torch.equal(pictures, again)


def _where(photo: torch.Tensor, part: torch.Tensor) -> list[tuple[int, int]]:
    first = (photo[: 64 - 27, : 64 - 27] == part[0, 0]).all(dim=2)
    return [
        (top, left)
        for top, left in torch.nonzero(first).tolist()
        if torch.equal(photo[top : top + 28, left : left + 28], part)
    ]
