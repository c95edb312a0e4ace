"""One thread that writes files while the training goes on."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self


class Background:
    """Jobs one after another; a job's error is raised at the next call."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="background")
        self.jobs: list[Future[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.pool.shutdown()
        if error[0] is None:
            self.wait()

    def submit(self, job: Callable[[], None]) -> None:
        """Does `job` after those before it; waits where one is still at work.

        At most one waits, so that a slow disk slows the training instead of filling the memory.
        """
        while len(self.jobs) > 1:
            self.jobs.pop(0).result()
        self.jobs.append(self.pool.submit(job))

    def wait(self) -> None:
        """Until all is written."""
        while self.jobs:
            self.jobs.pop(0).result()
