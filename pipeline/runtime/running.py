"""Which stages are at work in this folder, as locks that end with the process that holds them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

# In the folder itself, wherever DVC_ROOT points: experiments that DVC runs beside it in copies
# write into folders of their own.
FOLDER = Path(".work/running")
# A stage whose dvc was killed ends within a second (pipeline/runtime/parent.py).
PATIENCE = 3.0  # seconds


@contextmanager
def running(stage: str) -> Iterator[None]:
    """Marks `stage` as running while the block runs; ValueError where it runs already."""
    if int(os.environ.get("RANK", "0")) > 0:
        yield  # of several processes that train together one holds the mark
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(FOLDER / f"{stage}.lock").acquire(timeout=PATIENCE):
            yield
    except Timeout:
        raise already_running(stage) from None


def already_running(stage: str) -> ValueError:
    """The error of a second run."""
    return ValueError(f"`{stage}` is running here already: wait for it to end")


def is_running(stage: str) -> bool:
    """Whether a process holds the mark; writes nothing where none ever did."""
    lock = FOLDER / f"{stage}.lock"
    if not lock.is_file():
        return False
    try:
        with FileLock(lock).acquire(timeout=0):
            return False
    except Timeout:
        return True
