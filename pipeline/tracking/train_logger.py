"""The logger of a training: to the terminal, the live files and the trackers; changes no output."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from torch import nn

from pipeline.runtime.background import Background
from pipeline.runtime.progress import Advance, progress, say
from pipeline.tracking.live import LiveFiles, Row, Status
from pipeline.tracking.trackers import Trackers, open_trackers

State = Literal["training", "stopped", "done", "failed"]


@dataclass(frozen=True)
class Facts:
    """What does not change while a training runs."""

    config: dict[str, Any]  # as config.json has it
    networks: Mapping[str, nn.Module]
    weights: dict[str, dict[str, float]]  # update -> term -> weight in its loss
    num_steps: int | None  # of the budget; None: minutes count
    budget_seconds: float  # of training; without end where steps count

    @property
    def batch_size(self) -> int:
        """Photos a step."""
        return int(self.config["train"]["batch_size"])


@dataclass
class TrainLogger:
    """Logs nothing: what all processes but the main one have."""

    def info(self, text: str) -> None:
        """One line of text."""

    def step(self) -> None:
        """One more step was taken."""

    def metrics(self, row: Row) -> None:
        """A new row of the history."""

    def rolled_back(self, step: int, history: list[Row]) -> None:
        """The training is back at an earlier step, whose history it is."""

    def image(self, path: Path, step: int) -> None:
        """A new sample grid at `path`."""


@dataclass
class MainTrainLogger(TrainLogger):
    """The main process's."""

    facts: Facts
    live: LiveFiles
    trackers: Trackers
    advance: Advance
    background: Background
    at_step: int  # taken so far
    seconds: float  # of training before this run
    notes: list[str] = field(default_factory=list)
    num_new: int = 0  # steps taken in this run
    started: float = field(default_factory=time.monotonic)

    def info(self, text: str) -> None:
        """See TrainLogger."""
        say(f"train: {text}")
        self.notes.append(text)

    def step(self) -> None:
        """See TrainLogger."""
        self.at_step += 1
        self.num_new += 1
        self.advance(self.facts.batch_size)

    def metrics(self, row: Row) -> None:
        """See TrainLogger."""
        self.background.submit(lambda: self.live.add(row))
        self.background.submit(lambda: self.trackers.log(row))
        self.status()

    def rolled_back(self, step: int, history: list[Row]) -> None:
        """See TrainLogger."""
        self.info(f"rolled back from step {self.at_step:,} to {step:,}, learning rates lowered")
        self.advance((step - self.at_step) * self.facts.batch_size)
        self.at_step = step
        rows = list(history)
        self.background.submit(lambda: self.live.start(rows))

    def image(self, path: Path, step: int) -> None:
        """See TrainLogger."""
        self.background.submit(lambda: self.trackers.log_image("samples", path, step))

    def status(self, state: State = "training") -> None:
        """Where the training stands."""
        facts = self.facts
        elapsed = time.monotonic() - self.started
        seconds = self.seconds + elapsed
        rate = self.num_new * facts.batch_size / elapsed
        if facts.num_steps is None:
            share, left = seconds / facts.budget_seconds, facts.budget_seconds - seconds
        else:
            share = self.at_step / facts.num_steps
            left = (facts.num_steps - self.at_step) * facts.batch_size / rate if rate else 0.0
        status = Status(
            recipe=facts.config["recipe"],
            device=facts.config["device"],
            state=state,
            step=self.at_step,
            images=self.at_step * facts.batch_size,
            budget=facts.config["train"]["budget"],
            share_done=min(share, 1.0),
            images_per_second=rate or None,
            seconds_left=max(left, 0.0) if rate else None,
            weights=facts.weights,
            notes=list(self.notes),
        )
        self.background.submit(lambda: self.live.status(status))


@contextmanager
def train_logger(
    facts: Facts,
    folder: Path,
    trackers: Sequence[str],
    *,
    step: int,
    seconds: float,
    history: list[Row],
    background: Background,
) -> Iterator[TrainLogger]:
    """Yields the main process's, for a training that goes on after `step` steps."""
    live = LiveFiles(folder)
    live.start(history)
    total = None if facts.num_steps is None else (facts.num_steps - step) * facts.batch_size
    with (
        open_trackers(
            list(trackers),
            folder,
            run_name=facts.config["recipe"],
            step=step,
            config=facts.config,
            networks=facts.networks,
        ) as opened,
        progress("train", total, "images") as advance,
    ):
        logger = MainTrainLogger(facts, live, opened, advance, background, step, seconds)
        logger.status()
        ended: State = "failed"
        try:
            yield logger
            ended = "done"
        except KeyboardInterrupt:
            ended = "stopped"
            raise
        finally:
            logger.status(ended)
            background.wait()  # the trackers' rows, before they close
