"""All that a training has reached: what a checkpoint holds, resumes from and rolls back to."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from models.recipe import Batch, Recipe, Sums
from pipeline.params.train import TrainParams
from pipeline.tracking.live import Row
from pipeline.training import checkpoint
from pipeline.training.budget import Budget
from pipeline.training.ema import EMA
from pipeline.training.loss_sums import LossSums, Nonfinite, add_sums, means
from pipeline.training.processes import Processes
from pipeline.training.selection import Selection
from pipeline.training.update_step import update_step

# An update with a non-finite loss or gradient is skipped. After more than MAX_SKIPPED of them
# between two checkpoints the training has diverged: it rolls back to the last good checkpoint and
# goes on from there with its learning rates multiplied by RATE_FACTOR. After MAX_ROLLBACKS it
# gives up.
MAX_SKIPPED = 10
RATE_FACTOR = 0.5
MAX_ROLLBACKS = 3


@dataclass
class Position:
    """How far the training has come, beside its weights."""

    step: int = 0
    seconds: float = 0.0  # spent training
    loss_sums: LossSums = field(default_factory=LossSums)  # since the last sync, on the device
    window: Sums = field(default_factory=dict)  # since the last row of the history
    history: list[Row] = field(default_factory=list)
    skipped_in_window: int = 0  # updates, since the last row
    num_skipped: int = 0  # updates, since the last checkpoint
    good_step: int = 0  # of the last good checkpoint
    num_rollbacks: int = 0
    ended: str = ""  # the budget that ended here

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values."""
        return {**vars(self), "loss_sums": self.loss_sums.state_dict()}

    @classmethod
    def from_state_dict(cls, values: dict[str, Any]) -> "Position":
        """The inverse of `state_dict`."""
        loss_sums = LossSums()
        loss_sums.load_state_dict(values["loss_sums"])
        return cls(**{**values, "loss_sums": loss_sums})


@dataclass(frozen=True)
class Due:
    """What comes after a step."""

    sync: bool  # of host and device; true with each of the others
    row: bool  # of the history
    validation: bool
    checkpoint: bool


@dataclass
class TrainState:
    """A recipe in training."""

    recipe: Recipe
    ema: EMA  # of the generator
    params: TrainParams
    processes: Processes
    num_steps: int | None  # of the budget; None where minutes count
    folder: Path  # of the checkpoints
    selection: Selection
    position: Position = field(default_factory=Position)
    clock: float = field(default_factory=time.monotonic)  # when `position.seconds` was right

    def __post_init__(self) -> None:
        for group in self._groups():
            group.setdefault("initial_lr", group["lr"])  # torch's schedulers call it so too

    def _groups(self) -> Iterator[dict[str, Any]]:
        """Of parameters, with the learning rate of each."""
        for optimizer in self.recipe.optimizers.values():
            yield from optimizer.param_groups

    @property
    def loss_weights(self) -> dict[str, dict[str, float]]:
        """Update -> term -> weight in its loss."""
        return {name: dict(update.weights) for name, update in self.recipe.updates.items()}

    @property
    def num_images(self) -> int:
        """Seen so far, over all processes."""
        return self.position.step * self.params.batch_size

    # Steps

    @property
    def spent(self) -> float:
        """Share of the budget; of minutes, as the last sync had it."""
        if self.num_steps is not None:
            return self.position.step / self.num_steps
        return self.position.seconds / Budget.parse(self.params.budget).seconds

    def train_step(self, parts: Sequence[Batch], amp_dtype: torch.dtype | None) -> Due:
        """The updates that the schedule asks for, on the batch in `parts`."""
        position, params = self.position, self.params
        rate = self.recipe.rate(self.spent) * RATE_FACTOR**position.num_rollbacks
        for group in self._groups():
            group["lr"] = group["initial_lr"] * rate
        position.step += 1
        for name in self.recipe.schedule.updates:
            result = update_step(self.recipe, name, parts, amp_dtype, self.processes.average)
            position.loss_sums.add(name, position.step, result)
        self.ema.update(params.batch_size, self.num_images)

        intervals = {
            "row": params.log_every,
            "validation": params.sample_every,
            "checkpoint": params.checkpoint_every,
        }
        due = {name: position.step % every == 0 for name, every in intervals.items()}
        # Not at every step: while the host waits for the losses, the device has nothing to do.
        sync = self.recipe.schedule.advance() or position.step % params.sync_every == 0
        return Due(sync=sync or any(due.values()), **due)

    def sync(self) -> list[Nonfinite]:
        """Waits for the device and reads the losses; returns the updates that were skipped.

        The schedule gets the losses too, unless the training has diverged.
        """
        position = self.position
        sums, nonfinite = position.loss_sums.sync(self.processes.average)
        elapsed = time.monotonic() - self.clock
        position.seconds = self.processes.mean(position.seconds + elapsed)
        self.clock = time.monotonic()
        num_skipped = sum(each.num_steps for each in nonfinite)
        position.skipped_in_window += num_skipped
        position.num_skipped += num_skipped
        position.window = add_sums(position.window, sums)
        if not self.diverged:
            self.recipe.schedule.observe(sums)
        return nonfinite

    @property
    def diverged(self) -> bool:
        """Whether too many updates were skipped to go on."""
        return self.position.num_skipped > MAX_SKIPPED

    def is_over(self) -> bool:
        """Whether the budget is spent or the patience at its end; all processes agree."""
        if self.position.step == self.num_steps or self.position.ended == self.params.budget:
            return True
        late = self.position.seconds >= Budget.parse(self.params.budget).seconds
        over = self.processes.any(late or self.selection.is_over(self.num_images))
        self.position.ended = self.params.budget if over else ""
        return over

    def add_row(self, due: Due, figures: Row) -> Row:
        """A row of the history: the means since the last one where it is due, and `figures`."""
        position = self.position
        row: Row = {"step": position.step, "images": self.num_images}
        if due.row:
            row |= {f"train/{name}": mean for name, mean in means(position.window).items()}
            row["train/nonfinite_updates"] = position.skipped_in_window
            position.window, position.skipped_in_window = {}, 0
        position.history.append(row | figures)
        return position.history[-1]

    # Checkpoints

    def judge_checkpoint(self) -> None:
        """The checkpoint of this step is good where no update was skipped since the one before."""
        if not self.position.num_skipped:
            self.position.good_step = self.position.step
        self.position.num_skipped = 0

    def state_dict(self) -> checkpoint.Contents:
        """A copy of all that is needed to resume here."""
        position = self.position.state_dict()
        del position["history"]  # rows do not change: a list of the same ones will do
        training = {
            "position": position,
            "ema": self.ema.network.state_dict(),
            "selection": self.selection.state_dict(),
        }
        contents = checkpoint.collect(self.recipe, training)
        contents["training"]["position"]["history"] = list(self.position.history)
        return contents

    def load_state_dict(self, contents: checkpoint.Contents) -> None:
        """The inverse of `state_dict`."""
        training = checkpoint.restore(self.recipe, contents)
        self.position = Position.from_state_dict(training["position"])
        self.ema.network.load_state_dict(training["ema"])
        self.selection.load_state_dict(training["selection"])

    def resume(self) -> bool:
        """Restores the furthest checkpoint within the budget; whether there is one."""
        seconds = Budget.parse(self.params.budget).seconds
        for step in checkpoint.steps_in(self.folder):
            if self.num_steps is not None and step > self.num_steps:
                continue
            contents = checkpoint.read(self.folder, step, self.processes.device)
            position = contents["training"]["position"]
            # The clock is read at syncs alone, so a budget of minutes ends a little late.
            if position["seconds"] <= seconds or position["ended"] == self.params.budget:
                self.load_state_dict(contents)
                return True
        return False

    def write_checkpoint(self, contents: checkpoint.Contents) -> None:
        """Keeps this one and the last good one; older ones go."""
        position = contents["training"]["position"]
        step, good_step = position["step"], position["good_step"]
        checkpoint.write(self.folder, step, contents)
        # Later ones stay: a larger budget has reached them.
        older = {each for each in checkpoint.steps_in(self.folder) if each < step}
        checkpoint.remove(self.folder, older - {good_step})

    def rollback(self, nonfinite: list[Nonfinite]) -> None:
        """To the last good checkpoint, with lower learning rates; at last a ValueError."""
        what = "; ".join(str(each) for each in nonfinite)
        if self.position.num_rollbacks == MAX_ROLLBACKS:
            raise ValueError(
                f"the training diverged: {what}. It was rolled back {MAX_ROLLBACKS} times, each "
                f"time with {RATE_FACTOR} of the learning rates, and diverged again. Lower the "
                "recipe's learning rates or weights in params.yaml, or use train.precision: fp32"
            )
        num_rollbacks, seconds = self.position.num_rollbacks + 1, self.position.seconds
        good_step = self.position.good_step
        self.load_state_dict(checkpoint.read(self.folder, good_step, self.processes.device))
        self.position.num_rollbacks, self.position.seconds = num_rollbacks, seconds
