"""What a running training shows to the outside, in its scratch folder.

`rows.jsonl` holds the history, a row a line; `status.json` where the training stands. They are for
looking at: no output is made of them.
"""

import json
import os
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import psutil

ROWS, STATUS = "rows.jsonl", "status.json"
MAX_NOTES = 20
# The system counts starts from its boot, and that moves when the clock is set right.
START_TOLERANCE = 10.0  # seconds

# A row of the history:
# {"step": ..., "images": ..., "train/<update>/<term>" or "val/<figure>": ...}
Row = dict[str, float]


@dataclass(frozen=True)
class Status:
    """Where a training stands; made by the process that trains."""

    recipe: str
    device: str
    state: Literal["training", "stopped", "done", "failed", "killed"]  # killed: by readers only
    step: int
    images: int
    budget: str  # as params.yaml has it: "48000 images", "220 epochs", "30 minutes"
    share_done: float  # 0..1
    images_per_second: float | None  # None: not known yet
    seconds_left: float | None
    weights: dict[str, dict[str, float]]  # update -> term -> weight in its loss
    notes: list[str] = field(default_factory=list)  # one line each, newest last
    pid: int = field(default_factory=os.getpid)
    # A number is used again after its process: the start tells two of them apart, on one machine.
    pid_start: float = field(  # seconds since 1970
        default_factory=lambda: psutil.Process().create_time()
    )
    host: str = field(default_factory=socket.gethostname)


@dataclass(frozen=True)
class LiveFiles:
    """Writes both files into a folder that exists."""

    folder: Path

    def start(self, rows: Sequence[Row]) -> None:
        """The rows of the run that is gone on with, in place of all that a killed one has left."""
        _write(self.folder / ROWS, "".join(json.dumps(row) + "\n" for row in rows))

    def add(self, row: Row) -> None:
        """Appends a row."""
        with (self.folder / ROWS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def status(self, status: Status) -> None:
        """Replaces the status; of its notes the newest MAX_NOTES stay."""
        shown = replace(status, notes=status.notes[-MAX_NOTES:])
        _write(self.folder / STATUS, json.dumps(asdict(shown), indent=2) + "\n")


def _write(path: Path, text: str) -> None:
    """A reader sees the former file or this one, never a part."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


@dataclass(frozen=True)
class Live:
    """Both files, read."""

    status: Status  # "killed" where it says "training" and nobody is at work
    rows: list[Row]


def newest(work_dir: Path) -> Path | None:
    """The folder of the training whose status changed last; None where none has begun."""
    found = list(work_dir.glob(f"train/*/{STATUS}"))
    return max(found, key=lambda path: path.stat().st_mtime_ns).parent if found else None


def read_live(folder: Path) -> Live:
    """Status and rows of the training in `folder`."""
    status = _read_status(folder / STATUS)
    if status.state == "training" and not _is_alive(status):
        status = replace(status, state="killed")
    # A last line without its end is still being written.
    *lines, _ = (folder / ROWS).read_text(encoding="utf-8").split("\n")
    return Live(status, [_parsed(line, folder / ROWS) for line in lines])


def _read_status(path: Path) -> Status:
    values = _parsed(path.read_text(encoding="utf-8"), path)
    expected = {each.name for each in fields(Status)}
    if set(values) != expected:
        raise ValueError(
            f"{path} has the fields {sorted(values)}, not {sorted(expected)}: another version of "
            "the program wrote it; go on with that training, or remove it by `scenefill clean`"
        )
    return Status(**values)


def _parsed(text: str, path: Path) -> dict[str, Any]:
    """A JSON object of the file `path`."""
    try:
        values: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise ValueError(
            f"{path} is damaged ({error}): `dvc repro` goes on with that training and writes it "
            "anew, or remove it by `scenefill clean`"
        ) from None
    return values


def _is_alive(status: Status) -> bool:
    """Of a process on another machine nothing is known: its word is taken."""
    if status.host != socket.gethostname():
        return True
    try:
        process = psutil.Process(status.pid)
        started = process.create_time()
        dead = process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    return not dead and abs(started - status.pid_start) <= START_TOLERANCE
