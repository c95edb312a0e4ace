"""What TensorBoard, W&B and DVCLive are told, read back with their own formats, offline."""

import json
import os
import pty
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch
import wandb
from PIL import Image
from ruamel.yaml import YAML
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray
from torch import nn
from wandb.proto.wandb_internal_pb2 import Record

from pipeline.tracking.trackers import Trackers, open_trackers
from pipeline.training.history import Row

ALL = ["tensorboard", "wandb", "dvclive"]
CONFIG = {"train": {"batch_size": 4, "betas": (0.5, 0.9)}, "options": {"width": 0.25}}
NETWORKS = {"generator": nn.Conv2d(4, 3, 3), "discriminator": nn.Linear(5, 1)}
NUM_PARAMETERS = {"generator": 4 * 3 * 9 + 3, "discriminator": 5 + 1}
UNREACHABLE = "http://127.0.0.1:9"  # discard: nothing listens


def row(step: int, **columns: float) -> Row:
    return {"step": step, "images": 4 * step, "train/fill/mse": 1 / step, **columns}


def opened(names: list[str], folder: Path, step: int = 0) -> AbstractContextManager[Trackers]:
    return open_trackers(
        names, folder, run_name="a-run", step=step, config=CONFIG, networks=NETWORKS
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A training's folder; the working directory and W&B's home are elsewhere, and empty."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    for name in ("cwd", "home", "run"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NETRC", str(tmp_path / "home" / "netrc"))
    monkeypatch.setenv("WANDB_BASE_URL", UNREACHABLE)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("NO_PROXY", "*")
    # The library reads its environment once a session.
    wandb.teardown()
    yield tmp_path / "run"
    wandb.teardown()


class Refusing(BaseHTTPRequestHandler):
    """401 to whatever is asked."""

    def do_GET(self) -> None:
        self.send_response(HTTPStatus.UNAUTHORIZED)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def refusing_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a W&B server that accepts no key."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("WANDB_MODE", "online")
        monkeypatch.setenv("WANDB_BASE_URL", address)
        yield address
        wandb.teardown()
        server.shutdown()
        thread.join()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    Image.fromarray(pixels).save(tmp_path / "grid.png")
    return tmp_path / "grid.png"


def events(folder: Path) -> EventAccumulator:
    found = EventAccumulator(str(folder / "tensorboard"), size_guidance={"images": 0, "tensors": 0})
    return found.Reload()


def scalars(folder: Path, name: str) -> list[tuple[int, float]]:
    """Steps and values as TensorBoard shows them; it keeps values as float32."""
    return [(event.step, event.value) for event in events(folder).Scalars(name)]


def text(folder: Path, name: str) -> str:
    (event,) = events(folder).Tensors(f"{name}/text_summary")
    return str(make_ndarray(event.tensor_proto)[0].decode())


def records(path: Path) -> Iterator[Record]:
    """W&B's transaction log: LevelDB's format, blocks of 32 KiB after a header of 7 bytes."""
    data, at, parts = path.read_bytes(), 7, b""
    assert data[:4] == b":W&B"
    while at < len(data):
        left = 32768 - at % 32768
        if left < 7:  # no room for a chunk's header: padding
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield Record.FromString(parts)
            parts = b""


def runs(folder: Path) -> list[list[Record]]:
    """The records of every session, the oldest first."""
    wandb.teardown()  # waits for its process, which writes the last records after the run's end
    logs = sorted(folder.glob("wandb/offline-run-*/*.wandb"), key=lambda path: path.stat().st_mtime)
    return [list(records(path)) for path in logs]


def values(items: Any) -> dict[str, Any]:
    return {
        ".".join(item.nested_key) or item.key: json.loads(item.value_json)
        for item in items
        if not (item.key or item.nested_key[0]).startswith("_")
    }


def rows(run: list[Record]) -> list[tuple[int, dict[str, Any]]]:
    found = [record.history for record in run if record.HasField("history")]
    return [(history.step.num, values(history.item)) for history in found]


def exit_code(run: list[Record]) -> int:
    (code,) = [record.exit.exit_code for record in run if record.HasField("exit")]
    return int(code)


def test_tensorboard(folder: Path, picture: Path) -> None:
    with opened(["tensorboard"], folder) as trackers:
        trackers.log(row(10))
        trackers.log(row(20, **{"val/hole_l1": 0.25}))
        trackers.log_image("samples", picture, 20)
    assert scalars(folder, "images") == [(10, 40), (20, 80)]
    assert scalars(folder, "train/fill/mse") == [(10, np.float32(0.1)), (20, np.float32(0.05))]
    assert scalars(folder, "val/hole_l1") == [(20, 0.25)]
    assert "step" not in events(folder).Tags()["scalars"]
    (image,) = events(folder).Images("samples")
    assert (image.step, image.width, image.height) == (20, 8, 6)
    assert json.loads(text(folder, "config").strip("`")) == json.loads(json.dumps(CONFIG))
    layers = text(folder, "architecture/generator")
    assert layers.startswith("111 parameters") and str(NETWORKS["generator"]) in layers


def test_tensorboard_shows_no_step_twice(folder: Path, picture: Path) -> None:
    """A process is killed after step 30 and taken up again from its checkpoint of step 20."""
    with opened(["tensorboard"], folder) as trackers:
        for step in (10, 20, 30):
            trackers.log(row(step))
            trackers.log_image("samples", picture, step)
    with opened(["tensorboard"], folder, step=20) as trackers:
        for step in (30, 40):
            trackers.log(row(step))
            trackers.log_image("samples", picture, step)
    assert scalars(folder, "images") == [(10, 40), (20, 80), (30, 120), (40, 160)]
    assert [image.step for image in events(folder).Images("samples")] == [10, 20, 30, 40]
    assert text(folder, "config")  # once: told anew it would be two


def test_wandb_offline(folder: Path, picture: Path, tmp_path: Path) -> None:
    with opened(["wandb"], folder) as trackers:
        trackers.log(row(10))
        trackers.log(row(20, **{"val/hole_l1": 0.25}))
        trackers.log_image("samples", picture, 20)
    (run,) = runs(folder)
    (started,) = [record.run for record in run if record.HasField("run")]
    assert (started.project, started.display_name) == ("scenefill", "a-run")
    config = values(started.config.update)
    architecture = config.pop("architecture")
    assert config == json.loads(json.dumps(CONFIG))
    assert {name: facts["parameters"] for name, facts in architecture.items()} == NUM_PARAMETERS
    assert {name: facts["layers"] for name, facts in architecture.items()} == {
        name: str(network) for name, network in NETWORKS.items()
    }
    (first, second) = rows(run)
    assert first == (10, {"images": 40, "train/fill/mse": 0.1})
    assert second[0] == 20
    assert {name: second[1][name] for name in second[1] if not name.startswith("samples.")} == {
        "images": 80,
        "train/fill/mse": 0.05,
        "val/hole_l1": 0.25,
    }
    (media,) = folder.glob("wandb/offline-run-*/files/media/images/*.png")
    assert media.read_bytes() == picture.read_bytes()
    assert second[1]["samples.filenames"] == [media.relative_to(media.parents[2]).as_posix()]
    summary: dict[str, Any] = {}
    for record in run:
        summary |= values(record.summary.update)
    assert (summary["images"], summary["val/hole_l1"]) == (80, 0.25)
    assert any(record.HasField("stats") for record in run)  # of the machine: CPU, memory, disk
    assert exit_code(run) == 0
    assert list((tmp_path / "cwd").iterdir()) == []
    assert not (tmp_path / "home" / "netrc").exists()


def test_wandb_goes_on_in_the_same_run(folder: Path) -> None:
    for step in (0, 10):
        with opened(["wandb"], folder, step) as trackers:
            trackers.log(row(step + 10))
    started = [record.run for run in runs(folder) for record in run if record.HasField("run")]
    assert len(started) == 2 and started[0].run_id == started[1].run_id
    assert [[step for step, _ in rows(run)] for run in runs(folder)] == [[10], [20]]


def test_wandb_opens_another_run_for_another_start(folder: Path) -> None:
    for _ in range(2):
        with opened(["wandb"], folder):
            pass
    started = [record.run for run in runs(folder) for record in run if record.HasField("run")]
    assert len({run.run_id for run in started}) == 2


def test_wandb_without_a_key_says_what_to_set(refusing_server: str) -> None:
    """And asks nothing, in a terminal too."""
    code = (
        "import pathlib; from pipeline.tracking.trackers import open_trackers\n"
        "manager = open_trackers(['wandb'], pathlib.Path('run'), run_name='a-run', step=0,"
        " config={}, networks={})\n"
        "try: manager.__enter__()\n"
        "except ValueError as error: print('refused:', error)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=end, stdout=end, stderr=end, env=environment
    )
    os.close(end)
    shown = read_all(terminal)
    assert process.wait() == 0
    (line,) = [line for line in shown.splitlines() if "refused:" in line]
    assert f"there is no key for {refusing_server}: set WANDB_API_KEY" in line
    assert "WANDB_MODE=offline" in line


def read_all(terminal: int) -> str:
    """All that is shown until the other end closes, which a terminal reports as an error."""
    shown = b""
    try:
        while data := os.read(terminal, 4096):
            shown += data
            assert b"Enter your choice" not in shown and b"Paste" not in shown, shown.decode()
    except OSError:
        pass
    finally:
        os.close(terminal)
    return shown.decode()


def test_wandb_without_a_network_says_what_to_set(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    with pytest.raises(ValueError, match=f"{UNREACHABLE} .*WANDB_API_KEY.*WANDB_MODE=offline"):
        opened(["wandb"], folder).__enter__()


def test_wandb_with_a_wrong_key_says_what_to_set(
    folder: Path, refusing_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    with pytest.raises(ValueError, match="error 401.*WANDB_API_KEY.*WANDB_MODE=offline"):
        opened(["wandb"], folder).__enter__()


def test_one_that_does_not_open_closes_those_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    trackers = Trackers()
    monkeypatch.setattr("pipeline.tracking.trackers.Trackers", lambda: trackers)
    with pytest.raises(ValueError, match="WANDB_API_KEY"):
        opened(["tensorboard", "wandb"], folder).__enter__()
    assert trackers.running["tensorboard"].tracker.all_writers is None  # closed


def test_dvclive(
    folder: Path, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken up again from step 20 after step 30, in a git repository and under `dvc repro`."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("DVC_STUDIO_TOKEN", "secret")
    before = {path.name for path in tmp_path.iterdir()}
    with opened(["dvclive"], folder) as trackers:
        for step in (10, 20, 30):
            trackers.log(row(step))
            trackers.log_image("samples", picture, step)
    (folder / "dvclive" / "metrics.json").write_text("")  # cut short by a kill
    with opened(["dvclive"], folder, step=20) as trackers:
        trackers.log(row(30))
        trackers.log(row(40))
        # Current while it trains, not only when closed.
        live = json.loads((folder / "dvclive" / "metrics.json").read_text())
    assert live == {"step": 40, "images": 160, "train": {"fill": {"mse": 1 / 40}}}
    curve = (folder / "dvclive" / "plots" / "metrics" / "images.tsv").read_text()
    assert curve == "step\timages\n10\t40\n20\t80\n30\t120\n40\t160\n"
    pictures = sorted((folder / "dvclive" / "plots" / "images" / "samples").iterdir())
    assert [path.name for path in pictures] == ["10.png", "20.png", "30.png"]
    params = YAML(typ="safe").load(folder / "dvclive" / "params.yaml")
    assert params["options"] == CONFIG["options"]
    assert params["architecture"]["generator"]["parameters"] == NUM_PARAMETERS["generator"]
    assert {path.name for path in tmp_path.iterdir()} == before
    assert list((tmp_path / "cwd").iterdir()) == []


def test_all_stay_in_the_folder_and_leave_the_random_numbers_alone(
    folder: Path, picture: Path, tmp_path: Path
) -> None:
    def states() -> list[Any]:
        return [torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()] + [
            random.getstate(),
            torch.get_num_threads(),
            torch.are_deterministic_algorithms_enabled(),
        ]

    before = states()
    with opened(ALL, folder) as trackers:
        trackers.log(row(1))
        trackers.log_image("samples", picture, 1)
        assert sorted(trackers.running) == sorted(ALL)
    assert states() == before
    assert sorted(path.name for path in folder.iterdir()) == sorted(ALL)
    assert list((tmp_path / "cwd").iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_closed_after(error: type[BaseException], folder: Path) -> None:
    with pytest.raises(error):
        with opened(ALL, folder) as trackers:
            trackers.log(row(1))
            raise error
    assert scalars(folder, "images") == [(1, 4)]
    (run,) = runs(folder)
    assert [step for step, _ in rows(run)] == [1]
    assert exit_code(run) == 1
    assert wandb.run is None


def test_a_failing_tracker_is_left_out_with_one_line(
    folder: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened(["dvclive", "tensorboard"], folder) as trackers:
        trackers.log(row(1))
        shutil.rmtree(folder / "dvclive")
        (folder / "dvclive").write_text("in the way")
        trackers.log(row(2))
        trackers.log(row(3))
        trackers.log_image("samples", picture, 3)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("train: goes on without dvclive, which failed: ")
    assert scalars(folder, "images") == [(1, 4), (2, 8), (3, 12)]
    assert len(events(folder).Images("samples")) == 1


def test_no_names_import_nothing() -> None:
    code = (
        "import pathlib, sys; from pipeline.tracking.trackers import open_trackers\n"
        "with open_trackers([], pathlib.Path('nowhere'), run_name='', step=0, config={},"
        " networks={}) as trackers:\n"
        "    trackers.log({'step': 1, 'images': 4})\n"
        "    trackers.log_image('samples', pathlib.Path('nowhere.png'), 1)\n"
        "print(*sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert {"accelerate", "tensorboard", "wandb"}.isdisjoint(run.stdout.split())
    assert not Path("nowhere").exists()
