"""What a test waits for in another process."""

import time
from collections.abc import Callable
from pathlib import Path


def wait_for(path: Path) -> None:
    wait_until(path.exists, path.name, seconds=30)


def wait_until(is_so: Callable[[], bool], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"{what} never came"
        time.sleep(0.1)
