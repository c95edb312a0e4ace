import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.tracking.live import MAX_NOTES, ROWS, STATUS, LiveFiles, Status, newest, read_live

ROW: dict[str, float] = {"step": 50, "images": 800, "train/mse/mse": 0.1 + 0.2}
LATER: dict[str, float] = {"step": 100, "images": 1600, "val/hole_l1": 1e-9}


def status(**changes: Any) -> Status:
    values: dict[str, Any] = {
        "recipe": "ganscape",
        "device": "cpu",
        "state": "training",
        "step": 50,
        "images": 800,
        "budget": "48000 images",
        "share_done": 1 / 60,
        "images_per_second": 251.5,
        "seconds_left": None,
        "weights": {"joint": {"mse": 1.0, "adversarial": 0.003}},
        "notes": ["précision: fp32"],
    }
    return Status(**values | changes)


def folder_of(work_dir: Path, digit: str) -> Path:
    folder = work_dir / "train" / (digit * 16)
    folder.mkdir(parents=True)
    return folder


def test_what_is_written_is_read(tmp_path: Path) -> None:
    files = LiveFiles(tmp_path)
    files.start([ROW])
    files.status(status())
    files.add(LATER)
    live = read_live(tmp_path)
    assert live.rows == [ROW, LATER]
    assert live.status == status()
    assert live.status.pid == os.getpid()
    assert sorted(path.name for path in tmp_path.iterdir()) == [ROWS, STATUS]


def test_start_leaves_nothing_of_a_killed_run(tmp_path: Path) -> None:
    files = LiveFiles(tmp_path)
    files.status(status())
    files.start([ROW, LATER])
    (tmp_path / ROWS).write_text(json.dumps(ROW) + '\n{"step": 10', encoding="utf-8")
    files.start([ROW])
    files.add(LATER)
    assert read_live(tmp_path).rows == [ROW, LATER]
    files.start([])
    assert read_live(tmp_path).rows == []


def test_a_last_line_is_read_once_it_is_whole(tmp_path: Path) -> None:
    files = LiveFiles(tmp_path)
    files.status(status())
    files.start([ROW])
    line = json.dumps(LATER) + "\n"
    for end in range(len(line)):
        (tmp_path / ROWS).write_text(json.dumps(ROW) + "\n" + line[:end], encoding="utf-8")
        assert read_live(tmp_path).rows == [ROW]
    (tmp_path / ROWS).write_text(json.dumps(ROW) + "\n" + line, encoding="utf-8")
    assert read_live(tmp_path).rows == [ROW, LATER]


@pytest.mark.parametrize("name", [STATUS, ROWS])
def test_what_a_full_disk_cut_is_told(tmp_path: Path, name: str) -> None:
    files = LiveFiles(tmp_path)
    files.start([{"step": 1.0}, {"step": 2.0}])
    files.status(status())
    path = tmp_path / name
    path.write_text(path.read_text()[:-7] + "\n")
    with pytest.raises(ValueError, match=f"{name} is damaged .*: `dvc repro` goes on with"):
        read_live(tmp_path)


def test_a_status_is_replaced_whole(tmp_path: Path) -> None:
    """A reader that holds the former file open still reads all of it."""
    files = LiveFiles(tmp_path)
    files.status(status(step=1))
    with (tmp_path / STATUS).open() as former:
        files.status(status(step=2))
        assert json.load(former)["step"] == 1
    assert json.loads((tmp_path / STATUS).read_text())["step"] == 2


def test_the_newest_notes_stay(tmp_path: Path) -> None:
    files = LiveFiles(tmp_path)
    files.start([])
    files.status(status(notes=[f"note {number}" for number in range(MAX_NOTES + 5)]))
    notes = read_live(tmp_path).status.notes
    assert notes == [f"note {number}" for number in range(5, MAX_NOTES + 5)]


def test_the_newest_run_is_that_whose_status_changed_last(tmp_path: Path) -> None:
    assert newest(tmp_path) is None
    first, second = folder_of(tmp_path, "a"), folder_of(tmp_path, "b")
    assert newest(tmp_path) is None
    for folder, seconds in ((first, 200), (second, 100)):
        LiveFiles(folder).status(status())
        os.utime(folder / STATUS, (seconds, seconds))
    assert newest(tmp_path) == first
    os.utime(second / STATUS, (300, 300))
    assert newest(tmp_path) == second
    LiveFiles(first).add(ROW)
    assert newest(tmp_path) == second


@pytest.fixture
def sleeper() -> Any:
    """A process that waits for its end."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def read_state(folder: Path, changed: Status) -> str:
    files = LiveFiles(folder)
    files.start([])
    files.status(changed)
    return read_live(folder).status.state


def test_a_run_whose_process_is_gone_was_killed(tmp_path: Path, sleeper: Any) -> None:
    start = psutil.Process(sleeper.pid).create_time()
    running = status(pid=sleeper.pid, pid_start=start)
    assert read_state(tmp_path, running) == "training"
    sleeper.kill()
    while psutil.Process(sleeper.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    assert read_state(tmp_path, running) == "killed"  # before its parent has noticed
    sleeper.wait()
    assert read_state(tmp_path, running) == "killed"
    assert json.loads((tmp_path / STATUS).read_text())["state"] == "training"


@pytest.mark.parametrize("state", ["stopped", "done", "failed"])
def test_a_run_that_has_ended_was_not_killed(tmp_path: Path, sleeper: Any, state: str) -> None:
    ended = status(pid=sleeper.pid, pid_start=0.0, state=state)
    assert read_state(tmp_path, ended) == state


def test_another_process_of_the_same_number_is_not_the_run(tmp_path: Path, sleeper: Any) -> None:
    start = psutil.Process(sleeper.pid).create_time()
    reused = status(pid=sleeper.pid, pid_start=start - 60)
    assert read_state(tmp_path, reused) == "killed"


def test_of_another_machine_nothing_is_known(tmp_path: Path) -> None:
    away = replace(status(), host="elsewhere.example", pid_start=0.0)
    assert read_state(tmp_path, away) == "training"


def test_a_status_of_another_version_is_refused(tmp_path: Path) -> None:
    files = LiveFiles(tmp_path)
    files.start([])
    files.status(status())
    values = json.loads((tmp_path / STATUS).read_text())
    del values["weights"]
    (tmp_path / STATUS).write_text(json.dumps(values))
    with pytest.raises(ValueError, match=r"another version.*scenefill clean"):
        read_live(tmp_path)


def test_live_files_take_nothing_but_psutil() -> None:
    """No out depends on this file, so that it may pull in none that an out depends on."""
    names = "n for n in sys.modules if n.startswith('pipeline')"
    code = f"import sys, pipeline.tracking.live; print(*({names}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["pipeline", "pipeline.tracking", "pipeline.tracking.live"]
