"""What a test waits for in another process."""

import time
from pathlib import Path


def wait_for(path: Path) -> None:
    for _ in range(300):
        if path.exists():
            return
        time.sleep(0.1)
    raise AssertionError(f"{path.name} never came")
