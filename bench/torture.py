"""Faults on the real commands, a trial a line: `make torture`, or `bench/torture.py --help`.

Of a small project whose stages have run once, each trial disturbs one stage: a kill, one flipped
bit in a file that it reads, a disk that fills up, a second command beside it. A trial is good where
the stage refuses in a sentence or leaves the bytes of the undisturbed run. Which stage, file, bit
and moment a trial takes follows from the seed, the kind and its number alone, so that any of them
can be repeated; trials that the log has already are not run again.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from pipeline.cli import STAGES  # noqa: E402
from pipeline.config.preconditions import Line  # noqa: E402
from support.project import Project  # noqa: E402
from support.rot import flip  # noqa: E402

PATIENCE = 600  # seconds; a command that takes longer hangs
# Of a killed stage, on a quiet machine, all but the training are over after some seconds.
LATEST_KILL = 6.0  # seconds
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSTOP)
TMPFS_PAGE = 4096  # bytes
READS_PHOTOS = ("index", "detect_people", "filter_people", "downscale")
# Not compared: clocks, and the folder where another run may leave its mark.
SPEED = {"runtime.workers": 2, "detect_people.enabled": False, "sources.synthetic.num_photos": 60}


class Ended(NamedTuple):
    """What a command left."""

    code: int
    said: str


class Verdict(NamedTuple):
    """Good are `same` (as undisturbed) and `refused` (in a sentence)."""

    outcome: str
    why: str = ""


class Bench:
    """A project in which every stage has run, and the bytes that each left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        pristine = folder / "pristine"
        if not (folder / "ready").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            pristine.mkdir(parents=True)
            project = Project(pristine)
            project.set_all(SPEED)
            project.repro()
            shutil.rmtree(pristine / ".dvc" / "cache")
            (folder / "ready").touch()
        os.chdir(pristine)
        line = Line()
        self.inputs = {stage: list(line.inputs(stage)) for stage in STAGES}
        self.outs = {stage: line.outs(stage) for stage in STAGES}
        self.undisturbed = contents(pristine)

    @contextmanager
    def project(self, room: int | None = None) -> Iterator[Path]:
        """A fresh copy; with `room` it lies on a disk of its own that has so many bytes left."""
        copy = self.folder / "copy"
        with suppress(OSError):
            subprocess.run(["umount", "-l", str(copy)], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        if room is not None:
            mount = ["mount", "-t", "tmpfs", "-o", "size=4g", "tmpfs", str(copy)]
            subprocess.run(mount, check=True)
        try:
            shutil.copytree(self.folder / "pristine", copy, dirs_exist_ok=True)
            if room is not None:
                resize(copy, shutil.disk_usage(copy).used + room)
            yield copy
        finally:
            if room is not None:
                subprocess.run(["umount", "-l", str(copy)], check=True)

    def judged(self, copy: Path, stage: str, ended: Ended) -> Verdict:
        """Of a command that ran `stage`."""
        if "Traceback (most recent call last)" in ended.said:
            return Verdict("traceback", ended.said[-1500:])
        if ended.code:
            is_said = any(word in ended.said for word in ("error:", "interrupted"))
            return Verdict("refused" if is_said else "silent", ended.said[-300:])
        found = contents(copy)
        outs = tuple(self.outs[stage])
        names = {name for name in (*found, *self.undisturbed) if name.startswith(outs)}
        differing = [
            name for name in sorted(names) if found.get(name) != self.undisturbed.get(name)
        ]
        return Verdict("wrong", ", ".join(differing)) if differing else Verdict("same")


def contents(project: Path) -> dict[str, bytes]:
    """What lies in data/."""
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in (project / "data").rglob("*")
        if path.is_file()
    }


def resize(disk: Path, size: int) -> None:
    """Of a disk of its own, in bytes."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)


def started(copy: Path, *words: str) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DVC", "RANK"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        cwd=copy,
        env=environment | {"PATH": path, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def ended(process: "subprocess.Popen[str]") -> Ended:
    """Waits; TimeoutExpired where it hangs."""
    said, _ = process.communicate(timeout=PATIENCE)
    return Ended(process.returncode, said)


def flip_trial(bench: Bench, draws: random.Random) -> tuple[str, Verdict]:
    """One bit of a file that the stage reads back."""
    stage = draws.choice([stage for stage in STAGES if bench.inputs[stage]])
    with bench.project() as copy:
        files = [
            path
            for out in bench.inputs[stage]
            for path in ([copy / out] if (copy / out).is_file() else (copy / out).rglob("*"))
            if path.is_file() and path.stat().st_size
        ]
        if stage in READS_PHOTOS:
            # As often as all others: it is the largest.
            files += list((copy / ".work/photos").glob("*.tar")) * len(files)
        if stage == "detect_people":
            files += list((copy / ".work").glob("*.sqlite")) * 2
        path = draws.choice(sorted(files))
        flip(path, draws)
        verdict = bench.judged(copy, stage, ended(started(copy, "pipeline", stage)))
        return f"{stage}: {path.relative_to(copy)}", verdict


def full_trial(bench: Bench, draws: random.Random) -> tuple[str, Verdict]:
    """A disk that is full at a random byte of what the stage writes; then one with room again."""
    stage = draws.choice(list(STAGES))
    own = sum(len(data) for name, data in bench.undisturbed.items() if f"/{stage}/" in name)
    room = draws.randrange(0, own + 10 * TMPFS_PAGE)
    with bench.project(room) as copy:
        verdict = bench.judged(copy, stage, ended(started(copy, "pipeline", stage)))
        if verdict.outcome == "refused":
            whole = contents(copy)
            names = [name for name in whole if name.startswith(f"data/{stage}/")]
            torn = [n for n in names if n in bench.undisturbed and whole[n] != bench.undisturbed[n]]
            if torn:
                return f"{stage}: {room} bytes", Verdict("wrong", f"half written: {torn}")
            resize(copy, 4 << 30)
            again = bench.judged(copy, stage, ended(started(copy, "pipeline", stage)))
            if again.outcome != "same":
                return f"{stage}: {room} bytes", Verdict("lost", f"then {again}")
        return f"{stage}: {room} bytes", verdict


def kill_trial(bench: Bench, draws: random.Random) -> tuple[str, Verdict]:
    """The stage, one of its workers, or dvc above it; then the stage again, to its end."""
    stage = draws.choice(list(STAGES))
    number = draws.choice(SIGNALS)
    victim = draws.choice(("stage", "worker", "dvc"))
    delay = draws.uniform(0.2, LATEST_KILL)
    what = f"{stage}: {signal.Signals(number).name} to {victim} after {delay:.1f} s"
    with bench.project() as copy:
        dvc = ("dvc", "repro", "--force", "--single-item", stage)
        process = started(copy, *(dvc if victim == "dvc" else ("pipeline", stage)))
        time.sleep(delay)
        family = [process.pid]
        with suppress(psutil.Error):
            children = psutil.Process(process.pid).children(recursive=True)
            family += [child.pid for child in children]
        target = draws.choice(family[1:] or family) if victim == "worker" else process.pid
        with suppress(ProcessLookupError):
            os.kill(target, number)
        if number == signal.SIGSTOP:
            time.sleep(1)
            with suppress(ProcessLookupError):
                os.kill(target, signal.SIGCONT)
        first = ended(process)
        if "Traceback (most recent call last)" in first.said and victim != "dvc":
            return what, Verdict("traceback", first.said[-1500:])
        again = bench.judged(copy, stage, ended(started(copy, "pipeline", stage)))
        if again.outcome == "same":
            left = [pid for pid in family if psutil.pid_exists(pid)]
            return what, Verdict("orphan", str(left)) if left else Verdict("same")
        return what, Verdict("lost" if again.outcome == "refused" else again.outcome, again.why)


def pair_trial(bench: Bench, draws: random.Random) -> tuple[str, Verdict]:
    """Two commands at once: each refuses or does its work, and the outs are those of one."""
    one = draws.choice(list(STAGES))
    other = one if draws.random() < 0.5 else draws.choice(list(STAGES))
    with bench.project() as copy:
        first = started(copy, "pipeline", one)
        time.sleep(draws.choice([0, draws.uniform(0, 3)]))
        second = started(copy, "pipeline", other)
        for stage, process in ((one, first), (other, second)):
            verdict = bench.judged(copy, stage, ended(process))
            if verdict.outcome not in ("same", "refused"):
                return f"{one} and {other}", verdict
        differing = [
            name
            for name, data in contents(copy).items()
            if name in bench.undisturbed and data != bench.undisturbed[name]
        ]
        if differing:
            return f"{one} and {other}", Verdict("wrong", ", ".join(differing))
        return f"{one} and {other}", Verdict("same")


TRIALS: dict[str, Callable[[Bench, random.Random], tuple[str, Verdict]]] = {
    "flip": flip_trial,
    "kill": kill_trial,
    "full": full_trial,
    "pair": pair_trial,
}


def main() -> None:
    options = _options()
    log = options.folder.resolve() / f"trials-{options.seed}.jsonl"
    bench = Bench(options.folder.resolve() / "bench")
    done: list[dict[str, Any]] = []
    if log.is_file():
        done = [json.loads(line) for line in log.read_text().splitlines()]
    known = {(each["kind"], each["trial"]) for each in done}
    for trial in range(options.count):
        for kind in options.kinds.split(","):
            if (kind, trial) in known:
                continue
            draws = random.Random(f"{options.seed}/{kind}/{trial}")
            try:
                what, verdict = TRIALS[kind](bench, draws)
            except subprocess.TimeoutExpired as error:
                what, verdict = str(error.cmd), Verdict("hang")
            row = {"kind": kind, "trial": trial, "what": what, **verdict._asdict()}
            done.append(row)
            with log.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(f"{kind} {trial}: {what}: {verdict.outcome}", flush=True)
    chosen = options.kinds.split(",")
    counts = Counter((each["kind"], each["outcome"]) for each in done if each["kind"] in chosen)
    for (kind, outcome), num in sorted(counts.items()):
        print(f"{num:5} {kind} {outcome}")
    bad = [each for each in done if each["outcome"] not in ("same", "refused")]
    for each in bad:
        print(f"{each['kind']} {each['trial']}: {each['what']}: {each['outcome']}: {each['why']}")
    sys.exit(bool(bad))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=25, help="trials of each kind")
    parser.add_argument("--kinds", default="flip,kill,full,pair", help="full needs root")
    parser.add_argument("--folder", type=Path, required=True, help="of the project and the log")
    return parser.parse_args()


if __name__ == "__main__":
    main()
