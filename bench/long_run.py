"""All data stages over many photos while faults fall every few seconds. `bench/long_run.py --help`.

A folder of painted photos goes through `dvc repro crop` twice: once undisturbed, and once on a disk
of its own while dvc, the stage or its workers are killed or stopped, the disk is full for a moment,
or a bit rots in any file that the run has left so far. Between the attempts what the messages
advise is done, and no more; as `make repro` does, each attempt begins with `scenefill check`. In
the end all outs must have the bytes of the undisturbed run. Of the
stages memory, with their workers (shared pages counted once), and open files are sampled in both.

Only root can mount the disk; for others none is full.
"""

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil
from growth import megabytes
from photo_archive import photos
from torture import ROOT, SIGNALS, resize

sys.path[:0] = [str(ROOT / "tests")]
from pipeline.sources.synthetic.landscapes import CATEGORIES  # noqa: E402
from support.project import Project  # noqa: E402
from support.rot import flip  # noqa: E402
from support.stages import DATA_STAGES  # noqa: E402

DISK = 8 << 30  # bytes
SECONDS_FULL = 2
SECONDS_BETWEEN_SAMPLES = 0.5
# Half of the faults leave the stage alive, so that there is a long life to watch.
FAULTS = {"worker": 6, "stage": 2, "dvc": 1, "full": 2, "bit": 2}
# What a message may advise; each is done to the letter.
ADVICE = re.compile(r"`((?:dvc repro --force|scenefill verify --remove|rm )[^`]*)`")
PARAMS = {
    "download.source": "folder",
    "filter_categories.categories": "all",
    "detect_people.enabled": False,
    "downscale.photos_per_shard": 500,
    "crop.samples_per_shard": 500,
    "runtime.workers": 2,
}


class Watched:
    """Of each stage the largest memory, with its workers, in MB, and number of open files."""

    def __init__(self) -> None:
        self.megabytes: dict[str, float] = {}
        self.files: dict[str, int] = {}

    @contextmanager
    def watching(self, dvc: subprocess.Popen[str]) -> Iterator[None]:
        ended = threading.Event()

        def sample() -> None:
            while not ended.wait(SECONDS_BETWEEN_SAMPLES):
                with suppress(psutil.Error):
                    if found := running_stage(dvc.pid):
                        name, stage = found
                        self.megabytes[name] = max(
                            self.megabytes.get(name, 0.0), megabytes(stage.pid)
                        )
                        self.files[name] = max(self.files.get(name, 0), stage.num_fds())

        thread = threading.Thread(target=sample)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def running_stage(dvc: int) -> tuple[str, psutil.Process] | None:
    """Its name and process, where dvc runs one by now."""
    for each in psutil.Process(dvc).children(recursive=True):
        words = each.cmdline()
        if words[1:3] == ["-m", "pipeline"] and words[3:4]:
            return words[3], each
    return None


def paint(folder: Path, num_photos: int) -> None:
    for number, photo in enumerate(photos(num_photos, most=60)):
        category = CATEGORIES[number % len(CATEGORIES)]
        path = folder / category / f"{number:08d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photo)


def project_in(folder: Path, painted: Path) -> Project:
    project = Project(folder)
    project.set_all(PARAMS | {"sources.folder.path": str(painted)})
    return project


def undisturbed(project: Project, watched: Watched) -> None:
    dvc = project.start("dvc", "repro", "crop")
    with watched.watching(dvc):
        said, _ = dvc.communicate()
    if dvc.returncode:
        raise RuntimeError(said)


def disturbed(
    project: Project, draws: random.Random, every: float, watched: Watched
) -> tuple[Counter[str], int]:
    """The faults by kind, and how often `dvc repro` was started.

    Raises RuntimeError for a traceback at the user, and where a refusal comes again that nothing
    but its own advice came before.
    """
    faults: Counter[str] = Counter()
    former = ""
    for attempt in range(1, 1_000):
        follow(project, said_by(project, "check"))
        before = faults.total()
        dvc = project.start("dvc", "repro", "crop")
        lines: list[str] = []
        assert dvc.stdout is not None
        reader = threading.Thread(target=lines.extend, args=[dvc.stdout])
        reader.start()
        with watched.watching(dvc):
            while dvc.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    dvc.wait(draws.expovariate(1 / every))
                if dvc.poll() is None:
                    fault = inflict(project.folder, dvc.pid, draws)
                    faults[fault] += 1
                    print(f"attempt {attempt}: {fault}", file=sys.stderr, flush=True)
        reader.join()
        dvc.stdout.close()
        said = "".join(lines)
        if "Traceback (most recent call last)" in said:
            raise RuntimeError(f"a traceback at a user:\n{said}")
        if dvc.returncode == 0 and follow(project, said_by(project, "verify")):
            return faults, attempt
        error = "".join(line for line in lines if line.startswith(("error:", "interrupted")))
        print(error, file=sys.stderr, end="")
        if dvc.returncode and faults.total() == before and error == former:
            raise RuntimeError(f"the advice does not help:\n{said}")
        former = error
        follow(project, said)
    raise RuntimeError("no end after 999 attempts")


def said_by(project: Project, command: str) -> str:
    """What `scenefill command` says."""
    return project.start("python", "-m", "pipeline", command).communicate()[0]


def follow(project: Project, said: str) -> bool:
    """Does what a message advises; whether there was nothing to do."""
    advice = list(dict.fromkeys(ADVICE.findall(said)))
    for line in advice:
        print(f"advised: {line}", file=sys.stderr, flush=True)
        project.type(line)
    return not advice


def inflict(folder: Path, dvc: int, draws: random.Random) -> str:
    """One fault; its kind."""
    kind = draws.choices(list(FAULTS), list(FAULTS.values()))[0]
    if kind == "full" and not folder.is_mount():
        return "none: only root can mount a disk that is full"
    if kind == "full":
        resize(folder, max(used(folder) + draws.randrange(1 << 20), 1 << 20))
        time.sleep(SECONDS_FULL)
        resize(folder, DISK)
        return kind
    if kind == "bit":
        if files := settled_files(folder):
            flip(draws.choice(files), draws)
        return kind
    number = draws.choice(SIGNALS)
    with suppress(psutil.Error):
        target = victim(kind, dvc, draws)
        target.send_signal(number)
        if number == signal.SIGSTOP:
            time.sleep(1)
            target.send_signal(signal.SIGCONT)
        return f"{signal.Signals(number).name} to {kind}"
    return "none: it had ended"


def victim(kind: str, dvc: int, draws: random.Random) -> psutil.Process:
    """dvc itself where no stage runs yet, and the stage where it has no workers."""
    found = None if kind == "dvc" else running_stage(dvc)
    stage = found[1] if found else psutil.Process(dvc)
    workers = stage.children(recursive=True) if kind == "worker" and found else []
    return draws.choice(workers) if workers else stage


def used(folder: Path) -> int:
    disk = os.statvfs(folder)
    return (disk.f_blocks - disk.f_bfree) * disk.f_frsize


def settled_files(folder: Path) -> list[Path]:
    """What the run has left for later and no longer writes: outs, parts, the store, the photos."""
    before = time.time() - 3
    files = []
    for root in (folder / "data", folder / ".work"):
        for path in sorted(root.rglob("*")):
            with suppress(FileNotFoundError):
                state = path.stat()
                is_settled = state.st_size > 0 and state.st_mtime < before
                if path.is_file() and is_settled and path.suffix != ".lock":
                    files.append(path)
    return files


def table(alone: Watched, beside: Watched) -> str:
    lines = ["| stage | undisturbed | under faults |", "| --- | --- | --- |"]
    for stage in DATA_STAGES:
        cells = [
            f"{each.megabytes.get(stage, 0):,.0f} MB, {each.files.get(stage, 0)} open files"
            for each in (alone, beside)
        ]
        lines.append(f"| `{stage}` | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


class Found(NamedTuple):
    faults: Counter[str]
    starts: int  # of dvc repro
    seconds: float
    differing: list[tuple[str, str]]  # outs and sums that only one of the two has
    alone: Watched
    beside: Watched


def compare(folder: Path, num_photos: int, every: float, seed: int) -> Found:
    """The disturbed run beside the undisturbed one, both in the empty `folder`."""
    alone, beside = Watched(), Watched()
    painted, disk = folder / "painted", folder / "disk"
    paint(painted, num_photos)
    twin = project_in(folder / "undisturbed", painted)
    undisturbed(twin, alone)
    disk.mkdir()
    with suppress(subprocess.CalledProcessError):  # of all others than root
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(disk)]
        subprocess.run(mount, check=True, stderr=subprocess.DEVNULL)
    try:
        project, begun = project_in(disk, painted), time.monotonic()
        faults, starts = disturbed(project, random.Random(seed), every, beside)
        seconds = time.monotonic() - begun
        differing = sorted(twin.out_hashes().items() ^ project.out_hashes().items())
    finally:
        if disk.is_mount():
            subprocess.run(["umount", "-l", str(disk)], check=True)
    return Found(faults, starts, seconds, differing, alone, beside)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--photos", type=int, default=50_000)
    parser.add_argument("--every", type=float, default=4.0, help="seconds between faults, in mean")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=ROOT / ".work/bench", help="on a fast disk")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        found = compare(Path(name), options.photos, options.every, options.seed)
    num_faults = found.faults.total()
    print(f"{num_faults} faults in {found.seconds:.0f} s, {found.starts} starts of dvc repro:")
    print(", ".join(f"{num} x {kind}" for kind, num in sorted(found.faults.items())) + "\n")
    print(table(found.alone, found.beside))
    print(f"\nouts that differ: {found.differing or 'none'}")
    sys.exit(bool(found.differing))


if __name__ == "__main__":
    main()
