"""The training stage: one loop, exact resume, deterministic outs."""

import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from models import registry
from models.components.options import RecipeOptions
from models.generator_files import load_generator
from models.networks.layered_generator import LayeredGenerator
from models.recipe import Batch, DataSpec, Recipe
from models.recipes.ganscape import Options
from models.registry import build
from pipeline.params.train import TrainParams
from pipeline.tracking.live import read_live
from pipeline.training import checkpoint, train_state
from pipeline.training import loop as stage
from pipeline.training.processes import Processes
from pipeline.training.train_state import TrainState
from pipeline.training.update_step import StepResult
from support.free_port import free_port
from support.noise_shards import write_shards
from support.runtime import runtime

CPU = torch.device("cpu")
ALONE = Processes(0, 1, CPU)
COUNTS = {"train": 11, "val": 5, "test": 0}


@pytest.fixture(scope="module")
def crop_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("crop"), COUNTS)


def train_params(**changes: Any) -> TrainParams:
    values: dict[str, Any] = {
        "recipe": "ganscape",
        "seed": 3,
        "budget": "52 images",  # 13 steps of 4
        "batch_size": 4,
        "accumulate": 1,
        "holes": "fresh",
        "adversary": True,
        "flip": True,
        "precision": "auto",
        "compile": "none",
        "ema_images": 20,
        "select": "last",
        "patience_images": 0,
        "sync_every": 3,
        "log_every": 4,
        "sample_every": 5,
        "checkpoint_every": 6,
        "num_samples": 3,
    }
    return TrainParams.model_validate(values | changes)


def ganscape_options(*, lr: float = 1e-3, **changes: Any) -> Options:
    values: dict[str, Any] = {
        "preset": "default",
        "width": 4,
        "bottleneck": 3,
        "phases": [0.34, 0.33, 0.33],
        "adversarial_weight": 0.1,
        "optimizers": {name: {"lr": lr} for name in ("mse", "joint", "discriminator")},
    }
    return Options.model_validate(values | changes)


def run(
    crop_dir: Path, folder: Path, params: TrainParams, options: RecipeOptions, **changes: Any
) -> Path:
    """Trains into folder/out with folder/scratch; returns folder/out."""
    stage.train(
        crop_dir=crop_dir,
        out_dir=folder / "out",
        scratch_dir=folder / "scratch",
        params=params,
        options=options,
        runtime=runtime(**changes),
        processes=ALONE,
    )
    return folder / "out"


def contents(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call it with a step: the process then gets a SIGINT inside that step's update."""
    original = train_state.update_step

    def arm(step: int, number: int = signal.SIGINT) -> None:
        taken: set[int] = set()

        def stopping(recipe: Recipe, name: str, parts: Any, *rest: Any) -> StepResult:
            taken.add(id(parts))
            batches.append(parts)  # keeps ids unique
            if len(taken) == step:
                os.kill(os.getpid(), number)
            return original(recipe, name, parts, *rest)

        batches: list[Any] = []
        monkeypatch.setattr(train_state, "update_step", stopping)

    yield arm
    monkeypatch.setattr(train_state, "update_step", original)


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
    names = ("step-000005", "step-000010", "final", "progress")
    assert samples == {f"samples/{name}.png" for name in names}
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
@pytest.mark.parametrize("step", [1, 4, 6, 11])  # before, on and between syncs and checkpoints
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


# With phases so short that the 13 steps go through all of them.
OTHER_RECIPES: dict[str, dict[str, Any]] = {
    "glcic": {"width": 4, "phases": [3, 4]},
    "wgan": {"width": 4, "phases": [2, 7], "n_critic": 2},
    "scenefill": {"width": 4, "blocks": [1, 1, 1]},
}


@pytest.mark.parametrize(
    ("recipe", "preset"),
    [
        *itertools.product(["glcic", "wgan"], ["default", "faithful"]),
        ("scenefill", "default"),
    ],
)
def test_other_recipes_resume_bit_for_bit(
    crop_dir: Path, tmp_path: Path, stop_at: Any, recipe: str, preset: str
) -> None:
    """Whatever their optimizers and learning rates, and with the noise that they draw."""
    values = {"preset": preset, **OTHER_RECIPES[recipe]}
    options = registry.options_model(recipe).model_validate(values)
    params = train_params(recipe=recipe)
    undisturbed = contents(run(crop_dir, tmp_path / "undisturbed", params, options))
    stop_at(8)
    with pytest.raises(KeyboardInterrupt):
        run(crop_dir, tmp_path, params, options)
    assert contents(run(crop_dir, tmp_path, params, options)) == undisturbed


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
    original, taken = train_state.update_step, []

    def crashing(*arguments: Any) -> StepResult:
        taken.append(0)
        if len(taken) == 12:
            raise RuntimeError("out of memory")
        return original(*arguments)

    monkeypatch.setattr(train_state, "update_step", crashing)
    with pytest.raises(RuntimeError):
        run(crop_dir, tmp_path, train_params(), ganscape_options())
    monkeypatch.setattr(train_state, "update_step", original)
    assert contents(run(crop_dir, tmp_path, train_params(), ganscape_options())) == whole["default"]


def test_a_larger_budget_continues(
    crop_dir: Path, tmp_path: Path, whole: dict[str, dict[str, bytes]]
) -> None:
    run(crop_dir, tmp_path, train_params(budget="20 images"), ganscape_options())
    assert contents(run(crop_dir, tmp_path, train_params(), ganscape_options())) == whole["default"]


def test_a_smaller_budget_starts_afresh_and_loses_nothing(
    crop_dir: Path, tmp_path: Path, whole: dict[str, dict[str, bytes]]
) -> None:
    both, alone = tmp_path / "both", tmp_path / "alone"
    run(crop_dir, both, train_params(), ganscape_options())
    small = train_params(budget="20 images")
    small_outs = contents(run(crop_dir, both, small, ganscape_options()))
    assert small_outs == contents(run(crop_dir, alone, small, ganscape_options()))
    assert checkpoint.steps_in(both / "scratch")[0] == 13
    assert contents(run(crop_dir, both, train_params(), ganscape_options())) == whole["default"]


def test_weights_that_are_not_finite_are_never_written(tmp_path: Path) -> None:
    recipe = build("ganscape", ganscape_options(), DataSpec(32, 20, 2, 0, (0.0, 0.0, 0.0)), CPU)
    checkpoint.write(tmp_path, 1, checkpoint.collect(recipe, {}))
    with torch.no_grad():
        next(recipe.networks["discriminator"].parameters())[0] = torch.inf
    with pytest.raises(ValueError, match="discriminator holds weights that are not finite"):
        checkpoint.write(tmp_path, 2, checkpoint.collect(recipe, {}))
    assert checkpoint.steps_in(tmp_path) == [1]


def test_config_rebuilds_the_generator(
    crop_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = run(crop_dir, tmp_path, train_params(budget="9 images"), ganscape_options())
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
    out = run(crop_dir, tmp_path, train_params(budget="40 images"), ganscape_options())
    curve = (out / "history/plots/metrics/val/hole_psnr.tsv").read_text().splitlines()
    assert [row.split("\t")[0] for row in curve] == ["step", "5", "10"]


def test_stored_holes_train_too(crop_dir: Path, tmp_path: Path) -> None:
    run(crop_dir, tmp_path, train_params(holes="stored", budget="8 images"), ganscape_options())


def test_an_empty_split_is_refused(crop_dir: Path, tmp_path: Path) -> None:
    empty = tmp_path / "crop"
    shutil.copytree(crop_dir, empty)
    meta = json.loads((empty / "meta.json").read_text())
    meta["num_samples"]["val"] = 0
    (empty / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(ValueError, match="val holds no photos: keep more, or change the split"):
        run(empty, tmp_path, train_params(), ganscape_options())


def test_low_precision_trains(crop_dir: Path, tmp_path: Path) -> None:
    out = run(
        crop_dir, tmp_path, train_params(precision="bf16", budget="16 images"), ganscape_options()
    )
    assert json.loads((out / "config.json").read_text())["precision"] == "bf16"


def test_what_networks_draw_is_resumed_too(
    crop_dir: Path, tmp_path: Path, stop_at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As noise and dropout are."""
    original = LayeredGenerator.forward

    def noisy(self: LayeredGenerator, image: Tensor, mask: Tensor) -> Tensor:
        noise = torch.randn_like(image) * 0.1 if self.training else 0
        return original(self, image + noise, mask)

    monkeypatch.setattr(LayeredGenerator, "forward", noisy)
    undisturbed = contents(run(crop_dir, tmp_path / "one", train_params(), ganscape_options()))
    stop_at(7)
    with pytest.raises(KeyboardInterrupt):
        run(crop_dir, tmp_path / "two", train_params(), ganscape_options())
    torch.rand(3)  # another process would have drawn other numbers
    resumed = contents(run(crop_dir, tmp_path / "two", train_params(), ganscape_options()))
    assert resumed == undisturbed


class Malicious:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("echo executed",)


def test_a_checkpoint_executes_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    torch.save({"training": Malicious()}, checkpoint.path_of(tmp_path, 3))
    with pytest.raises(ValueError, match="damaged .UnpicklingError: Weights only load failed"):
        checkpoint.read(tmp_path, 3, CPU)
    assert "executed" not in capfd.readouterr().out


# Feeding, parts, processes


@pytest.mark.parametrize("preset", ["default", "faithful"])
def test_photos_from_the_shards_give_the_same_bytes(
    crop_dir: Path, tmp_path: Path, whole: dict[str, dict[str, bytes]], preset: str
) -> None:
    options = ganscape_options(preset=preset)
    out = run(crop_dir, tmp_path, train_params(), options, feeding="stream")
    assert contents(out) == whole[preset]


def test_trackers_change_no_out(
    crop_dir: Path, tmp_path: Path, whole: dict[str, dict[str, bytes]]
) -> None:
    out = run(crop_dir, tmp_path, train_params(), ganscape_options(), trackers=["tensorboard"])
    assert contents(out) == whole["default"]
    assert list((tmp_path / "scratch" / "tensorboard").glob("events.*"))


def test_parts_of_a_batch_train_like_the_batch(crop_dir: Path, tmp_path: Path) -> None:
    """A training is chaotic: the first steps are compared."""
    outs = [
        run(
            crop_dir,
            tmp_path / str(num),
            train_params(accumulate=num, budget="12 images"),
            ganscape_options(phases=[1.0, 0.0, 0.0]),
        )
        for num in (1, 4)
    ]
    assert_close(*outs)


def assert_close(one: Path, other: Path) -> None:
    """The same weights but for the order of sums, after a few steps at rates of 1e-3."""
    weights = [load_file(out / "generator.safetensors") for out in (one, other)]
    for name, weight in weights[0].items():
        torch.testing.assert_close(weights[1][name], weight, rtol=0, atol=2e-4)


WORKER = """
import json, sys
from pathlib import Path
import test_train
from pipeline.training.processes import join
crop_dir, folder, changes, options = sys.argv[1:]
test_train.ALONE = join("cpu")
test_train.run(
    Path(crop_dir),
    Path(folder),
    test_train.train_params(**json.loads(changes)),
    test_train.ganscape_options(**json.loads(options)),
)
"""


def run_in_two(
    crop_dir: Path, folder: Path, changes: dict[str, Any], **options: Any
) -> subprocess.CompletedProcess[str]:
    """`run` in two processes under torchrun."""
    worker = folder / "worker.py"
    folder.mkdir(parents=True, exist_ok=True)
    worker.write_text(WORKER)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    words = [str(crop_dir), str(folder), json.dumps(changes), json.dumps(options)]
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), str(root / "tests"), str(Path(__file__).parent)])
    return subprocess.run(
        [*torchrun, str(worker), *words],
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_two_processes_train_like_one(crop_dir: Path, tmp_path: Path) -> None:
    changes = {"budget": "8 images", "log_every": 2}
    begun = run_in_two(crop_dir, tmp_path / "two", changes)
    assert begun.returncode == 0, begun.stderr
    changes["budget"] = "16 images"
    done = run_in_two(crop_dir, tmp_path / "two", changes)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("train: resuming from step 2") == 1
    one = run(crop_dir, tmp_path / "one", train_params(**changes), ganscape_options())
    assert_close(one, tmp_path / "two" / "out")
    histories = [
        json.loads((out / "history" / "metrics.json").read_text())
        for out in (one, tmp_path / "two" / "out")
    ]
    for update in ("mse", "discriminator"):
        for term, value in histories[0]["train"][update].items():
            assert histories[1]["train"][update][term] == pytest.approx(value, rel=2e-2)
    assert done.stderr.count("train: 11 photos") == 1  # one process talks
    config = json.loads((tmp_path / "two" / "out" / "config.json").read_text())
    assert config["num_processes"] == 2


@pytest.mark.slow
def test_another_number_of_processes_goes_on_from_the_checkpoint(
    crop_dir: Path, tmp_path: Path
) -> None:
    """A training belongs to no world size: the batch is the same, however it is shared."""
    changes = {"budget": "8 images", "log_every": 2}
    begun = run_in_two(crop_dir, tmp_path / "two", changes)
    assert begun.returncode == 0, begun.stderr
    changes["budget"] = "16 images"
    alone = run(crop_dir, tmp_path / "two", train_params(**changes), ganscape_options())
    one = run(crop_dir, tmp_path / "one", train_params(**changes), ganscape_options())
    assert_close(one, alone)
    assert json.loads((alone / "config.json").read_text())["num_processes"] == 1


def start_node(
    port: int, crop_dir: Path, folder: Path, changes: dict[str, Any], *, is_host: bool
) -> subprocess.Popen[bytes]:
    """`run` in two processes of one of two nodes, which meet at `port`."""
    worker = folder / "worker.py"
    folder.mkdir(parents=True, exist_ok=True)
    worker.write_text(WORKER)
    torchrun = [
        *(sys.executable, "-m", "torch.distributed.run"),
        *("--nnodes=2", "--nproc-per-node=2", "--max-restarts=0", "--rdzv-backend=c10d"),
        *("--rdzv-id=test", f"--rdzv-endpoint=127.0.0.1:{port}", "--local-addr=127.0.0.1"),
        f"--rdzv-conf=is_host={int(is_host)}",
    ]
    words = [str(crop_dir), str(folder), json.dumps(changes), "{}"]
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), str(root / "tests"), str(Path(__file__).parent)])
    # Into a file: nobody empties a pipe while the training goes on.
    with (folder / "said").open("a") as said:
        return subprocess.Popen(
            [*torchrun, str(worker), *words],
            env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            stdout=said,
            stderr=said,
        )


def kill_node(node: subprocess.Popen[bytes]) -> None:
    """torchrun and its processes, which are in sessions of their own."""
    if node.poll() is not None:
        return
    process = psutil.Process(node.pid)
    for each in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    node.wait()


@pytest.mark.slow
def test_two_nodes_of_two_train_like_one(crop_dir: Path, tmp_path: Path) -> None:
    changes, port = {"budget": "16 images"}, free_port()
    nodes = [
        start_node(port, crop_dir, tmp_path / "four", changes, is_host=is_host)
        for is_host in (True, False)
    ]
    codes = [node.wait(timeout=500) for node in nodes]
    assert codes == [0, 0], (tmp_path / "four/said").read_text()
    one = run(crop_dir, tmp_path / "one", train_params(**changes), ganscape_options())
    assert_close(one, tmp_path / "four" / "out")
    config = json.loads((tmp_path / "four" / "out" / "config.json").read_text())
    assert config["num_processes"] == 4


@pytest.mark.slow
def test_a_node_that_is_killed_and_started_again_goes_on(crop_dir: Path, tmp_path: Path) -> None:
    """The other node ends with it; both are started again, and go on from the checkpoint."""
    folder = tmp_path / "four"
    changes = {"budget": "4000 images", "checkpoint_every": 2}

    def start() -> list[subprocess.Popen[bytes]]:
        port = free_port()
        return [
            start_node(port, crop_dir, folder, changes, is_host=is_host)
            for is_host in (True, False)
        ]

    nodes = start()
    try:
        wait_for_step(folder / "scratch", 4)
        kill_node(nodes[1])
        assert nodes[0].wait(timeout=400) == 1, "it does not wait for ever"
        reached = checkpoint.steps_in(folder / "scratch")[0]
        nodes = start()
        wait_for_step(folder / "scratch", reached + 2)
    finally:
        for node in nodes:
            kill_node(node)
    said = (folder / "said").read_text()
    assert re.findall(r"train: resuming from step (\d+)", said) == [str(reached)]


def wait_for_step(scratch: Path, step: int) -> None:
    """Until there is a checkpoint of it, or a later one."""
    deadline = time.monotonic() + 400
    while not (found := checkpoint.steps_in(scratch)) or found[0] < step:
        assert time.monotonic() < deadline, (scratch.parent / "said").read_text()[-3000:]
        time.sleep(0.1)


@pytest.mark.slow
def test_two_processes_on_a_cpu_refuse_batch_norms(crop_dir: Path, tmp_path: Path) -> None:
    done = run_in_two(crop_dir, tmp_path, {}, preset="faithful")
    assert done.returncode != 0
    assert "the generator has batch norms, which 2 processes on a CPU cannot" in done.stderr


@pytest.mark.slow
def test_processes_must_share_a_batch_equally(crop_dir: Path, tmp_path: Path) -> None:
    done = run_in_two(crop_dir, tmp_path, {"batch_size": 3})
    assert done.returncode != 0
    assert "train.batch_size is 3, which 2 processes cannot share equally" in done.stderr


# What is kept, and for how long


def state_of(folder: Path) -> dict[str, Any]:
    """The newest checkpoint of the training in `folder`."""
    scratch = folder / "scratch"
    return checkpoint.read(scratch, checkpoint.steps_in(scratch)[0], CPU)


def test_the_averaged_weights_are_kept(crop_dir: Path, tmp_path: Path) -> None:
    for ema_images in (0, 20):
        folder = tmp_path / str(ema_images)
        out = run(crop_dir, folder, train_params(ema_images=ema_images), ganscape_options())
        kept, state = load_file(out / "generator.safetensors"), state_of(folder)
        last, ema = state["networks"]["generator"], state["training"]["ema"]
        assert all(torch.equal(kept[name], ema[name]) for name in kept)
        is_last = all(torch.equal(kept[name], last[name]) for name in kept)
        assert is_last == (ema_images == 0)


def test_the_best_weights_are_kept_where_asked(crop_dir: Path, tmp_path: Path) -> None:
    """With rates that make it worse and worse, those of the first validation."""
    options = ganscape_options(lr=0.1, adversarial_weight=100.0)
    params = train_params(select="hole_l1", sample_every=2, ema_images=0)
    out = run(crop_dir, tmp_path, params, options)
    curve = (out / "history/plots/metrics/val/hole_l1.tsv").read_text().splitlines()[1:]
    values = [float(line.split("\t")[1]) for line in curve]
    config = json.loads((out / "config.json").read_text())
    best = int(np.argmin(values[:-1]))
    assert config["kept_images"] == int(curve[best].split("\t")[0]) * 4 < config["num_images"]
    kept = json.loads((out / "history" / "metrics.json").read_text())["val"]["hole_l1"]
    assert kept == values[-1] == min(values)


def test_patience_ends_a_training_that_gains_nothing(crop_dir: Path, tmp_path: Path) -> None:
    options = ganscape_options(lr=1e-12)
    params = train_params(select="hole_psnr", patience_images=12, sample_every=2)
    out = run(crop_dir, tmp_path, params, options)
    config = json.loads((out / "config.json").read_text())
    assert (config["kept_images"], config["num_images"]) == (8, 20)
    again = contents(run(crop_dir, tmp_path, params, options))
    assert again == contents(out)


def test_minutes_are_counted_over_all_runs(
    crop_dir: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    params = train_params(budget="0.02 minutes")
    out = contents(run(crop_dir, tmp_path, params, ganscape_options()))
    state = state_of(tmp_path)
    assert state["training"]["position"]["seconds"] >= 1.2
    assert json.loads(out["config.json"])["num_steps"] == state["training"]["position"]["step"] > 0
    assert contents(run(crop_dir, tmp_path, params, ganscape_options())) == out
    assert "resuming from step" in capfd.readouterr().err


def test_a_training_leaves_its_newest_checkpoint(crop_dir: Path, tmp_path: Path) -> None:
    run(crop_dir, tmp_path, train_params(), ganscape_options())
    assert checkpoint.steps_in(tmp_path / "scratch") == [13, 12]  # 12 is the last good one
    assert not list((tmp_path / "scratch").glob("*.tmp"))


# Updates that are not finite


Poisoned = Callable[[int, int], bool]  # (step, rollbacks so far) -> whether its photos are NaN


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> Callable[[Poisoned], None]:
    """Call it with the steps to poison."""

    def arm(is_poisoned: Poisoned) -> None:
        def train_step(self: TrainState, parts: list[Batch], amp_dtype: Any) -> Any:
            if is_poisoned(self.position.step + 1, self.position.num_rollbacks):
                parts = [Batch(each.image * torch.nan, each.mask, each.box) for each in parts]
            return original(self, parts, amp_dtype)

        monkeypatch.setattr(TrainState, "train_step", train_step)

    original = TrainState.train_step
    return arm


def column(out: Path, name: str) -> list[str]:
    lines = (out / f"history/plots/metrics/{name}.tsv").read_text().splitlines()
    return [line.split("\t")[1] for line in lines[1:]]


def test_an_update_that_is_not_finite_is_skipped_and_named(
    crop_dir: Path, tmp_path: Path, poison: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    poison(lambda step, _: step == 6)
    options = ganscape_options(phases=[1.0, 0.0, 0.0])
    out = run(crop_dir, tmp_path, train_params(), options)
    said = capfd.readouterr().err
    assert "mse skipped at step 6: mse and gradient_norm not finite" in said
    assert column(out, "train/nonfinite_updates") == ["0", "1", "0"]
    assert all(np.isfinite([float(value) for value in column(out, "train/mse/mse")]))
    weights = load_file(out / "generator.safetensors")
    assert all(weight.isfinite().all() for weight in weights.values())
    assert state_of(tmp_path)["training"]["position"]["good_step"] == 12
    assert json.loads((out / "config.json").read_text())["num_returns"] == 0


def test_a_diverged_training_is_rolled_back_with_lower_rates(
    crop_dir: Path,
    tmp_path: Path,
    poison: Any,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(train_state, "MAX_SKIPPED", 1)
    poison(lambda step, num_rollbacks: 8 <= step <= 10 and num_rollbacks == 0)
    options = ganscape_options(phases=[1.0, 0.0, 0.0])
    out = run(crop_dir, tmp_path, train_params(), options)
    assert "rolled back from step 9 to 6, learning rates lowered" in capfd.readouterr().err
    state = state_of(tmp_path)
    rates = {group["lr"] for each in state["optimizers"].values() for group in each["param_groups"]}
    assert rates == {0.5e-3}
    assert json.loads((out / "config.json").read_text())["num_returns"] == 1
    steps = (out / "history/plots/metrics/train/mse/mse.tsv").read_text().splitlines()[1:]
    assert [line.split("\t")[0] for line in steps] == ["4", "8", "12"]


@pytest.mark.parametrize("step", [5, 8, 9, 11])  # counts the steps taken twice
def test_a_rollback_is_resumed_too(
    crop_dir: Path,
    tmp_path: Path,
    poison: Any,
    stop_at: Any,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
) -> None:
    monkeypatch.setattr(train_state, "MAX_SKIPPED", 1)
    poison(lambda step, num_rollbacks: 8 <= step <= 10 and num_rollbacks == 0)
    options = ganscape_options()
    undisturbed = contents(run(crop_dir, tmp_path / "one", train_params(), options))
    stop_at(step)
    with pytest.raises(KeyboardInterrupt):
        run(crop_dir, tmp_path / "two", train_params(), options)
    assert contents(run(crop_dir, tmp_path / "two", train_params(), options)) == undisturbed


def test_a_training_that_keeps_diverging_gives_up(
    crop_dir: Path, tmp_path: Path, poison: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_state, "MAX_SKIPPED", 1)
    poison(lambda step, _: step >= 8)
    with pytest.raises(ValueError, match=r"mse skipped at step 9: mse and .* rolled back 3 times"):
        run(crop_dir, tmp_path, train_params(), ganscape_options(phases=[1.0, 0.0, 0.0]))
    assert not (tmp_path / "out").exists()
    assert read_live(tmp_path / "scratch").status.state == "failed"


def test_live_files_end_with_the_run(crop_dir: Path, tmp_path: Path) -> None:
    run(crop_dir, tmp_path, train_params(), ganscape_options())
    live = read_live(tmp_path / "scratch")
    assert (live.status.state, live.status.share_done, live.status.images) == ("done", 1.0, 52)
    assert [row["step"] for row in live.rows] == [4, 5, 8, 10, 12]


def sampler_options(recipe: str) -> RecipeOptions:
    values = {"preset": "default", "width": 4}
    return registry.options_model(recipe).model_validate(values)


@pytest.mark.parametrize("recipe", ["dcgan", "vanilla"])
def test_a_sampler_stopped_and_resumed_equals_undisturbed(
    crop_dir: Path, tmp_path: Path, stop_at: Any, recipe: str
) -> None:
    """Noise, dropout and batch norms of networks that are frozen in training mode included."""
    params, options = train_params(recipe=recipe), sampler_options(recipe)
    undisturbed = contents(run(crop_dir, tmp_path / "whole", params, options))
    stop_at(7)
    with pytest.raises(KeyboardInterrupt):
        run(crop_dir, tmp_path / "stopped", params, options)
    stop_at(10**6)
    assert contents(run(crop_dir, tmp_path / "stopped", params, options)) == undisturbed
    metrics = json.loads(undisturbed["history/metrics.json"])["val"]
    assert set(metrics) == {"sliced_wasserstein", "detail_ratio", "diversity"}


def test_the_best_samples_are_kept(crop_dir: Path, tmp_path: Path) -> None:
    params = train_params(recipe="vanilla", select="sliced_wasserstein", sample_every=2)
    out = run(crop_dir, tmp_path, params, sampler_options("vanilla"))
    path = out / "history/plots/metrics/val/sliced_wasserstein.tsv"
    figures = [float(line.split("\t")[1]) for line in path.read_text().splitlines()[1:]]
    kept = json.loads((out / "history" / "metrics.json").read_text())["val"]["sliced_wasserstein"]
    assert kept == min(figures)


@pytest.mark.parametrize(
    ("recipe", "select", "does", "allowed"),
    [
        ("vanilla", "hole_l1", "makes up images", "last or sliced_wasserstein"),
        ("dcgan", "hole_psnr", "makes up images", "last or sliced_wasserstein"),
        ("ganscape", "sliced_wasserstein", "completes holes", "last or hole_l1 or hole_psnr"),
    ],
)
def test_a_figure_that_the_system_does_not_have_is_an_error_before_the_first_step(
    crop_dir: Path, tmp_path: Path, recipe: str, select: str, does: str, allowed: str
) -> None:
    options = ganscape_options() if recipe == "ganscape" else sampler_options(recipe)
    message = f"select is '{select}', .* recipe '{recipe}', which {does}, .*: write {allowed}$"
    with pytest.raises(ValueError, match=message):
        run(crop_dir, tmp_path, train_params(recipe=recipe, select=select), options)
    assert not list((tmp_path / "scratch").glob("state-*"))
