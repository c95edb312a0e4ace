"""The command as a user has it: in a terminal, in a pipe, beside a training of another process."""

import fcntl
import io
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.commands.watch import ASCII_BLOCKS, BLOCKS, MAX_POINTS, frame, sparkline
from pipeline.runtime.code_closure import ROOT
from pipeline.tracking.live import Live, LiveFiles, Status, read_live

# Far more than any step takes: only a program that hangs meets it.
PATIENCE = 60.0  # seconds

Rows = list[dict[str, float]]


@pytest.fixture(autouse=True)
def project(tmp_path: Path) -> None:
    """The folder is a project."""
    shutil.copy(ROOT / "dvc.yaml", tmp_path)


# Trains when told to: a line on its stdin is the state to show after one more row.
TRAINING = """
import sys
from pathlib import Path
from pipeline.tracking.live import LiveFiles, Status

folder = Path(".work/train/0123456789abcdef")
folder.mkdir(parents=True)
files = LiveFiles(folder)
files.start([])
for step, line in enumerate(sys.stdin, start=1):
    files.add({"step": step, "images": 8 * step, "train/mse/mse": 1 / step})
    files.status(
        Status(
            recipe="ganscape", device="cpu", state=line.strip(), step=step, images=8 * step,
            budget="80 images", share_done=step / 10, images_per_second=4.0,
            seconds_left=2.0 * (10 - step), weights={"mse": {"mse": 1.0}},
        )
    )
"""


def status(**changes: Any) -> Status:
    values: dict[str, Any] = {
        "recipe": "ganscape",
        "device": "cpu",
        "state": "training",
        "step": 1500,
        "images": 24000,
        "budget": "48000 images",
        "share_done": 0.5,
        "images_per_second": 251.6,
        "seconds_left": 95.4,
        "weights": {"mse": {"mse": 1.0}, "discriminator": {"real": 1.0}},
        "notes": ["torch.compile is off: there is no compiler", "rolled back to step 1200"],
    }
    return Status(**values | changes)


def rows(num: int, **changes: float) -> Rows:
    """A falling loss; a validation every other row."""
    history: Rows = []
    for number in range(1, num + 1):
        row = {"step": 50.0 * number, "images": 800.0 * number, "train/mse/mse": 1 / number}
        if number % 2 == 0:
            row["val/hole_l1"] = 0.5 / number
        history.append(row | changes)
    return history


def environment(**changes: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("DVC_ROOT", "COLUMNS", "LINES")}
    return kept | {"PYTHONPATH": str(ROOT), "TERM": "xterm"} | changes


def in_a_pipe(folder: Path, *options: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "pipeline", "watch", *options]
    run = subprocess.run(
        command,
        cwd=folder,
        env=environment(COLUMNS="100"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
    )
    assert run.returncode == code, run.stdout
    return run.stdout


class Terminal:
    """`scenefill watch` in a terminal of its own."""

    def __init__(self, folder: Path) -> None:
        self.screen, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("4H", 40, 100, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "watch"],
            cwd=folder,
            env=environment(),
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
        )
        os.close(inside)
        self.output = b""
        self.seen = 0  # of its bytes

    @property
    def shown(self) -> str:
        """All of the output as plain text."""
        return plain(self.output)

    def wait_for(self, *words: str) -> None:
        """Reads until all `words` were shown since the last call."""
        until = time.monotonic() + PATIENCE
        while not all(word in plain(self.output[self.seen :]) for word in words):
            assert self._read(), f"it has ended without {words}: {self.shown!r}"
            assert time.monotonic() < until, f"it does not show {words}: {self.shown!r}"
        self.seen = len(self.output)

    def leave(self) -> int:
        """Reads all that is still to be shown; the exit code."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.screen)

    def _read(self) -> bool:
        """Takes in some more output; false at its end."""
        ready, _, _ = select.select([self.screen], [], [], PATIENCE)
        assert ready, f"it shows nothing more and does not end: {self.shown!r}"
        try:
            part = os.read(self.screen, 65536)
        except OSError:  # Linux' way to say that nobody holds the other side
            return False
        self.output += part
        return bool(part)


def plain(output: bytes) -> str:
    """Without what moves the cursor and colours the text."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.decode(errors="replace"))


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[[], Terminal]]:
    """Opens terminals in tmp_path."""
    opened: list[Terminal] = []

    def opener() -> Terminal:
        opened.append(Terminal(tmp_path))
        return opened[-1]

    yield opener
    for each in opened:
        each.close()


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Takes one step of a training in another process and ends it in a state; `kill` kills it."""
    command = [sys.executable, "-c", TRAINING]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdin=subprocess.PIPE, text=True
    ) as process:

        def step(state: str) -> None:
            if state == "kill":
                process.kill()
                return
            assert process.stdin is not None
            process.stdin.write(state + "\n")
            process.stdin.flush()

        yield step
        process.kill()


def test_follows_a_training_from_before_its_start_to_its_end(
    terminal: Callable[[], Terminal], training: Callable[[str], None]
) -> None:
    screen = terminal()
    screen.wait_for("no training has begun in .work/train", "Ctrl-C leaves")
    training("training")
    screen.wait_for("ganscape on cpu: training", "10%, 0:00:18 left", "step 1, 8 images")
    training("training")
    screen.wait_for("20%, 0:00:16 left", "step 2, 16 images", "train/mse/mse", "0.5  █▁")
    training("training")
    screen.wait_for(
        "(budget: 80 images), 4 images/s", "Not judged: 0 of 3 validations", "0.3333  █▃▁"
    )
    training("done")
    assert screen.leave() == 0
    last = screen.shown[screen.shown.rindex("ganscape on cpu") :]
    assert last.startswith("ganscape on cpu: done")
    assert "step 4, 32 images" in last


@pytest.mark.parametrize("state", ["stopped", "failed"])
def test_leaves_with_a_run_that_ends_early(
    terminal: Callable[[], Terminal], training: Callable[[str], None], state: str
) -> None:
    training("training")
    screen = terminal()
    screen.wait_for("ganscape on cpu: training")
    training(state)
    assert screen.leave() == 0
    assert f"ganscape on cpu: {state}" in screen.shown


def test_notices_a_killed_run(
    terminal: Callable[[], Terminal], training: Callable[[str], None]
) -> None:
    training("training")
    screen = terminal()
    screen.wait_for("ganscape on cpu: training")
    training("kill")
    assert screen.leave() == 0
    assert "ganscape on cpu: killed" in screen.shown


def test_ctrl_c_leaves_silently(
    terminal: Callable[[], Terminal], training: Callable[[str], None]
) -> None:
    waiting = terminal()
    waiting.wait_for("no training has begun")
    waiting.process.send_signal(signal.SIGINT)
    assert waiting.leave() == 0
    training("training")
    watching = terminal()
    watching.wait_for("ganscape on cpu: training")
    watching.process.send_signal(signal.SIGINT)
    assert watching.leave() == 0
    for screen in (waiting, watching):
        assert not re.search("Traceback|Abort|Interrupt|error", screen.shown)


def test_one_frame_in_a_pipe(tmp_path: Path) -> None:
    folder = tmp_path / ".work/train/0123456789abcdef"
    folder.mkdir(parents=True)
    files = LiveFiles(folder)
    files.start(rows(60, **{"train/nonfinite_updates": 0.0}))
    files.status(status())
    output = in_a_pipe(tmp_path, "--once")
    assert output == in_a_pipe(tmp_path)
    head, bar, counts, health, loss, _, figure, *notes = output.splitlines()
    assert head == "ganscape on cpu: training"
    assert re.fullmatch(r"━+╸? +50%, 0:01:35 left *", bar)
    assert counts == "step 1,500, 24,000 images (budget: 48000 images), 252 images/s"
    assert health == "No verdict against it in 60 rows and 30 validations."
    assert re.fullmatch(rf"train/mse/mse +0\.01667  [{BLOCKS}]{{{MAX_POINTS}}} *", loss)
    assert re.fullmatch(rf"val/hole_l1 +0\.008333  [{BLOCKS}]{{30}} *", figure)
    assert notes == ["torch.compile is off: there is no compiler", "rolled back to step 1200"]


def test_nothing_to_show_in_a_pipe(tmp_path: Path) -> None:
    output = in_a_pipe(tmp_path, code=1)
    assert "error: no training has begun in .work/train: start one with `dvc repro`" in output
    assert "Traceback" not in output
    assert in_a_pipe(tmp_path, "--once", code=1) == output


def drawn(live: Live, width: int = 100, encoding: str = "utf-8") -> list[str]:
    """The frame's lines on a terminal of `width` characters."""
    buffer = io.BytesIO()
    with io.TextIOWrapper(buffer, encoding=encoding) as file:
        console = Console(file=file, width=width, highlight=False)
        console.print(frame(live, console))
        file.flush()
        return buffer.getvalue().decode(encoding).splitlines()


def test_verdicts_stand_above_the_figures() -> None:
    accuracy = {"train/discriminator/accuracy": 1.0, "val/diversity": 0.1}
    lines = drawn(Live(status(), rows(9, **accuracy)), width=300)
    assert lines[3].startswith(
        "discriminator_saturated since step 50: train/discriminator/accuracy is 1.000"
    )
    assert lines[4].startswith("mode_collapse since step 50: val/diversity is 0.10")
    assert lines[5].startswith("Not judged: 9 of 10 rows (discriminator_blind); 0 of 3 rows")
    assert lines[6].startswith("train/mse/mse")
    assert not any("No verdict" in line or "No other verdict" in line for line in lines)


def test_a_young_training_is_not_judged() -> None:
    lines = drawn(Live(status(), rows(4, **{"val/diversity": 0.9})), width=300)
    assert lines[3].strip() == (
        "Not judged: 2 of 3 validations (diverging); 0 of 3 rows (diverging). "
        "No other verdict against it in 4 rows and 4 validations."
    )


def test_what_is_not_known_yet_is_left_out() -> None:
    early = status(images_per_second=None, seconds_left=None, share_done=0.0, notes=[])
    lines = drawn(Live(early, []))
    assert [line.strip() for line in lines if line.strip()] == [
        "ganscape on cpu: training",
        "0%",
        "step 1,500, 24,000 images (budget: 48000 images)",
        "no figures yet",
    ]


@pytest.mark.parametrize("width", [20, 40, 79, 200])
def test_every_line_fits(width: int) -> None:
    lines = drawn(Live(status(), rows(60, **{"train/discriminator/accuracy": 1.0})), width)
    assert len(lines) >= 8
    assert max(map(len, lines)) <= width


def test_a_terminal_without_unicode() -> None:
    lines = drawn(Live(status(), rows(60)), encoding="ascii")
    (loss,) = (line for line in lines if line.startswith("train/mse/mse"))
    assert re.fullmatch(r"train/mse/mse +0\.01667  [_.:\-=+*#]{40} *", loss)


def test_groups_are_kept_together() -> None:
    history = [{"step": 1.0, "val/b": 1.0, "train/a/a": 1.0}, {"step": 2.0, "train/c/c": 1.0}]
    lines = drawn(Live(status(notes=[]), history), width=300)
    names = [line.split()[0] for line in lines[4:]]
    assert names == ["train/a/a", "train/c/c", "val/b"]


def test_sparklines() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == BLOCKS
    assert sparkline([7, 0, 7]) == "█▁█"
    assert len(set(sparkline([3, 3, 3]))) == 1
    assert sparkline([float("nan"), 0, float("inf"), 1]) == " ▁ █"
    assert sparkline([float("nan")]) == " "
    assert sparkline([]) == ""
    assert sparkline([0, 1], ASCII_BLOCKS) == "_#"


def test_read_live_gives_what_a_frame_takes(tmp_path: Path) -> None:
    files = LiveFiles(tmp_path)
    files.start(rows(3))
    files.status(status())
    assert drawn(read_live(tmp_path)) == drawn(Live(status(), rows(3)))


def test_no_torch() -> None:
    names = "{'torch', 'numpy', 'pandas'} & set(sys.modules)"
    code = f"import sys, pipeline.commands.watch; print({names})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
