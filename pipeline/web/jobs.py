"""Work that a visitor waits for: what is being done, how far it is, and its end before time."""

import queue
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread
from typing import NamedTuple, TypeVar

Result = TypeVar("Result")


class Said(NamedTuple):
    """`done` of `total` steps; a total of 0 is not known."""

    text: str
    done: int = 0
    total: int = 0


CANCELLED = "Cancelled: nothing has changed"


class CancelledError(ValueError):
    """The visitor wants no more of it."""


class Job:
    """One piece of work, in a thread of its own."""

    def __init__(self, turn: Lock) -> None:
        """`turn` is held by the work that computes."""
        self._said: queue.Queue[Said | None] = queue.Queue()
        self._cancelled = Event()
        self._turn = turn
        self._thread: Thread | None = None

    def say(self, text: str, done: int = 0, total: int = 0) -> None:
        """Called by the work now and then. Raises CancelledError where it is to end."""
        if self._cancelled.is_set():
            raise CancelledError(CANCELLED)
        self._said.put(Said(text, done, total))

    def cancel(self) -> None:
        """Nobody waits any longer; the work ends the next time that it says something."""
        self._cancelled.set()
        self._said.put(None)

    @property
    def is_at_work(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def join(self) -> None:
        """Waits for the work's end."""
        if self._thread is not None:
            self._thread.join()

    def follow(self, work: Callable[[], Result]) -> Generator[Said, None, Result]:
        """What `work` says, and then what it returns or raises; CancelledError once cancelled.

        Whoever stops listening ends it.
        """
        results: list[Result] = []
        faults: list[BaseException] = []

        def run() -> None:
            try:
                # One call into a library cannot be stopped: what was cancelled may still compute.
                if not self._turn.acquire(blocking=False):
                    self.say("Waiting for what was cancelled to end")
                    self._turn.acquire()
                try:
                    results.append(work())
                finally:
                    self._turn.release()
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
        if not results:
            raise CancelledError(CANCELLED)
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
        self._turn = Lock()
        self._running: dict[str, Job] = {}
        self._left: list[Job] = []  # cancelled ones that are still at work

    @contextmanager
    def running(self, visitor: str) -> Iterator[Job]:
        """A new job of theirs, until it is left."""
        job = self._running[visitor] = Job(self._turn)
        try:
            yield job
        finally:
            if self._running.get(visitor) is job:
                del self._running[visitor]
            self._left = [each for each in (*self._left, job) if each.is_at_work]

    def cancel(self, visitor: str) -> None:
        """Does nothing where the visitor waits for nothing."""
        if job := self._running.get(visitor):
            job.cancel()

    def close(self) -> None:
        """Cancels all jobs and waits for their ends: Python cannot end while torch computes."""
        for job in [*self._running.values(), *self._left]:
            job.cancel()
            job.join()
