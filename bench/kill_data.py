"""Kills the data stages with `kill -9` and compares what they leave. `bench/kill_data.py --help`.

Each of `detect_people`, `downscale` and `crop` runs undisturbed with 1, 2 and 4 workers, and once
more while the stage or one of its workers is killed again and again at random moments, and started
anew where it was the stage. All must leave the same bytes, and no finished part may be made twice.
"""

import argparse
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any, Literal, TypeVar

import psutil
from photo_archive import ROOT, write_download
from ruamel.yaml import YAML

from pipeline.config.profiles import render
from pipeline.photos import photo_tables
from pipeline.stages.detect_people import PHOTOS_PER_PART

Victim = Literal["stage", "worker"]
STAGES = ("detect_people", "downscale", "crop")
BEFORE = ("index", "filter_categories", "detect_people", "filter_people", "downscale", "crop")
WORKERS = (1, 2, 4)
NUM_WORKERS = 2  # of the stage that is killed
# Parts of the stages: small, so that there are many to kill between; detect_people's are fixed.
PARAMS: dict[str, dict[str, Any]] = {
    "detect_people": {"image_size": 64},
    "downscale": {"photos_per_shard": 30},
    "crop": {"samples_per_shard": 30},
    "runtime": {"device": "cpu", "threads": 1},
}
NUM_PICTURES = 60
MAX_DELAY_SECONDS = 0.01
POLL_SECONDS = 0.002
PATIENCE_SECONDS = 600

T = TypeVar("T")


@dataclass
class Outcome:
    """Of one stage that was killed."""

    stage: str
    num_parts: int
    kills: dict[Victim, int] = field(default_factory=lambda: {"stage": 0, "worker": 0})
    remade: list[str] = field(default_factory=list)  # finished parts that were made again
    differing: list[str] = field(default_factory=list)  # outs unlike those of an undisturbed run


def main() -> None:
    options = _options()
    print("| stage | parts | stage killed | worker killed | parts made twice | outs that differ |")
    print("|" + " --- |" * 6)
    failed = False
    with tempfile.TemporaryDirectory() as name:
        prepared = prepare(Path(name) / "prepared", options.photos, not options.no_detector)
        for stage in STAGES:
            rng = random.Random(f"{options.seed}/{stage}")
            found = kill_and_compare(prepared, Path(name), stage, options.kills, rng)
            print(_row(found), flush=True)
            failed = failed or bool(found.remade or found.differing)
    sys.exit(1 if failed else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=30, help="of each stage")
    parser.add_argument("--photos", type=int, default=6_000)
    parser.add_argument("--seed", type=int, default=0, help="of the moments at which they fall")
    parser.add_argument("--no-detector", action="store_true", help="hash and decode only")
    return parser.parse_args()


def _row(found: Outcome) -> str:
    cells = [found.stage, found.num_parts, *found.kills.values(), len(found.remade)]
    return "| " + " | ".join(str(cell) for cell in [*cells, len(found.differing)]) + " |"


def prepare(folder: Path, num_photos: int, with_detector: bool) -> Path:
    """A project's data, every stage done once."""
    write_download(folder, num_photos, most=NUM_PICTURES)
    set_params(folder, {"detect_people": {"enabled": with_detector}})
    for stage in BEFORE:
        run(folder, stage)
    return folder


def set_params(folder: Path, changes: dict[str, dict[str, Any]]) -> None:
    path = folder / "params.yaml"
    if path.exists():
        values = YAML(typ="safe").load(path)
    else:
        values = YAML(typ="safe").load(render("sample"))
        changes = {name: PARAMS.get(name, {}) | changes.get(name, {}) for name in values}
    for section, fields in changes.items():
        values[section] |= fields
    YAML(typ="safe").dump(values, path)


def start(folder: Path, stage: str) -> subprocess.Popen[bytes]:
    """The stage by itself: neither dvc nor the check of all params has to start first."""
    call = f"from pipeline.stages import {stage}; {stage}.run()"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(folder)}
    with (folder / "log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-c", call], cwd=folder, env=environment, stdout=log, stderr=log
        )


def run(folder: Path, stage: str) -> None:
    """The stage to its end; a RuntimeError with what it said if it fails."""
    if start(folder, stage).wait():
        raise RuntimeError(f"{stage} failed:\n{(folder / 'log').read_text()}")


def kill_and_compare(
    prepared: Path,
    work: Path,
    stage: str,
    num_kills: int,
    rng: random.Random,
    workers: Sequence[int] = WORKERS,
) -> Outcome:
    """The killed stage beside undisturbed ones, each in a copy of `prepared`."""
    alone = [undisturbed(prepared, work, stage, num) for num in workers]
    found = Outcome(stage, num_parts(alone[0], stage))
    killed = twin(prepared, work / f"{stage}-killed", stage, NUM_WORKERS)
    kill_often(killed, found, num_kills, rng)
    sums = [outs_of(folder, stage) for folder in (*alone, killed)]
    found.differing = sorted(
        path for path in set().union(*sums) if len({each.get(path) for each in sums}) > 1
    )
    for folder in (*alone, killed):
        shutil.rmtree(folder)
    return found


def undisturbed(prepared: Path, work: Path, stage: str, workers: int) -> Path:
    folder = twin(prepared, work / f"{stage}-{workers}", stage, workers)
    run(folder, stage)
    return folder


def twin(prepared: Path, folder: Path, stage: str, workers: int) -> Path:
    """A copy in which `stage` has still to run; nothing is known from the store."""
    shutil.copytree(prepared, folder, ignore=shutil.ignore_patterns(".work"))
    shutil.copytree(prepared / ".work/photos", folder / ".work/photos", copy_function=os.link)
    shutil.rmtree(folder / "data" / stage)
    set_params(folder, {"runtime": {"workers": workers}})
    return folder


def outs_of(folder: Path, stage: str) -> dict[str, str]:
    """sha256 of every file that the stage has left."""
    out = folder / "data" / stage
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def kill_often(folder: Path, found: Outcome, num_kills: int, rng: random.Random) -> None:
    """Kills at random moments until `num_kills` have hit, then lets the stage end.

    The moments are numbers of finished parts and a delay; none falls so late that the stage could
    end before.
    """
    moments = sorted(rng.randrange(found.num_parts * 3 // 4) for _ in range(num_kills))
    seen: dict[str, tuple[int, int]] = {}
    process = start(folder, found.stage)
    for moment, victim in zip(moments, cycle(("stage", "worker")), strict=False):
        _wait(process, folder, partial(_has_come_to, folder, found.stage, moment))
        workers = _wait(process, folder, partial(_workers, folder))
        time.sleep(rng.uniform(0, MAX_DELAY_SECONDS))
        _note_remade(folder, found, seen)
        if process.poll() is not None:
            raise RuntimeError(f"{found.stage} ended before it could be killed at part {moment}")
        if victim == "worker":
            rng.choice(workers).kill()
        else:
            process.kill()
            process.wait()
            process = start(folder, found.stage)
        found.kills[victim] += 1
    while process.poll() is None:
        _note_remade(folder, found, seen)
        time.sleep(POLL_SECONDS)
    if process.returncode:
        raise RuntimeError(f"{found.stage} failed:\n{(folder / 'log').read_text()}")


def _has_come_to(folder: Path, stage: str, moment: int) -> bool:
    return len(finished(folder, stage)) >= moment


def num_parts(folder: Path, stage: str) -> int:
    """Of a stage that is through: a shard each, or rows of the table."""
    if stage != "detect_people":
        return len(list((folder / "data" / stage).rglob("*.tar")))
    return -(
        -photo_tables.num_rows(folder / "data/detect_people/people.parquet") // PHOTOS_PER_PART
    )


def finished(folder: Path, stage: str) -> dict[str, tuple[int, int]]:
    """Finished parts: which file of each that stays in its folder, and when it was made."""
    parts = {}
    for path in folder.glob(f".work/{stage}/*/parts/*"):
        stays = sorted(file for file in path.glob("*") if file.suffix != ".tar")
        if path.suffix != ".tmp" and stays:
            status = stays[0].stat()
            parts[path.name] = (status.st_ino, status.st_mtime_ns)
    return parts


def _note_remade(folder: Path, found: Outcome, seen: dict[str, tuple[int, int]]) -> None:
    try:
        now = finished(folder, found.stage)
    except FileNotFoundError:  # the stage is through, and its scratch folder goes
        return
    found.remade += [name for name in now if name in seen and seen[name] != now[name]]
    seen |= now


def _workers(folder: Path) -> list[psutil.Process]:
    """The worker processes, and the server that forks them, once there are enough.

    They are looked for by their folder: the server's death leaves the workers no parent.
    """
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder) and "forkserver" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found if len(found) >= NUM_WORKERS else []


def _wait(process: subprocess.Popen[bytes], folder: Path, ask: Callable[[], T]) -> T:
    """The first answer that is true; a RuntimeError where the stage ends before."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (answer := ask()):
        if process.poll() is not None:
            raise RuntimeError(f"the stage ended by itself:\n{(folder / 'log').read_text()}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"the stage did not come so far in {PATIENCE_SECONDS} s")
        time.sleep(POLL_SECONDS)
    return answer


if __name__ == "__main__":
    main()
