"""How a training goes, told to the terminal, the live files and the trackers; changes no out."""

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
    """Tells nobody: what all processes but the main one have."""

    def note(self, text: str) -> None:
        """One line for whoever watches."""

    def step(self) -> None:
        """One more step is done."""

    def row(self, row: Row) -> None:
        """A new row of the history."""

    def rolled_back(self, step: int, history: list[Row]) -> None:
        """To an earlier step, whose history it is."""

    def picture(self, path: Path, step: int) -> None:
        """A new sample grid at `path`."""


@dataclass
class MainTrainLogger(TrainLogger):
    """The main process's."""

    facts: Facts
    live: LiveFiles
    trackers: Trackers
    advance: Advance
    background: Background
    at: int  # steps done
    seconds: float  # of training before this run
    notes: list[str] = field(default_factory=list)
    num_new: int = 0  # steps taken in this run
    begun: float = field(default_factory=time.monotonic)

    def note(self, text: str) -> None:
        """See TrainLogger."""
        say(f"train: {text}")
        self.notes.append(text)

    def step(self) -> None:
        """See TrainLogger."""
        self.at += 1
        self.num_new += 1
        self.advance(self.facts.batch_size)

    def row(self, row: Row) -> None:
        """See TrainLogger."""
        self.background.submit(lambda: self.live.add(row))
        self.background.submit(lambda: self.trackers.log(row))
        self.status()

    def rolled_back(self, step: int, history: list[Row]) -> None:
        """See TrainLogger."""
        self.note(f"went back from step {self.at:,} to {step:,}, now with lower learning rates")
        self.advance((step - self.at) * self.facts.batch_size)
        self.at = step
        rows = list(history)
        self.background.submit(lambda: self.live.start(rows))

    def picture(self, path: Path, step: int) -> None:
        """See TrainLogger."""
        self.background.submit(lambda: self.trackers.log_picture("samples", path, step))

    def status(self, state: State = "training") -> None:
        """Where the training stands."""
        facts = self.facts
        elapsed = time.monotonic() - self.begun
        seconds = self.seconds + elapsed
        rate = self.num_new * facts.batch_size / elapsed
        if facts.num_steps is None:
            share, left = seconds / facts.budget_seconds, facts.budget_seconds - seconds
        else:
            share = self.at / facts.num_steps
            left = (facts.num_steps - self.at) * facts.batch_size / rate if rate else 0.0
        status = Status(
            recipe=facts.config["recipe"],
            device=facts.config["device"],
            state=state,
            step=self.at,
            images=self.at * facts.batch_size,
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
        voice = MainTrainLogger(facts, live, opened, advance, background, step, seconds)
        voice.status()
        ended: State = "failed"
        try:
            yield voice
            ended = "done"
        except KeyboardInterrupt:
            ended = "stopped"
            raise
        finally:
            voice.status(ended)
            background.wait()  # the trackers' rows, before they close
