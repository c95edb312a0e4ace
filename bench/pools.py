"""The local worker pool beside libraries' on one campaign of kills. `bench/pools.py --help`.

Each pool makes the same calls in the order of a plan, a bounded number ahead, undisturbed and while
a worker is killed every so often. Prints Markdown: whether all results came, CPU seconds, and the
largest sum of memory of all processes (pages that they share counted once).
"""

import argparse
import os
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from typing import Any

import psutil

from pipeline.runtime.workers import AHEAD, in_order

WORKERS = 2
SIDE = 64
POLL_SECONDS = 0.05


def work(number: int, milliseconds: float) -> bytes:
    """A part's worth of CPU time, and a result of a few kilobytes."""
    end = time.thread_time() + milliseconds / 1000
    while time.thread_time() < end:
        pass
    return number.to_bytes(4) * (SIDE * SIDE)


Calls = list[Callable[[], bytes]]


def ours(calls: Calls) -> Iterator[bytes]:
    yield from in_order(calls, WORKERS, __name__)


def restarted_executor(calls: Calls) -> Iterator[bytes]:
    """`concurrent.futures`, made anew when a worker dies; what was under way is made again."""
    pool = ProcessPoolExecutor(WORKERS, mp_context=get_context("forkserver"))
    yield from _ahead(calls, lambda: pool, partial(_new_executor, pool))


def _new_executor(pool: ProcessPoolExecutor) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(WORKERS, mp_context=get_context("forkserver"))


def loky(calls: Calls) -> Iterator[bytes]:
    """loky's reusable executor, which is made anew when a worker dies."""
    from loky import get_reusable_executor

    yield from _ahead(
        calls,
        lambda: get_reusable_executor(WORKERS, timeout=600),
        lambda: get_reusable_executor(WORKERS, timeout=600, kill_workers=True),
    )


def pebble(calls: Calls) -> Iterator[bytes]:
    """pebble's pool replaces a dead worker itself; its call is lost, and is made again here."""
    from pebble import ProcessExpired, ProcessPool

    with ProcessPool(WORKERS, context=get_context("forkserver")) as pool:
        begun: deque[tuple[Callable[[], bytes], Any]] = deque()
        fresh = iter(calls)
        while True:
            while len(begun) < AHEAD * WORKERS and (call := next(fresh, None)) is not None:
                begun.append((call, pool.schedule(call)))
            if not begun:
                return
            call, future = begun.popleft()
            try:
                yield future.result()
            except ProcessExpired:
                begun.appendleft((call, pool.schedule(call)))


def _ahead(calls: Calls, first: Callable[[], Any], anew: Callable[[], Any]) -> Iterator[bytes]:
    """A bounded number begun; all of them again where the pool breaks."""
    pool = first()
    begun: deque[tuple[Callable[[], bytes], Any]] = deque()
    fresh = iter(calls)
    while True:
        try:
            while len(begun) < AHEAD * WORKERS and (call := next(fresh, None)) is not None:
                begun.append((call, None))
                begun[-1] = (call, pool.submit(call))
            if not begun:
                pool.shutdown()
                return
            result = begun[0][1].result()
        except Exception as error:
            if not isinstance(error, BrokenProcessPool):
                raise
            pool = anew()
            begun = deque((call, pool.submit(call)) for call, _ in begun)
            continue
        begun.popleft()
        yield result


POOLS = {
    "ours": ours,
    "concurrent.futures, restarted": restarted_executor,
    "loky": loky,
    "pebble": pebble,
}


class Watch(threading.Thread):
    """Notes the memory of all children, and kills one every so often."""

    def __init__(self, kill_every: float | None) -> None:
        super().__init__(daemon=True)
        self.kill_every, self.peak, self.kills, self.over = kill_every, 0, 0, False
        self.rng = random.Random(0)

    def run(self) -> None:
        last = time.monotonic()
        while not self.over:
            time.sleep(POLL_SECONDS)
            children = psutil.Process().children(recursive=True)
            self.peak = max(self.peak, _memory(children))
            if self.kill_every and time.monotonic() - last > self.kill_every:
                workers = [child for child in children if _is_busy(child)]
                if workers:
                    self.rng.choice(workers).kill()
                    self.kills, last = self.kills + 1, time.monotonic()


def _memory(processes: list[psutil.Process]) -> int:
    total = 0
    for process in [psutil.Process(), *processes]:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def _is_busy(process: psutil.Process) -> bool:
    try:
        return process.cpu_times().user > 0.05
    except psutil.Error:
        return False


def measured(name: str, num: int, milliseconds: float, kill_every: float | None) -> str:
    calls: Calls = [partial(work, number, milliseconds) for number in range(num)]
    watch = Watch(kill_every)
    watch.start()
    begun = time.monotonic()
    try:
        results = list(POOLS[name](calls))
        right = [result[:4] for result in results] == [number.to_bytes(4) for number in range(num)]
        outcome = "all, in order" if right else f"{len(results)} of {num}"
    except Exception as error:
        outcome = f"{type(error).__name__}"
    seconds = time.monotonic() - begun
    watch.over = True
    watch.join()
    share = num * milliseconds / 1000 / WORKERS / seconds
    return (
        f"| {name} | {watch.kills} | {outcome} | {seconds:.1f} | {share:.2f} "
        f"| {watch.peak / 1e6:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--milliseconds", type=float, default=100, help="CPU time of a call")
    parser.add_argument("--kill-every", type=float, default=2.0, help="seconds")
    parser.add_argument("--pools", nargs="+", default=list(POOLS))
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print(
        "| pool | kills | results | seconds | of the ideal rate | MB |\n|---|---|---|---|---|---|"
    )
    for name in options.pools:
        for kill_every in (None, options.kill_every):
            print(measured(name, options.calls, options.milliseconds, kill_every), flush=True)
    sys.exit(0)


if __name__ == "__main__":
    main()
