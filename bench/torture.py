"""Faults on the real commands, a trial a line: `make torture`, or `bench/torture.py --help`.

Of a small project whose stages have run once, each trial disturbs one command: a kill, one flipped
bit in a file that it reads, a disk that fills up, a second command beside it, a short memory, a bad
server, hostile files. A trial is good where the command refuses in a sentence or leaves the bytes
of the undisturbed run; after a kill or a short memory the next run has to do so, after a flipped
bit the commands that the refusal advises. What a trial takes follows from the seed, the kind and
its number alone, so that any of them can be repeated; trials that the log has already are not run
again.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from pipeline.cli import STAGES  # noqa: E402
from pipeline.config.preconditions import Line  # noqa: E402
from support.forked_commands import Ended, Forked, Server  # noqa: E402
from support.hostile_files import (  # noqa: E402
    hostile_archive,
    hostile_photos,
    install_markers,
    markers_run,
)
from support.places_server import Fault, pinned, places_server, random_faults  # noqa: E402
from support.project import Project  # noqa: E402
from support.rot import flip  # noqa: E402

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSTOP)
TMPFS_PAGE = 4096  # bytes
LARGEST = 4 << 30  # bytes of a disk with room again
# What a command says has to fit.
SMALLEST_LIMIT = 16 << 10  # bytes of a file
READS_PHOTOS = ("index", "detect_people", "filter_people", "downscale")
GOOD = ("same", "refused", "killed")
# Commands that a sentence names.
ADVICE = re.compile(r"`((?:scenefill|dvc|rm|git) [^`]+)`")
# Of a real run's minutes, what the faults need of it.
SMALL = {"runtime.workers": 2, "detect_people.enabled": False, "sources.synthetic.num_photos": 60}
MODULES = [
    *(f"pipeline.stages.{stage}" for stage in STAGES),
    *(f"pipeline.sources.{source}.source" for source in ("synthetic", "folder", "places365")),
    *("pipeline.image_files.complete", "pipeline.config.whole", "pipeline.planning.timings"),
]


class Verdict(NamedTuple):
    """Of GOOD outcomes `killed` is the system's doing, after which nothing was lost."""

    outcome: str
    why: str = ""


Draws = random.Random
Prepare = Callable[[Path, Server], None]


def prepare(folder: Path, server: Server) -> None:
    """A project whose stages have all run."""
    project = Project(folder)
    project.set_all(SMALL)
    project.repro()
    shutil.rmtree(folder / ".dvc" / "cache")


class Bench:
    """A project in which every one of `stages` has run, and the bytes that each left."""

    def __init__(
        self,
        folder: Path,
        server: Server,
        stages: Sequence[str] = tuple(STAGES),
        prepare: Prepare = prepare,
    ) -> None:
        self.folder, self.server, self.stages = folder, server, stages
        pristine = folder / "pristine"
        if not (folder / "ready").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            pristine.mkdir(parents=True)
            prepare(pristine, server)
            (folder / "ready").touch()
        with in_folder(pristine):
            line = Line()
            self.inputs = {stage: list(line.inputs(stage)) for stage in stages}
            self.outs = {stage: line.outs(stage) for stage in stages}
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
            mount = ["mount", "-t", "tmpfs", "-o", f"size={LARGEST}", "tmpfs", str(copy)]
            subprocess.run(mount, check=True)
        try:
            shutil.copytree(self.folder / "pristine", copy, dirs_exist_ok=True, symlinks=True)
            if room is not None:
                resize(copy, shutil.disk_usage(copy).used + room)
            yield copy
        finally:
            if room is not None:
                subprocess.run(["umount", "-l", str(copy)], check=True)

    def run(self, copy: Path, stage: str, **limits: int) -> Ended:
        """The stage to its end."""
        return self.server.start(copy, stage, limits=limits).ended()

    def size(self, stage: str) -> int:
        """Of all that it leaves, in bytes."""
        return sum(len(data) for name, data in self.undisturbed.items() if f"/{stage}/" in name)

    def judged(self, copy: Path, stage: str, ended: Ended) -> Verdict:
        """Of a command that ran `stage`."""
        if (said := judged_words(ended)).outcome != "same":
            return said
        found = contents(copy)
        outs = tuple(self.outs[stage])
        names = {name for name in (*found, *self.undisturbed) if name.startswith(outs)}
        differing = [
            name for name in sorted(names) if found.get(name) != self.undisturbed.get(name)
        ]
        return Verdict("wrong", ", ".join(differing)) if differing else Verdict("same")

    def as_advised(self, copy: Path, stage: str, said: str, before: Verdict) -> Verdict:
        """`before`, if the commands that the refusal names lead to the right bytes."""
        project, commands = Project.at(copy), ADVICE.findall(said)
        for command in commands:
            line = f"{command} {stage}" if command == "dvc repro" else command
            words = shlex.split(line.replace("scenefill ", "python -m pipeline "))
            process = project.start(*words)
            output, _ = process.communicate()
            if process.returncode or "Traceback" in output:
                return Verdict("lost", f"{line}: {output[-300:]}")
        again = self.judged(copy, stage, self.run(copy, stage))
        is_mended = again.outcome == "same" and commands
        return before if is_mended else Verdict("lost", f"as {commands} say: {again}; {said}")

    def then_whole(self, copy: Path, stage: str, before: Verdict) -> Verdict:
        """`before`, if no half file has a final name, and the next run leaves the right bytes."""
        whole = contents(copy)
        names = [name for name in whole if name.startswith(f"data/{stage}/")]
        torn = [n for n in names if n in self.undisturbed and whole[n] != self.undisturbed[n]]
        if torn:
            return Verdict("wrong", f"half written: {torn}")
        again = self.judged(copy, stage, self.run(copy, stage))
        return before if again.outcome == "same" else Verdict("lost", f"then {again}")


def judged_words(ended: Ended) -> Verdict:
    """By what a command said and its exit code alone: `same` where it did its work."""
    if "Traceback (most recent call last)" in ended.said:
        return Verdict("traceback", ended.said[-1500:])
    if ended.hung:
        return Verdict("hang", ended.said[-300:])
    if ended.code < 0:
        return Verdict("killed", f"{signal.Signals(-ended.code).name}: {ended.said[-300:]}")
    if ended.code:
        is_said = any(word in ended.said for word in ("error:", "interrupted"))
        return Verdict("refused" if is_said else "silent", ended.said[-300:])
    return Verdict("same")


@contextmanager
def in_folder(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def contents(project: Path) -> dict[str, bytes]:
    """What lies in data/, but what came from outside."""
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in (project / "data").rglob("*")
        if path.is_file() and path.relative_to(project).parts[1] in STAGES
    }


def resize(disk: Path, size: int) -> None:
    """Of a disk of its own, in bytes."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)


def flip_trial(bench: Bench, draws: Draws) -> tuple[str, Verdict]:
    """One bit of a file that the stage reads back."""
    stage = draws.choice([stage for stage in bench.stages if bench.inputs[stage]])
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
        ended = bench.run(copy, stage)
        verdict = bench.judged(copy, stage, ended)
        # Where DVC is not set up only the words are judged.
        if verdict.outcome == "refused" and (copy / ".dvc").is_dir():
            verdict = bench.as_advised(copy, stage, ended.said, verdict)
        return f"{stage}: {path.relative_to(copy)}", verdict


def full_trial(bench: Bench, draws: Draws) -> tuple[str, Verdict]:
    """A disk that is full at a random byte of what the stage writes; then one with room again.

    Who may not mount one gets files that cannot grow beyond a random byte.
    """
    stage = draws.choice(list(bench.stages))
    room = draws.randrange(0, bench.size(stage) + 10 * TMPFS_PAGE)
    return (on_full_disk if os.geteuid() == 0 else with_short_files)(bench, stage, room)


def on_full_disk(bench: Bench, stage: str, room: int) -> tuple[str, Verdict]:
    what = f"{stage}: {room} bytes"
    with bench.project(room) as copy:
        verdict = bench.judged(copy, stage, bench.run(copy, stage))
        resize(copy, LARGEST)
        return what, bench.then_whole(copy, stage, verdict)


def with_short_files(bench: Bench, stage: str, length: int) -> tuple[str, Verdict]:
    length = max(length, SMALLEST_LIMIT)
    with bench.project() as copy:
        verdict = bench.judged(copy, stage, bench.run(copy, stage, RLIMIT_FSIZE=length))
        return f"{stage}: {length} bytes a file", bench.then_whole(copy, stage, verdict)


def memory_trial(bench: Bench, draws: Draws) -> tuple[str, Verdict]:
    """The stage and its workers have little memory; then the stage again, with enough."""
    stage = draws.choice(list(bench.stages))
    num_bytes = int(1e6 * 10 ** draws.uniform(0, 2.7))
    with bench.project() as copy:
        verdict = bench.judged(copy, stage, bench.run(copy, stage, RLIMIT_AS=num_bytes))
        return f"{stage}: {num_bytes / 1e6:.0f} MB", bench.then_whole(copy, stage, verdict)


def kill_trial(bench: Bench, draws: Draws) -> tuple[str, Verdict]:
    """The stage, one of its workers, or dvc above it; then the stage again, to its end."""
    stage = draws.choice(list(bench.stages))
    number = draws.choice(SIGNALS)
    victim = draws.choice(("stage", "worker", "dvc"))
    # A fresh process, under dvc, takes seconds to begin.
    delay = draws.uniform(0.2, 8.0) if victim == "dvc" else 3.0 * draws.random() ** 2
    what = f"{stage}: {signal.Signals(number).name} to {victim} after {delay:.1f} s"
    with bench.project() as copy:
        if victim == "dvc":
            command = ("dvc", "repro", "--force", "--single-item", stage)
            started: subprocess.Popen[str] | Forked = Project.at(copy).start(*command)
        else:
            started = bench.server.start(copy, stage)
        time.sleep(delay)
        family = []
        with suppress(psutil.Error):
            head = psutil.Process(started.pid)
            family = [head, *head.children(recursive=True)]
        pids = [each.pid for each in family]
        target = draws.choice(pids[1:] or [started.pid]) if victim == "worker" else started.pid
        with suppress(ProcessLookupError):
            os.kill(target, number)
        if number == signal.SIGSTOP:
            time.sleep(1)
            with suppress(ProcessLookupError):
                os.kill(target, signal.SIGCONT)
        if isinstance(started, subprocess.Popen):
            started.communicate()
        elif (first := judged_words(started.ended())).outcome not in GOOD:
            return what, first
        verdict = bench.then_whole(copy, stage, Verdict("same"))
        left = [each for each in family if each.is_running()]  # its number may be another's by now
        return what, Verdict("orphan", str(left)) if left else verdict


def pair_trial(bench: Bench, draws: Draws) -> tuple[str, Verdict]:
    """Two commands at once: each refuses or does its work, and the outs are those of one."""
    one = draws.choice(list(bench.stages))
    other = one if draws.random() < 0.5 else draws.choice(list(bench.stages))
    with bench.project() as copy:
        first = bench.server.start(copy, one)
        time.sleep(draws.choice([0, draws.uniform(0, 1)]))
        second = bench.server.start(copy, other)
        for stage, command in ((one, first), (other, second)):
            verdict = bench.judged(copy, stage, command.ended())
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


def network_trial(bench: Bench, draws: Draws) -> tuple[str, Verdict]:
    """Two mirrors with mixed faults: the pinned bytes arrive, at once or in the next run."""
    data = draws.randbytes(draws.randrange(100_000, 3_000_000))
    name = "train.tar"
    never = [Fault(data=data[:-1]), Fault(status=404), Fault(data=bytes(len(data)))]
    with places_server({name: data}) as one, places_server({name: data}) as other:
        # A stall costs half a minute.
        one.faults[name] = [*random_faults(draws, data, most=3, stalls=1), draws.choice(never)]
        other.faults[name] = random_faults(draws, data, most=3, stalls=0)
        kinds = [*one.faults[name], *other.faults[name]]
        what = f"{len(data)} bytes, {len(kinds)} faults"
        with bench.project() as copy:
            project = Project.at(copy)
            project.set("download.source", "places365")
            project.set("sources.folder.path", "data/none")
            project.set("sources.places365.archive", pinned(name, data).model_dump())
            project.set("runtime.mirrors", [one.url, other.url])
            project.set("filter_categories.categories", "all")
            for _ in range(2):
                verdict = judged_words(bench.run(copy, "download"))
                if verdict.outcome != "refused":
                    break
            if verdict.outcome != "same":
                is_lost = verdict.outcome == "refused"
                return what, verdict._replace(outcome="lost") if is_lost else verdict
            (archive,) = (copy / ".work/photos").glob(f"{hashlib.sha256(data).hexdigest()}*.tar")
            return what, Verdict("same" if archive.read_bytes() == data else "wrong")


def hostile_trial(bench: Bench, draws: Draws) -> tuple[str, Verdict]:
    """Files from a stranger: as photos of a data set, to be completed, as masks, as archives."""
    way = draws.choice(("data set", "photos", "masks", "archive"))
    with bench.project() as copy, tempfile.TemporaryDirectory() as outside:
        secret = Path(outside) / "secret.txt"
        secret.write_text("untouched")
        files = copy / "hostile"
        verdict, num_files = WAYS[way](bench, copy, files, draws, secret)
        what = f"{num_files} files as {way}"
        if ran := markers_run(bench.folder.parent / "programs"):
            return what, Verdict("foreign code", ", ".join(ran))
        if secret.read_text() != "untouched" or len(list(Path(outside).iterdir())) > 1:
            return what, Verdict("wrong", "a file outside of the project was written")
        return what, verdict


def _as_data_set(
    bench: Bench, copy: Path, files: Path, draws: Draws, secret: Path
) -> tuple[Verdict, int]:
    """Up to the samples: whatever is no photo is counted, and the whole ones are kept."""
    num = hostile_photos(files / "one", draws, secret, num_whole=9)  # enough for a split
    project = Project.at(copy)
    project.set("download.source", "folder")
    project.set("sources.folder.path", "hostile")
    project.set("filter_categories.categories", "all")
    for stage in bench.stages[: bench.stages.index("downscale") + 1]:
        verdict = judged_words(bench.run(copy, stage))
        if verdict.outcome != "same":
            return verdict, num
    return verdict, num


def _as_photos(
    bench: Bench, copy: Path, files: Path, draws: Draws, secret: Path
) -> tuple[Verdict, int]:
    num = hostile_photos(files, draws, secret, num_whole=2)
    words = ("complete", str(files), "--hole", "4,4,8,8", "--model", "harmonic")
    return judged_words(bench.server.start(copy, *words, "--output-dir", "made").ended()), num


def _as_masks(
    bench: Bench, copy: Path, files: Path, draws: Draws, secret: Path
) -> tuple[Verdict, int]:
    """One a command: the first bad name of many ends it."""
    num = hostile_photos(files, draws, secret, most=6)
    photo = next((ROOT / "docs").glob("*.png"))
    for path in sorted(files.rglob("*")):
        words = ("complete", str(photo), "--mask", str(path), "--model", "harmonic")
        ended = bench.server.start(copy, *words, "--output-dir", "made", "--force").ended()
        if (verdict := judged_words(ended)).outcome not in ("same", "refused"):
            return verdict, num
    return verdict, num


def _as_archive(
    bench: Bench, copy: Path, files: Path, draws: Draws, secret: Path
) -> tuple[Verdict, int]:
    """As another edition of a source, whose sums fit."""
    files.mkdir()
    source, name, data = hostile_archive(draws, secret)
    (files / name).write_bytes(data)
    project = Project.at(copy)
    project.set("download.source", source)
    project.set("sources.folder.path", "data/none")
    project.set(f"sources.{source}.archive", pinned(name, data).model_dump())
    project.set("runtime.adopt", "hostile")
    project.set("filter_categories.categories", "all")
    for stage in ("download", "index", "filter_categories", "detect_people"):
        verdict = judged_words(bench.run(copy, stage))
        if verdict.outcome != "same":
            break
    return verdict, 1


WAYS = {
    "data set": _as_data_set,
    "photos": _as_photos,
    "masks": _as_masks,
    "archive": _as_archive,
}
TRIALS: dict[str, Callable[[Bench, Draws], tuple[str, Verdict]]] = {
    "flip": flip_trial,
    "kill": kill_trial,
    "full": full_trial,
    "pair": pair_trial,
    "memory": memory_trial,
    "network": network_trial,
    "hostile": hostile_trial,
}


def trial(bench: Bench, kind: str, seed: int, number: int) -> dict[str, Any]:
    """One trial, as the log has it."""
    what, verdict = TRIALS[kind](bench, random.Random(f"{seed}/{kind}/{number}"))
    return {"kind": kind, "trial": number, "what": what, **verdict._asdict()}


def main() -> None:
    options = _options()
    folder = options.folder.resolve()
    log = folder / f"trials-{options.seed}.jsonl"
    install_markers(folder / "programs")
    server = Server(folder / "said", MODULES, folder / "programs")
    bench = Bench(folder / "bench", server)
    done: list[dict[str, Any]] = []
    if log.is_file():
        done = [json.loads(line) for line in log.read_text().splitlines()]
    known = {(each["kind"], each["trial"]) for each in done}
    chosen = options.kinds.split(",")
    for number in range(options.count):
        for kind in chosen:
            if (kind, number) in known:
                continue
            row = trial(bench, kind, options.seed, number)
            done.append(row)
            with log.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(f"{kind} {number}: {row['what']}: {row['outcome']}", flush=True)
    server.close()
    counts = Counter((each["kind"], each["outcome"]) for each in done if each["kind"] in chosen)
    for (kind, outcome), num in sorted(counts.items()):
        print(f"{num:5} {kind} {outcome}")
    bad = [each for each in done if each["outcome"] not in GOOD]
    for each in bad:
        print(f"{each['kind']} {each['trial']}: {each['what']}: {each['outcome']}: {each['why']}")
    sys.exit(bool(bad))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=25, help="trials of each kind")
    parser.add_argument("--kinds", default=",".join(TRIALS), help="some of them")
    parser.add_argument("--folder", type=Path, required=True, help="of the project and the log")
    return parser.parse_args()


if __name__ == "__main__":
    main()
