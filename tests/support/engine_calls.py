"""What the tests of the engine run: worker processes import it by name."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from pipeline.runtime.workers import at_photo


def square(number: int) -> int:
    """Takes the longer the smaller `number` is: results come in another order than asked for."""
    time.sleep(0.05 / (1 + number))
    return number**2


def die_until(marks: Path, times: int, number: int) -> int:
    """Is killed `times` times in all, whatever process it runs in, then answers."""
    deaths = len(list(marks.iterdir()))
    if deaths < times:
        (marks / f"{deaths}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def fail_at_photo(path: str) -> None:
    with at_photo(SimpleNamespace(key="the-key", path=path)):
        raise KeyError("seven")


def wait_and_touch(started: Path, ended: Path) -> None:
    started.touch()
    time.sleep(60)
    ended.touch()


def pid() -> int:
    return os.getpid()


def part(name: str, made: Path, folder: Path) -> int:
    """One file; notes in `made` that it was made."""
    (folder / "data").write_text(name)
    with made.open("a") as file:
        file.write(f"{name}\n")
    return 3


def part_that_dies_once(mark: Path, folder: Path) -> int:
    (folder / "data").write_text("half")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    (folder / "data").write_text("whole")
    return 3


def broken_part(folder: Path) -> int:
    (folder / "data").write_text("half")
    raise KeyboardInterrupt


def slow_part(name: str, made: Path, folder: Path) -> int:
    """As `part`, long enough to be killed in."""
    time.sleep(0.3)
    return part(name, made, folder)


def adder(built: Path) -> Callable[[int], int]:
    """Notes that it was built; adds one."""
    with built.open("a") as file:
        file.write(f"{os.getpid()}\n")
    return lambda number: number + 1


class UnsendableError(Exception):
    """Pickle gives its class one argument, where it takes two."""

    def __init__(self, number: int, total: int) -> None:
        super().__init__(f"{number} of {total}")


def fail_unsendably() -> None:
    error = UnsendableError(7, 8)
    error.add_note("at the photo 7")
    raise error
