"""Findings kept by content, while processes that use them come and go."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from pipeline.runtime.code_closure import ROOT
from pipeline.runtime.score_store import ScoreStore
from support.rot import flip

# Reads and writes until it is killed; says when it has begun.
USER = """
import sys
from pathlib import Path
from pipeline.runtime.score_store import ScoreStore

store = ScoreStore(Path(sys.argv[1]), "a model")
for number in range(10**9):
    sums = [f"{sys.argv[2]}-{number}-{each}" for each in range(64)]
    assert store.find(sums) == {}
    store.add((each, {"scores": [0.5]}) for each in sums)
    if number == 0:
        print("begun", flush=True)
"""


def start(path: Path, name: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", USER, str(path), str(name)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_another_models_findings_are_not_seen(tmp_path: Path) -> None:
    one, other = (ScoreStore(tmp_path / "scores.sqlite", name) for name in ("one", "other"))
    one.add([("a", {"scores": []})])
    assert one.find(["a", "b"]) == {"a": {"scores": []}} and other.find(["a", "b"]) == {}


def test_kills_lock_nobody_out(tmp_path: Path) -> None:
    """Several use it at once, some are killed in the middle, and the others only wait."""
    path = tmp_path / "scores.sqlite"
    users = [start(path, name) for name in range(3)]
    try:
        for kill in range(6):
            for user in users:
                assert user.stdout is not None and user.stdout.readline() == "begun\n"
            time.sleep(0.05)
            for user in users:
                user.kill()
                user.communicate()
                assert user.returncode == -signal.SIGKILL, "it had not failed before"
            users = [start(path, 3 * kill + name + 3) for name in range(3)]
    finally:
        for user in users:
            user.kill()
            user.communicate()
    assert ScoreStore(path, "a model").find(["0-0-0"]) == {"0-0-0": {"scores": [0.5]}}


def test_a_row_that_has_rotted_is_not_there(tmp_path: Path) -> None:
    path, draws = tmp_path / "scores.sqlite", random.Random(0)
    store = ScoreStore(path, "a model")
    findings: list[tuple[str, dict[str, list[float]]]] = [
        (f"{number:064x}", {"scores": [number / 7]}) for number in range(300)
    ]
    store.add(findings)
    contents, whole = path.read_bytes(), dict(findings)
    num_lost = 0
    for _ in range(60):
        flip(path, draws)
        try:
            found = store.find(list(whole))
        except ValueError as error:
            assert "it is only there to save time" in str(error)
        else:
            assert found.items() <= whole.items()
            num_lost += len(found) < len(whole)
        path.write_bytes(contents)
        path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
    assert num_lost > 10
