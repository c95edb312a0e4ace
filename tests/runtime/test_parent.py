"""A stage ends with the dvc above it, even one that was killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.waiting import wait_for

STAGE = """
import time
from pathlib import Path
from pipeline.runtime.parent import stop_with_dvc
stop_with_dvc()
Path("started").touch()
try:
    time.sleep(60)
except KeyboardInterrupt:
    Path("stopped").touch()
    raise SystemExit(130)
"""

SLOW_BEGIN = """
import os, time
open("begun", "x").close()
while not os.path.exists("dvc is gone"):
    time.sleep(0.05)
"""

# What dvc does: a shell runs the stage.
DVC = "import subprocess, sys; subprocess.run(f'{sys.executable} stage.py; true', shell=True)"


@pytest.mark.parametrize("in_background", [False, True])
def test_a_killed_dvc_takes_its_stage_along(tmp_path: Path, in_background: bool) -> None:
    """Also where a script has started dvc by `dvc repro &`: there SIGINT is ignored."""

    def ignore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    (tmp_path / "stage.py").write_text(STAGE)
    (tmp_path / "dvc").write_text(DVC)
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "dvc", "repro"],
        cwd=tmp_path,
        env=os.environ | {"DVC_STAGE": "crop", "PYTHONPATH": root},
        preexec_fn=ignore if in_background else None,
    )
    wait_for(tmp_path / "started")
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for(tmp_path / "stopped")


def test_a_dvc_that_is_killed_while_its_stage_begins_takes_it_along(tmp_path: Path) -> None:
    """The stage has imported nothing yet, and finds no dvc above it."""
    if "python" in Path("/proc/1/cmdline").read_text():
        pytest.skip("the first process here is Python: it may run DVC as a library")
    (tmp_path / "stage.py").write_text(SLOW_BEGIN + STAGE)
    (tmp_path / "dvc").write_text(DVC.replace("stage.py", "stage.py; echo $? > code"))
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "dvc", "repro"],
        cwd=tmp_path,
        env=os.environ | {"DVC_STAGE": "crop", "PYTHONPATH": root},
    )
    wait_for(tmp_path / "begun")
    process.kill()
    process.wait()
    (tmp_path / "dvc is gone").touch()
    wait_for(tmp_path / "code")
    assert not (tmp_path / "started").exists()
