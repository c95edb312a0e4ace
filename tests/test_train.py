"""The training stage: one loop, exact resume, deterministic outs."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models.recipe import Recipe, Terms
from models.recipes.ganscape import Options
from pipeline import checkpoint
from pipeline.generator import load_generator
from pipeline.holes import box_around, mask_of, sample_hole
from pipeline.params.train import TrainParams
from pipeline.photos import encode_png
from pipeline.shard_writer import ShardWriter
from pipeline.stages import train as stage

CPU = torch.device("cpu")
COUNTS = {"train": 11, "val": 5, "test": 0}
# Box 20 and not 16: oneDNN's bf16 gradient of a 5x5 convolution over a 1x1 map is garbage.
SIZES = {"image_size": 32, "hole_min": 10, "hole_max": 12}


def write_split(folder: Path, split: str, num: int) -> None:
    """`num` samples of smooth noise in one shard."""
    rng = np.random.default_rng(num)
    (folder / split).mkdir(parents=True)
    with ShardWriter(folder / split / f"{split}-000000.tar") as writer:
        for number in range(num):
            coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
            key = f"photo-{number:03d}"
            hole = sample_hole(seed=0, split=split, key=key, **SIZES)
            box = box_around(hole, box_size=20, image_size=32)
            facts = {"holes": [hole], "box": box, "category": "field", "path": f"/{key}.jpg"}
            fields = {
                "image.png": encode_png(coarse.resize((32, 32))),
                "mask.png": encode_png(mask_of([hole], 32)),
                "json": json.dumps(facts).encode(),
            }
            writer.add(key, fields)


@pytest.fixture(scope="module")
def crop_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crop")
    for split, num in COUNTS.items():
        write_split(folder, split, num)
    meta = SIZES | {"box_size": 20, "kind": "box", "num_samples": COUNTS}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


def train_params(**changes: Any) -> TrainParams:
    values: dict[str, Any] = {
        "recipe": "ganscape",
        "seed": 3,
        "num_images": 52,  # 13 steps of 4
        "batch_size": 4,
        "holes": "fresh",
        "flip": True,
        "precision": "auto",
        "meet_every": 3,
        "log_every": 4,
        "sample_every": 5,
        "checkpoint_every": 6,
        "num_samples": 3,
    }
    return TrainParams.model_validate(values | changes)


def ganscape_options(**changes: Any) -> Options:
    values: dict[str, Any] = {
        "preset": "default",
        "width": 4,
        "bottleneck": 3,
        "global_average_pooling": False,
        "phases": [0.34, 0.33, 0.33],
        "mse_weight": 1.0,
        "adversarial_weight": 0.1,
        "lr_mse": 1e-3,
        "lr_joint": 1e-3,
        "lr_discriminator": 1e-3,
        "discriminator_floor": 0.8,
        "adversarial_ceiling": 100.0,
    }
    return Options.model_validate(values | changes)


def run(crop_dir: Path, folder: Path, params: TrainParams, options: Options) -> Path:
    """Trains into folder/out with folder/scratch; returns folder/out."""
    stage.train(
        crop_dir=crop_dir,
        out_dir=folder / "out",
        scratch_dir=folder / "scratch",
        params=params,
        options=options,
        device=CPU,
        threads=1,
    )
    return folder / "out"


def contents(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call it with a step: the process then gets a SIGINT inside that step's update."""
    original = stage.take_update

    def arm(step: int, number: int = signal.SIGINT) -> None:
        taken: set[int] = set()

        def stopping(recipe: Recipe, name: str, batch: Any, low: Any) -> Terms:
            taken.add(id(batch))
            batches.append(batch)  # keeps ids unique
            if len(taken) == step:
                os.kill(os.getpid(), number)
            return original(recipe, name, batch, low)

        batches: list[Any] = []
        monkeypatch.setattr(stage, "take_update", stopping)

    yield arm
    monkeypatch.setattr(stage, "take_update", original)


@pytest.fixture(scope="module")
def whole(crop_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """The outs of an undisturbed run of each preset."""
    outs = {}
    for preset in ("default", "faithful"):
        folder = tmp_path_factory.mktemp(preset)
        outs[preset] = contents(
            run(crop_dir, folder, train_params(), ganscape_options(preset=preset))
        )
    return outs


def test_outs(whole: dict[str, dict[str, bytes]]) -> None:
    outs = whole["default"]
    samples = {name for name in outs if name.startswith("samples/")}
    assert samples == {f"samples/{n}.png" for n in ("step-000005", "step-000010", "final")}
    assert {"generator.safetensors", "config.json", "history/metrics.json"} <= set(outs)
    metrics = json.loads(outs["history/metrics.json"])
    assert metrics["step"] == 13 and metrics["images"] == 52
    assert 5 < metrics["val"]["hole_psnr"] < 40
    curve = outs["history/plots/metrics/train/mse/mse.tsv"].decode().splitlines()
    assert curve[0] == "step\tmse" and [row.split("\t")[0] for row in curve[1:]] == ["4", "8", "12"]
    assert not any("dvc.yaml" in name for name in outs)


def test_two_runs_have_the_same_bytes(
    crop_dir: Path, tmp_path: Path, whole: dict[str, dict[str, bytes]]
) -> None:
    assert contents(run(crop_dir, tmp_path, train_params(), ganscape_options())) == whole["default"]


@pytest.mark.parametrize("preset", ["default", "faithful"])
@pytest.mark.parametrize("step", [1, 4, 6, 11])  # before, on and between meetings and checkpoints
def test_stopped_and_resumed_equals_undisturbed(
    crop_dir: Path,
    tmp_path: Path,
    whole: dict[str, dict[str, bytes]],
    stop_at: Any,
    preset: str,
    step: int,
) -> None:
    options = ganscape_options(preset=preset)
    stop_at(step)
    with pytest.raises(KeyboardInterrupt):
        run(crop_dir, tmp_path, train_params(), options)
    assert not (tmp_path / "out").exists()
    assert contents(run(crop_dir, tmp_path, train_params(), options)) == whole[preset]


def test_sigterm_is_heard_too(
    crop_dir: Path, tmp_path: Path, whole: dict[str, dict[str, bytes]], stop_at: Any
) -> None:
    stop_at(7, signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        run(crop_dir, tmp_path, train_params(), ganscape_options())
    assert contents(run(crop_dir, tmp_path, train_params(), ganscape_options())) == whole["default"]


def test_a_crash_falls_back_to_the_last_checkpoint(
    crop_dir: Path,
    tmp_path: Path,
    whole: dict[str, dict[str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original, taken = stage.take_update, []

    def crashing(*arguments: Any) -> Terms:
        taken.append(0)
        if len(taken) == 12:
            raise RuntimeError("out of memory")
        return original(*arguments)

    monkeypatch.setattr(stage, "take_update", crashing)
    with pytest.raises(RuntimeError):
        run(crop_dir, tmp_path, train_params(), ganscape_options())
    monkeypatch.setattr(stage, "take_update", original)
    assert contents(run(crop_dir, tmp_path, train_params(), ganscape_options())) == whole["default"]


def test_a_larger_budget_continues(
    crop_dir: Path, tmp_path: Path, whole: dict[str, dict[str, bytes]]
) -> None:
    run(crop_dir, tmp_path, train_params(num_images=20), ganscape_options())
    assert contents(run(crop_dir, tmp_path, train_params(), ganscape_options())) == whole["default"]


def test_a_smaller_budget_starts_afresh_and_loses_nothing(
    crop_dir: Path, tmp_path: Path, whole: dict[str, dict[str, bytes]]
) -> None:
    both, alone = tmp_path / "both", tmp_path / "alone"
    run(crop_dir, both, train_params(), ganscape_options())
    small = train_params(num_images=20)
    small_outs = contents(run(crop_dir, both, small, ganscape_options()))
    assert small_outs == contents(run(crop_dir, alone, small, ganscape_options()))
    assert (both / "scratch" / "checkpoint-000000013.pt").exists()
    assert contents(run(crop_dir, both, train_params(), ganscape_options())) == whole["default"]


def test_a_diverging_run_names_term_and_steps(
    crop_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, taken = stage.take_update, []

    def diverging(recipe: Recipe, name: str, *rest: Any) -> Terms:
        taken.append(name)
        terms = original(recipe, name, *rest)
        return {k: v * torch.nan for k, v in terms.items()} if len(taken) == 11 else terms

    params = train_params(checkpoint_every=2, meet_every=100, log_every=100)
    monkeypatch.setattr(stage, "take_update", diverging)
    options = ganscape_options(phases=[1.0, 0.0, 0.0])
    with pytest.raises(ValueError, match=r"steps 11\.\.12: mse/mse is nan"):
        run(crop_dir, tmp_path, params, options)
    (path,) = (tmp_path / "scratch").glob("checkpoint-*.pt")
    state = torch.load(path, weights_only=True)
    assert state["run"]["step"] == 10
    assert not (tmp_path / "out").exists()


def test_sick_weights_never_replace_a_checkpoint(tmp_path: Path) -> None:
    recipe = stage.registry.build("ganscape", ganscape_options(), stage.Setting(32, 20, 2, 0), CPU)
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, recipe, {"step": 1})
    with torch.no_grad():
        next(recipe.networks["discriminator"].parameters())[0] = torch.inf
    with pytest.raises(ValueError, match="discriminator holds weights that are not finite"):
        checkpoint.save(path, recipe, {"step": 2})
    assert torch.load(path, weights_only=True)["run"] == {"step": 1}


def test_config_rebuilds_the_generator(
    crop_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = run(crop_dir, tmp_path, train_params(num_images=9), ganscape_options())
    config = json.loads((out / "config.json").read_text())
    assert config["num_images"] == 12 and config["num_steps"] == 3
    assert config["precision"] == "fp32" and config["device"] == "cpu"
    assert (config["image_size"], config["box_size"]) == (32, 20)
    complete = load_generator(out, CPU)
    image, mask = torch.rand(2, 3, 32, 32) * 2 - 1, torch.zeros(2, 1, 32, 32)
    mask[:, :, 4:16, 8:18] = 1
    perturbed = torch.where(mask > 0, torch.nan, image)
    output = complete(image, mask)
    assert torch.equal(output, complete(perturbed, mask))
    assert output.shape == image.shape and not output.requires_grad


def test_the_last_step_has_one_row(crop_dir: Path, tmp_path: Path) -> None:
    out = run(crop_dir, tmp_path, train_params(num_images=40), ganscape_options())
    curve = (out / "history/plots/metrics/val/hole_psnr.tsv").read_text().splitlines()
    assert [row.split("\t")[0] for row in curve] == ["step", "5", "10"]


def test_stored_holes_train_too(crop_dir: Path, tmp_path: Path) -> None:
    run(crop_dir, tmp_path, train_params(holes="stored", num_images=8), ganscape_options())


def test_fresh_holes_of_an_unknown_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="kind 'strip' cannot be drawn anew: write stored"):
        stage.fresh_sizes({"kind": "strip"}, train_params())


def test_an_empty_split_is_refused(crop_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="test holds no photos"):
        stage.load_photos(crop_dir, "test", 0, 32)


def test_low_precision_trains(crop_dir: Path, tmp_path: Path) -> None:
    out = run(crop_dir, tmp_path, train_params(precision="bf16", num_images=16), ganscape_options())
    assert json.loads((out / "config.json").read_text())["precision"] == "bf16"
