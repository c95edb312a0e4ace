"""Work that a visitor waits for: what is being done, how far it is, and its end before time."""

import queue
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import NamedTuple, TypeVar

Result = TypeVar("Result")


class Said(NamedTuple):
    """`done` of `total` steps; a total of 0 is not known."""

    text: str
    done: int = 0
    total: int = 0


class CancelledError(ValueError):
    """The visitor wants no more of it."""


class Job:
    """One piece of work, in a thread of its own."""

    def __init__(self) -> None:
        self._said: queue.Queue[Said | None] = queue.Queue()
        self._cancelled = Event()
        self._thread: Thread | None = None

    def say(self, text: str, done: int = 0, total: int = 0) -> None:
        """Called by the work now and then. Raises CancelledError where it is to end."""
        if self._cancelled.is_set():
            raise CancelledError("Cancelled: nothing has changed")
        self._said.put(Said(text, done, total))

    def cancel(self) -> None:
        """The work ends the next time that it says something."""
        self._cancelled.set()

    def join(self) -> None:
        """Waits for the work's end."""
        if self._thread is not None:
            self._thread.join()

    def follow(self, work: Callable[[], Result]) -> Generator[Said, None, Result]:
        """What `work` says, and then what it returns or raises.

        Whoever stops listening ends it.
        """
        results: list[Result] = []
        faults: list[BaseException] = []

        def run() -> None:
            try:
                results.append(work())
            except BaseException as fault:  # noqa: BLE001 - raised again below
                faults.append(fault)
            self._said.put(None)

        self._thread = Thread(target=run)
        self._thread.start()
        try:
            while (said := self._latest()) is not None:
                yield said
        finally:
            self.cancel()
        if faults:
            raise faults[0]
        return results[0]

    def _latest(self) -> Said | None:
        """The last that was said, or None at the end; what nobody has seen yet is skipped."""
        said = self._said.get()
        while said is not None and not self._said.empty():
            said = self._said.get()
        return said


class Jobs:
    """The job that each visitor waits for; the next one takes its place."""

    def __init__(self) -> None:
        self._running: dict[str, Job] = {}

    @contextmanager
    def running(self, visitor: str) -> Iterator[Job]:
        """A new job of theirs, until it is left."""
        job = self._running[visitor] = Job()
        try:
            yield job
        finally:
            if self._running.get(visitor) is job:
                del self._running[visitor]

    def cancel(self, visitor: str) -> None:
        """Does nothing where the visitor waits for nothing."""
        if job := self._running.get(visitor):
            job.cancel()

    def close(self) -> None:
        """Cancels all jobs and waits for their ends: Python cannot end while torch computes."""
        for job in list(self._running.values()):
            job.cancel()
            job.join()
