"""Runs calls in worker processes: in any order, results in the plan's; parts survive a kill.

The workers are processes of this machine or, where `runtime.engine` is ray, of a cluster.

A call is picklable and a pure function of what it carries, so that it may be made again, in any
process. A worker has a pipe of its own: one that dies, by a kill or for want of memory, can neither
hold up the others nor leave half a message, and its call is made again by another.
"""

import multiprocessing
import os
import pickle
import shutil
import signal
import socket
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from pipeline.runtime import ray_cluster
from pipeline.runtime.checksums import read_sums, sha256_of, write_sums
from pipeline.runtime.parent import end_with_parent
from pipeline.runtime.progress import Advance
from pipeline.runtime.ray_cluster import RayCluster
from pipeline.runtime.socket_folder import shorten_sockets

T = TypeVar("T")

# Calls handed out or done for each worker whose results nobody has taken yet: what bounds memory.
AHEAD = 2
# In a part's folder: the sums of its files.
PART_SUMS = ".sums"
# A call whose worker dies so often is not made again: something about it kills.
MAX_DEATHS = 3
# How long a killed process may still look alive.
SECONDS_TO_END = 0.5

# Who works: so many processes of this machine, or a Ray cluster.
Workers = int | RayCluster

# Writes all files of one part into the folder it is given; returns how many photos were done.
MakePart = Callable[[Path], int]


def run_parts(
    folder: Path,
    parts: Iterable[tuple[str, MakePart]],
    advance: Advance,
    workers: Workers,
    module: str = __name__,
) -> list[Path]:
    """Makes each missing part `folder/<name>/`; returns the folders in the plan's order.

    A part is written under a temporary name; the rename is its mark of completion. A part that a
    former run finished is not made again while its bytes are sound, and `advance` hears nothing of
    it. `module` as in `in_order`.
    """
    keep_finished(folder)
    planned: list[Path] = []

    def missing() -> Iterator[Callable[[], int]]:
        for name, make in parts:
            planned.append(folder / name)
            if not planned[-1].is_dir():
                yield partial(make_part, planned[-1], make)

    for num_photos in in_order(missing(), workers, module):
        advance(num_photos)
    return planned


def keep_finished(folder: Path) -> None:
    """An empty `folder`, or one that holds finished parts alone, all of them as they were made."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in folder.iterdir():
        if part.suffix == ".tmp" or not _is_sound(part):
            shutil.rmtree(part)


def _is_sound(part: Path) -> bool:
    """A disk may have rotted since a former run, and no reader would know whom to ask."""
    try:
        return read_sums(part / PART_SUMS) == _sums_of(part)
    except (FileNotFoundError, ValueError):
        return False


def _sums_of(part: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in part.iterdir() if path.name != PART_SUMS}


def make_part(final: Path, make: MakePart) -> int:
    """One part, whole or not at all; the number of its photos.

    0 where it is made already, by a worker that died before it could say so.
    """
    if final.is_dir():
        return 0
    # Machine and process keep it apart from what a stage that was just killed still writes.
    temporary = final.with_name(f"{final.name}.{socket.gethostname()}.{os.getpid()}.tmp")
    temporary.mkdir()
    num_photos = make(temporary)
    write_sums(temporary / PART_SUMS, _sums_of(temporary))
    try:
        os.replace(temporary, final)
    except OSError:
        if not final.is_dir():
            raise
        # By a node that Ray had given up, and that was only slow: the bytes are the same.
        shutil.rmtree(temporary)
    return num_photos


@contextmanager
def at_photo(photo: Any) -> Iterator[None]:
    """Whatever goes wrong inside carries the photo's key and path with it."""
    try:
        yield
    except Exception as error:
        error.add_note(f"at the photo {photo.path} (key {photo.key})")
        raise


def in_order(
    calls: Iterable[Callable[[], T]],
    workers: Workers,
    module: str = __name__,
    initialize: Callable[[], None] | None = None,
) -> Generator[T, None, None]:
    """The results of `calls`, in their order; at most AHEAD a worker are begun and not taken.

    One worker is this process. Of several each calls `initialize` first, and all share the memory
    of `module`, which is imported once. The first error ends all; so does leaving early.
    """
    if isinstance(workers, RayCluster):
        yield from ray_cluster.in_order(calls, workers, initialize)
        return
    if workers == 1:
        if initialize is not None:
            initialize()
        yield from (call() for call in calls)
        return
    pool = _Pool[T](workers, module, initialize)
    try:
        yield from pool.in_order(calls)
    finally:
        pool.end()


def at_most(workers: Workers, num: int) -> Workers:
    """No more processes than there are calls; a cluster shares its cores among all."""
    return min(workers, num) if isinstance(workers, int) else workers


@dataclass
class _Task(Generic[T]):
    """A call on its way."""

    number: int
    call: Callable[[], T]
    deaths: int = 0


class _Pool(Generic[T]):
    """Worker processes, each with at most one task."""

    def __init__(self, workers: int, module: str, initialize: Callable[[], None] | None) -> None:
        shorten_sockets()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([module])
        self._initialize = initialize
        self._workers = [_Worker[T](self._context, initialize) for _ in range(workers)]
        self._done: dict[int, T] = {}
        self._again: deque[_Task[T]] = deque()

    def in_order(self, calls: Iterable[Callable[[], T]]) -> Iterator[T]:
        fresh = (_Task(number, call) for number, call in enumerate(calls))
        taken = begun = 0
        while True:
            for worker in self._workers:
                if worker.task is not None:
                    continue
                task = self._again.popleft() if self._again else None
                if task is None and begun < taken + AHEAD * len(self._workers):
                    task = next(fresh, None)
                    begun += task is not None
                if task is not None:
                    worker.give(task)
            if taken in self._done:
                yield self._done.pop(taken)
                taken += 1
                self._collect(timeout=0)
            elif any(worker.task is not None for worker in self._workers):
                self._collect(timeout=None)
            else:
                return

    def _collect(self, timeout: float | None) -> None:
        """Takes what the workers have to say, and notices those that died."""
        busy = {worker.connection: worker for worker in self._workers if worker.task is not None}
        for connection in wait(busy, timeout):
            worker = busy[cast(Connection, connection)]
            task, worker.task = worker.task, None
            assert task is not None
            try:
                self._done[task.number] = worker.result()
            except _WorkerDiedError:
                self._replace(worker, task)

    def _replace(self, dead: "_Worker[T]", task: _Task[T]) -> None:
        """Another worker for the dead one; its task comes first."""
        how = dead.end()
        task.deaths += 1
        if task.deaths == MAX_DEATHS:
            raise ValueError(
                f"{MAX_DEATHS} worker processes died one after the other over the same work "
                f"({how}). Where memory was short, lower params.yaml runtime.workers; finished "
                "work is kept, run again to go on from here"
            )
        self._again.append(task)
        self._workers[self._workers.index(dead)] = _Worker(self._context, self._initialize)

    def end(self) -> None:
        for worker in self._workers:
            worker.end()


class _WorkerDiedError(Exception):
    """It said nothing, or half of something."""


class _InWorkerError(Exception):
    """Holds the worker's traceback, to stand above ours."""


class _Worker(Generic[T]):
    """A process and this end of its pipe."""

    def __init__(self, context: ForkServerContext, initialize: Callable[[], None] | None) -> None:
        self.task: _Task[T] | None = None
        self.connection, theirs = context.Pipe()
        self._process = _started(context, theirs, initialize)
        # Only the worker holds its end now: when it dies, this end hears so.
        theirs.close()

    def give(self, task: _Task[T]) -> None:
        """Starts on `task`; that a worker is dead already is noticed when it should answer."""
        self.task = task
        with suppress(OSError):
            self.connection.send(task.call)

    def result(self) -> T:
        """Of the task given last; its error, as it was raised there."""
        try:
            value, error, trace = self.connection.recv()
        except (EOFError, OSError):
            raise _WorkerDiedError from None
        if error is not None:
            raise error from _InWorkerError(f"\n{trace}")
        result: T = value
        return result

    def end(self) -> str:
        """Stops it where it still runs; says how it ended."""
        self._process.kill()
        self._process.join()
        self.connection.close()
        code = self._process.exitcode
        assert code is not None
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _started(
    context: ForkServerContext, connection: Connection, initialize: Callable[[], None] | None
) -> ForkServerProcess:
    """A new worker process; the server that forks them may be killed as they are."""
    for _ in range(MAX_DEATHS):
        process = context.Process(target=_serve, args=(connection, initialize), daemon=True)
        try:
            process.start()
        except (EOFError, ConnectionError):
            # The next call starts another server, once this one's end has shown.
            time.sleep(SECONDS_TO_END)
            continue
        return process
    raise ValueError(
        f"the process that starts the workers died {MAX_DEATHS} times. Where memory was short, "
        "lower params.yaml runtime.workers; finished work is kept, run again to go on from here"
    )


def _serve(connection: Connection, initialize: Callable[[], None] | None) -> None:
    """A worker's life: calls in, results out, until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the stage's to deal with
    end_with_parent()
    if initialize is not None:
        initialize()
    while True:
        try:
            call = connection.recv()
        except EOFError:
            return
        # Result, error, the error's traceback.
        answer: tuple[Any, Exception | None, str]
        try:
            answer = call(), None, ""
        except Exception as error:
            answer = None, _portable(error), traceback.format_exc()
        connection.send(answer)


def _portable(error: Exception) -> Exception:
    """The error, or one with its words where it does not come through a pipe as it is."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever its class makes of that
        portable = RuntimeError(f"{type(error).__name__}: {error}")
        for note in getattr(error, "__notes__", []):
            portable.add_note(note)
        return portable
    return error
