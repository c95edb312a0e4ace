"""Watching a training live in TensorBoard, Weights & Biases or DVCLive; it changes no output.

Hugging Face Accelerate's tracker classes do the logging. All files go to the training's scratch
folder, one subfolder a tracker.
"""

import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.request import urlopen

from torch import nn

from pipeline.runtime.extras import require_extra
from pipeline.runtime.progress import say
from pipeline.tracking.live import Row

# How long W&B's server may take to answer before a training starts.
ANSWER_SECONDS = 30

# How long the end of a training waits for uploads; what is left stays for `wandb sync`.
UPLOAD_SECONDS = 120


class Tracker(Protocol):
    """What the three of Accelerate's classes have in common."""

    tracker: Any  # the library's own object

    def start(self) -> None: ...
    def log(self, values: dict[str, float], step: int) -> None: ...
    def finish(self) -> None: ...


@dataclass(frozen=True)
class Start:
    """Where a training stands when its trackers open."""

    folder: Path
    run_name: str
    step: int  # taken so far: what an earlier process logged after it is void
    config: dict[str, Any]
    networks: Mapping[str, nn.Module]

    def architecture(self) -> dict[str, dict[str, Any]]:
        """Of each network its number of parameters and its layers."""
        return {
            name: {
                "parameters": sum(parameter.numel() for parameter in network.parameters()),
                "layers": str(network),
            }
            for name, network in self.networks.items()
        }


@dataclass
class Trackers:
    """The open trackers by name."""

    running: dict[str, Tracker] = field(default_factory=dict)

    def log(self, row: Row) -> None:
        """The row's columns at its step."""
        values = {name: value for name, value in row.items() if name != "step"}
        self._each(lambda name, tracker: tracker.log(values, step=int(row["step"])))

    def log_image(self, name: str, path: Path, step: int) -> None:
        """The image in the file at `path`."""
        self._each(lambda tracker_name, tracker: IMAGE[tracker_name](tracker, name, path, step))

    def close(self, failed: bool) -> None:
        """Writes what is left; W&B shows a `failed` run as such."""

        def finish(name: str, tracker: Tracker) -> None:
            if name == "wandb" and failed:
                tracker.tracker.finish(exit_code=1)
            else:
                tracker.finish()

        self._each(finish)

    def _each(self, act: Callable[[str, Tracker], None]) -> None:
        for name, tracker in list(self.running.items()):
            try:
                act(name, tracker)
            # Whatever it is (a full disk, a network gone): a training of hours is worth more than
            # its curves in a browser.
            except Exception as error:
                del self.running[name]
                say(f"train: goes on without {name}, which failed: {type(error).__name__}: {error}")


@contextmanager
def open_trackers(
    names: list[str],
    folder: Path,
    *,
    run_name: str,
    step: int,
    config: dict[str, Any],
    networks: Mapping[str, nn.Module],
) -> Iterator[Trackers]:
    """Yields the trackers `names` (tensorboard, wandb, dvclive), closed after the block.

    They write to `folder`/<name> and show `config` (plain values, nested) and the `networks`'
    layers. A training that goes on after `step` steps goes on in the same curves. Without names
    nothing is imported. In a group of processes only the main one may name any.

    Raises ValueError where W&B cannot be reached or has no key.
    """
    start = Start(folder, run_name, step, config, networks)
    trackers = Trackers()
    failed = True
    try:
        for name in names:
            trackers.running[name] = START[name](start)
        yield trackers
        failed = False
    finally:
        trackers.close(failed)


def _start_tensorboard(start: Start) -> Tracker:
    require_extra("trackers", "tensorboard", what="params.yaml runtime.trackers: tensorboard")
    from accelerate.tracking import TensorBoardTracker

    name = "tensorboard"
    is_new = not any((start.folder / name).glob("events.*"))
    tracker: Tracker = TensorBoardTracker(name, start.folder, purge_step=start.step + 1)
    tracker.start()
    if is_new:
        # As texts: TensorBoard's table of hyperparameters would open one more run at each resume.
        config = json.dumps(start.config, indent=2)
        tracker.tracker.add_text("config", f"```\n{config}\n```", 0)
        for network, facts in start.architecture().items():
            text = f"{facts['parameters']:,} parameters\n\n```\n{facts['layers']}\n```"
            tracker.tracker.add_text(f"architecture/{network}", text, 0)
    return tracker


def _start_wandb(start: Start) -> Tracker:
    require_extra("trackers", "wandb", what="params.yaml runtime.trackers: wandb")
    from accelerate.tracking import WandBTracker
    from wandb import Settings
    from wandb.errors import Error

    tracker: Tracker = WandBTracker(
        os.environ.get("WANDB_PROJECT", "scenefill"),
        name=start.run_name,
        dir=start.folder,
        id=_run_id(start),
        # The server's steps only grow: rows that a killed process had sent are not taken again.
        resume="allow",
        config=start.config | {"architecture": start.architecture()},
        settings=Settings(init_timeout=ANSWER_SECONDS, finish_timeout=UPLOAD_SECONDS),
    )
    try:
        _log_in()
        tracker.start()
    except Error as error:
        raise ValueError(
            f"params.yaml runtime.trackers names wandb, but {str(error).rstrip('.')}: set "
            "WANDB_API_KEY and see that the network is up, or set WANDB_MODE=offline to keep the "
            "run on this machine for a later `wandb sync`"
        ) from error
    return tracker


def _log_in() -> None:
    """Finds the server and a key for it; `wandb.init` alone would wait, and ask on the terminal."""
    import wandb
    from wandb.errors import AuthenticationError, CommError

    settings = wandb.setup().settings
    if settings.mode not in ("online", "shared"):
        return
    url = settings.base_url
    try:
        urlopen(url, timeout=ANSWER_SECONDS).close()
    except HTTPError as answer:  # any answer will do
        answer.close()
    except OSError as error:
        raise CommError(f"{url} does not answer ({error})") from error
    # Unverified: after a check that fails, W&B's own process does not always end.
    if not wandb.login(prompt=False, verify=False):
        raise AuthenticationError(f"there is no key for {url}")


def _run_id(start: Start) -> str:
    """The id of the run that a training goes on in; a new one for a training from the start."""
    path = start.folder / "wandb" / "run-id.txt"
    if start.step == 0 or not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(secrets.token_hex(4))
    return path.read_text()


def _start_dvclive(start: Start) -> Tracker:
    from accelerate.tracking import DVCLiveTracker
    from dvclive import Live  # type: ignore[attr-defined]

    class FilesOnly(Live):
        """DVCLive's files, current after every row; it leaves git, DVC and Studio alone."""

        def _init_dvc(self) -> None:
            pass

        def _init_studio(self) -> None:
            self._studio_events_to_skip.update({"start", "data", "done"})

        def next_step(self) -> None:
            """Only the summary: the rest would read all files again and leave marks in .dvc."""
            self.make_summary()  # type: ignore[no-untyped-call]

    folder = start.folder / "dvclive"
    _cut_curves(folder, start.step)
    for name in ("metrics.json", "params.yaml"):  # a kill may have cut them short
        (folder / name).unlink(missing_ok=True)
    # resume keeps the curves and images; the step is set with every row.
    live = FilesOnly(str(folder), resume=True, report=None, save_dvc_exp=False, dvcyaml=False)
    live.log_params(start.config | {"architecture": start.architecture()})
    tracker: Tracker = DVCLiveTracker(live=live)
    tracker.start()
    return tracker


def _cut_curves(folder: Path, step: int) -> None:
    """Takes out what was logged after `step`: DVCLive would append the same points once more."""
    for path in folder.glob("plots/metrics/**/*.tsv"):
        lines = path.read_text().splitlines(keepends=True)
        kept = [line for line in lines[1:] if int(line.split("\t")[0]) <= step]
        path.write_text("".join(lines[:1] + kept))


def _tensorboard_image(tracker: Any, name: str, path: Path, step: int) -> None:
    import numpy as np
    from PIL import Image

    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    tracker.log_images({name: pixels[None]}, step=step, dataformats="NHWC")


def _wandb_image(tracker: Any, name: str, path: Path, step: int) -> None:
    tracker.log_images({name: [str(path)]}, step=step)


def _dvclive_image(tracker: Any, name: str, path: Path, step: int) -> None:
    """A file a step: DVC's viewers show such a folder with a slider."""
    tracker.tracker.log_image(f"{name}/{step}.png", path)


START: dict[str, Callable[[Start], Tracker]] = {
    "tensorboard": _start_tensorboard,
    "wandb": _start_wandb,
    "dvclive": _start_dvclive,
}
IMAGE: dict[str, Callable[[Any, str, Path, int], None]] = {
    "tensorboard": _tensorboard_image,
    "wandb": _wandb_image,
    "dvclive": _dvclive_image,
}
