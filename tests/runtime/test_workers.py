"""The worker model: order, bounds, errors, and workers that die."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psutil
import pytest

from pipeline.runtime.workers import AHEAD, MAX_DEATHS, PART_SUMS, in_order, run_parts
from support import engine_calls
from support.rot import flip
from support.waiting import wait_for


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_results_come_in_the_order_of_the_calls(workers: int) -> None:
    calls = [partial(engine_calls.square, number) for number in range(20)]
    assert list(in_order(calls, workers)) == [number**2 for number in range(20)]
    assert list(in_order([], workers)) == []
    assert multiprocessing.active_children() == []


def test_the_work_is_shared_and_workers_are_kept() -> None:
    pids = set(in_order([engine_calls.pid] * 40, 2))
    assert os.getpid() not in pids and len(pids) <= 2
    assert set(in_order([engine_calls.pid] * 3, 1)) == {os.getpid()}


@pytest.mark.parametrize("workers", [1, 3])
def test_no_more_is_begun_than_a_few_results_ahead(workers: int) -> None:
    begun = 0

    def calls() -> Iterator[partial[int]]:
        nonlocal begun
        for number in range(50):
            begun += 1
            yield partial(engine_calls.square, number)

    for taken, _ in enumerate(in_order(calls(), workers)):
        assert begun <= taken + AHEAD * workers


def test_a_killed_workers_call_is_made_again(tmp_path: Path) -> None:
    calls = [partial(engine_calls.die_until, tmp_path, MAX_DEATHS - 1, n) for n in range(10)]
    assert list(in_order(calls, 2)) == list(range(10))
    assert len(list(tmp_path.iterdir())) == MAX_DEATHS - 1


def test_a_server_killed_while_it_forks_a_worker_is_replaced() -> None:
    """The process that forks the workers is as mortal as they are."""
    calls = [partial(engine_calls.square, number) for number in range(4)]
    list(in_order(calls, 2))
    (server,) = (
        child for child in psutil.Process().children() if "forkserver" in " ".join(child.cmdline())
    )
    server.suspend()
    with ThreadPoolExecutor() as pool:
        results = pool.submit(lambda: list(in_order(calls, 2)))
        time.sleep(0.5)
        assert not results.done(), "it waits for the server"
        server.kill()
        assert results.result(timeout=60) == [0, 1, 4, 9]


def test_a_call_that_always_kills_is_an_error_and_no_hang(tmp_path: Path) -> None:
    calls = [partial(engine_calls.die_until, tmp_path, 99, 0)]
    with pytest.raises(ValueError, match=r"died .*SIGKILL.*runtime\.workers"):
        list(in_order(calls, 2))
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_names_the_photo_and_ends_all(workers: int) -> None:
    calls: list[Callable[[], object]] = [partial(engine_calls.square, n) for n in range(5)]
    calls.insert(2, partial(engine_calls.fail_at_photo, "data_256/a/0.jpg"))
    with pytest.raises(KeyError, match="seven") as caught:
        list(in_order(calls, workers))
    assert caught.value.__notes__ == ["at the photo data_256/a/0.jpg (key the-key)"]
    if workers > 1:
        assert "fail_at_photo" in str(caught.value.__cause__), "the worker's own traceback"
    assert multiprocessing.active_children() == []


def test_an_error_that_cannot_be_sent_comes_in_words() -> None:
    with pytest.raises(RuntimeError, match="UnsendableError: 7 of 8") as caught:
        list(in_order([engine_calls.fail_unsendably] * 3, 2))
    assert caught.value.__notes__ == ["at the photo 7"]


def test_leaving_early_ends_the_workers() -> None:
    results = in_order([partial(engine_calls.square, n) for n in range(100)], 2)
    assert next(results) == 0
    results.close()
    assert multiprocessing.active_children() == []


STAGE = """
from functools import partial
from pathlib import Path
from support.engine_calls import wait_and_touch
from pipeline.runtime.workers import in_order
if __name__ == "__main__":
    list(in_order([partial(wait_and_touch, Path("started"), Path("ended"))] * 2, 2))
"""


def test_workers_die_with_the_stage(tmp_path: Path) -> None:
    """SIGKILL leaves the stage no time to stop them."""
    (tmp_path / "stage.py").write_text(STAGE)
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), str(root / "tests")])
    process = subprocess.Popen(
        [sys.executable, "stage.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        start_new_session=True,
        stderr=subprocess.PIPE,
    )
    wait_for(tmp_path / "started")
    process.send_signal(signal.SIGKILL)
    # The workers hold the other end of the pipe: this ends when the last of them has.
    process.communicate(timeout=30)
    assert not (tmp_path / "ended").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_finished_parts_are_not_made_again(workers: int, tmp_path: Path) -> None:
    made, parts = tmp_path / "made", tmp_path / "parts"
    plan = {name: partial(engine_calls.part, name, made) for name in ("a", "b", "c")}
    done: list[int] = []
    run_parts(parts, [("b", plan["b"])], done.append, workers)
    (parts / "c.1234.tmp").mkdir()
    folders = run_parts(parts, plan.items(), done.append, workers)
    assert sorted(made.read_text().split()) == ["a", "b", "c"] and done == [3, 3, 3]
    assert [(folder / "data").read_text() for folder in folders] == ["a", "b", "c"]
    assert sorted(path.name for path in parts.iterdir()) == ["a", "b", "c"]


def test_a_finished_part_that_rots_is_made_again(tmp_path: Path) -> None:
    """Its own file, and the list of its sums; the other parts stay."""
    made, parts = tmp_path / "made", tmp_path / "parts"
    plan = [(name, partial(engine_calls.part, name, made)) for name in ("a", "b", "c")]
    run_parts(parts, plan, lambda num: None, 1)
    flip(parts / "a/data", random.Random(0))
    flip(parts / "b" / PART_SUMS, random.Random(0))
    folders = run_parts(parts, plan, lambda num: None, 1)
    assert made.read_text().split() == ["a", "b", "c", "a", "b"]
    assert [(folder / "data").read_text() for folder in folders] == ["a", "b", "c"]


def test_an_interrupted_part_is_no_part(tmp_path: Path) -> None:
    plan = [("a", partial(engine_calls.part, "a", tmp_path / "made"))]
    with pytest.raises(KeyboardInterrupt):
        run_parts(tmp_path / "parts", [*plan, ("b", engine_calls.broken_part)], print, 1)
    assert [path.is_dir() for path in (tmp_path / "parts/a", tmp_path / "parts/b")] == [True, False]


def test_a_part_whose_worker_is_killed_is_made_whole(tmp_path: Path) -> None:
    make = partial(engine_calls.part_that_dies_once, tmp_path / "mark")
    (folder,) = run_parts(tmp_path / "parts", [("a", make)], lambda num: None, 2)
    assert (tmp_path / "mark").exists() and (folder / "data").read_text() == "whole"
