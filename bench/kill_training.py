"""Kills trainings with `kill -9` and compares what they leave. `bench/kill_training.py --help`.

Every training is a real `dvc repro train` in a copy of the project: one is left alone, its twin is
killed again and again and started anew. The outs of both must have the same bytes.
"""

import argparse
import copy
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from models.registry import RECIPES, options_model  # noqa: E402
from pipeline.tracking.live import Live, newest, read_live  # noqa: E402
from pipeline.training.checkpoint import steps_in  # noqa: E402
from support.project import Project  # noqa: E402

# Who is killed: dvc and all below it; the stage's process, in the middle of writing a checkpoint;
# dvc alone, whose stage then has to notice that and stop by itself.
Victim = Literal["tree", "stage", "dvc"]
VICTIMS: tuple[Victim, ...] = get_args(Victim)

# Kills fall into the first half, and a stage runs on for up to a second after its dvc was killed:
# the steps have to last beyond that.
MIN_STEPS, STEPS_A_KILL = 300, 100
BATCH = 4
# No interval is a multiple of another: kills fall on all sides of each of them.
PARAMS = {
    "detect_people.enabled": False,  # its weights are not at hand everywhere
    "sources.synthetic.num_photos": 60,
    "train.batch_size": BATCH,
    "train.ema_images": 40,
    "train.select": "hole_psnr",
    "train.sync_every": 4,
    "train.log_every": 3,
    "train.sample_every": 50,
    "train.checkpoint_every": 7,
    "runtime.device": "cpu",
    "runtime.threads": 1,
}
POLL_SECONDS = 0.002
# From the start of dvc to the step that is waited for; far more than it takes.
PATIENCE_SECONDS = 300

T = TypeVar("T")


@dataclass(frozen=True)
class Kill:
    """One that hit a training at work."""

    victim: Victim
    step: int  # the last that the training had reported
    kept_step: int  # of the newest checkpoint; what is done after it is done again
    in_write: bool  # a checkpoint was half written


@dataclass(frozen=True)
class Comparison:
    """A killed training beside an undisturbed one."""

    kills: list[Kill]
    outs: dict[str, str]  # of the undisturbed one: path -> md5
    differing: list[str]  # paths of the outs that are not the same


@dataclass(frozen=True)
class Case:
    """A training to kill."""

    name: str
    params: Mapping[str, Any]
    feedings: Sequence[str] = ("auto",)  # runtime.feeding of each start, in turn


def main() -> None:
    options = _options()
    chosen = [case for name in options.recipes for case in cases_of(name)]
    print("| training | kills | while a checkpoint was written | steps | outs that differ |")
    print("|" + " --- |" * 5)
    differing = []
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare(Path(folder) / "prepared")
        for number, case in enumerate(chosen):
            rng = random.Random(f"{options.seed}/{case.name}")
            work = Path(folder) / str(number)
            found = kill_and_compare(prepared, work, case, options.kills, rng)
            print(_row(case, found), flush=True)
            differing += found.differing
            shutil.rmtree(work)
    sys.exit(1 if differing else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=20, help="of each training")
    parser.add_argument("--seed", type=int, default=0, help="of the steps at which they fall")
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=list(RECIPES))
    return parser.parse_args()


def cases_of(recipe: str) -> list[Case]:
    """Each preset of `recipe` at small width; the first of them also with changing feeding."""
    preset = options_model(recipe).model_fields.get("preset")
    cases = []
    for name in get_args(preset.annotation) if preset else ("",):
        params = {"train.recipe": recipe, f"recipes.{recipe}.width": 4}
        if name:
            params[f"recipes.{recipe}.preset"] = name
        cases.append(Case(f"{recipe} {name}".strip(), params))
    first = cases[0]
    mixed = Case(f"{first.name}, host and stream in turn", first.params, ("host", "stream"))
    return [*cases, mixed]


def _row(case: Case, found: Comparison) -> str:
    steps = ", ".join(f"{kill.step} {kill.victim}" for kill in found.kills)
    in_write = sum(kill.in_write for kill in found.kills)
    same = f"{len(found.differing)} of {len(found.outs)}"
    return f"| {case.name} | {len(found.kills)} | {in_write} | {steps} | {same} |"


def prepare(folder: Path) -> Project:
    """A copy of the project, with shards of a small sample."""
    project = Project(folder)
    project.set_all(PARAMS)
    assert project.repro("crop")[-1] == "crop"
    return project


def kill_and_compare(
    prepared: Project, folder: Path, case: Case, num_kills: int, rng: random.Random
) -> Comparison:
    """Trains `case` undisturbed, and with `num_kills` kills at random steps, inside `folder`."""
    num_steps = MIN_STEPS + STEPS_A_KILL * num_kills
    params = {**case.params, "train.budget": f"{num_steps * BATCH} images"}
    undisturbed = twin(prepared, folder / "undisturbed", params)
    assert undisturbed.repro("train") == ["train"]
    outs = outs_of(undisturbed)

    killed = twin(prepared, folder / "killed", params)
    steps = sorted(rng.sample(range(1, num_steps // 2), num_kills))
    feedings = cycle(case.feedings)
    kills = []
    for step, victim in zip(steps, islice(cycle(VICTIMS), num_kills), strict=True):
        killed.set("runtime.feeding", next(feedings))
        kills.append(start_and_kill(killed, step, victim))
    killed.set("runtime.feeding", next(feedings))
    assert killed.repro("train") == ["train"]
    found = outs_of(killed)
    assert found.keys() == outs.keys()
    return Comparison(kills, outs, [path for path in outs if found[path] != outs[path]])


def twin(project: Project, folder: Path, params: Mapping[str, Any]) -> Project:
    """A copy of `project` in `folder`, with `params`; it shares no file and no cache with it."""
    shutil.copytree(project.folder, folder)
    other = copy.copy(project)
    other.folder = folder
    other.set_all(params)
    return other


def outs_of(project: Project) -> dict[str, str]:
    """md5 of every out of `train`."""
    hashes = project.out_hashes()
    return {path: md5 for path, md5 in hashes.items() if path.startswith("data/train/")}


def start_and_kill(project: Project, step: int, victim: Victim) -> Kill:
    """`dvc repro train`, killed once it has taken `step` steps; a RuntimeError if it was too late.

    Returns when all its processes are gone.
    """
    dvc = project.start("dvc", "repro", "train")
    live, folder = wait_for_step(project, dvc, step)
    victims = _processes(dvc, live, victim)
    temporary = folder / "state.tmp"
    if victim == "stage":
        _wait(dvc, lambda: temporary.exists() or None)
    for each in victims:
        each.kill()
    # The stage holds the pipe's other end: where dvc alone was killed, this waits for it.
    output, _ = dvc.communicate(timeout=PATIENCE_SECONDS)
    if dvc.returncode == 0 or (project.folder / "data/train/generator.safetensors").exists():
        raise RuntimeError(f"the training was over before it could be killed at {step}:\n{output}")
    if victim == "dvc" and "; run it again to go on" not in output:
        raise RuntimeError(f"the stage did not stop by itself when dvc was killed:\n{output}")
    reported = read_live(folder).status.step
    return Kill(victim, reported, steps_in(folder)[0], temporary.exists())


def wait_for_step(project: Project, dvc: subprocess.Popen[str], step: int) -> tuple[Live, Path]:
    """What the training says of itself, and its folder, when it has come to `step`.

    It has taken at least one step of its own, also where one before it had come further.
    """
    begun, _ = _wait(dvc, lambda: _at_work(project, 0))
    return _wait(dvc, lambda: _at_work(project, max(step, begun.status.step + 1)))


def _at_work(project: Project, step: int) -> tuple[Live, Path] | None:
    folder = newest(project.folder / ".work")
    if folder is None:
        return None
    live = read_live(folder)
    # Of a training that was killed it says "killed".
    is_there = live.status.state == "training" and live.status.step >= step
    return (live, folder) if is_there else None


def _wait(dvc: subprocess.Popen[str], ask: Callable[[], T | None]) -> T:
    """The first answer that is not None; a RuntimeError where `dvc` ends before."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (answer := ask()) is None:
        if dvc.poll() is not None:
            raise RuntimeError(f"`dvc repro train` ended by itself:\n{dvc.communicate()[0]}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"`dvc repro train` did not come so far in {PATIENCE_SECONDS} s")
        time.sleep(POLL_SECONDS)
    return answer


def _processes(dvc: subprocess.Popen[str], live: Live, victim: Victim) -> list[psutil.Process]:
    parent = psutil.Process(dvc.pid)
    if victim == "tree":
        return [parent, *parent.children(recursive=True)]
    return [psutil.Process(live.status.pid) if victim == "stage" else parent]


if __name__ == "__main__":
    main()
