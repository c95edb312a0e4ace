"""How long the stages took, in the scratch folder: a clock in an out would change its bytes."""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.runtime.scratch import work_dir


class Took(NamedTuple):
    """The last complete run of a stage; attempts that were interrupted before it are included."""

    seconds: float
    params: str  # the digest of the params it ran with


def params_digest(values: dict[str, Any]) -> str:
    """Stands for all of params.yaml but `runtime`, which decides nothing but the speed."""
    tracked = {name: section for name, section in values.items() if name != "runtime"}
    return hashlib.sha256(json.dumps(tracked, sort_keys=True).encode()).hexdigest()[:16]


@contextmanager
def timed(stage: str, params: str) -> Iterator[None]:
    """Notes how long the block took and whether it ended; a killed one leaves no note."""
    if int(os.environ.get("RANK", "0")) > 0:
        yield  # of several processes that train together one notes it
        return
    begun, is_done = time.monotonic(), False
    try:
        yield
        is_done = True
    finally:
        note = {"seconds": time.monotonic() - begun, "done": is_done, "params": params}
        path = _path(stage)
        # An error of the block's own is not to be hidden by one of the note's.
        with nullcontext() if is_done else suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.write(json.dumps(note) + "\n")


def took(stage: str) -> Took | None:
    """None where the stage has not run to its end here."""
    path = _path(stage)
    if not path.is_file():
        return None
    found: Took | None = None
    last: str | None = None
    seconds = 0.0
    for line in path.read_bytes().splitlines():
        try:
            note = json.loads(line)
        except ValueError:
            continue  # half written when the disk was full: of that attempt no time is known
        if last is not None and note["params"] != last:
            seconds = 0.0
        last = note["params"]
        seconds += note["seconds"]
        if note["done"]:
            found, seconds, last = Took(seconds, note["params"]), 0.0, None
    return found


def _path(stage: str) -> Path:
    return work_dir() / "timings" / f"{stage}.jsonl"
