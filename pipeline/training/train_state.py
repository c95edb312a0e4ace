"""All that a training has reached, to be stopped and taken up at any step, and to go back."""

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

# An update with a loss or gradient that is not finite is left out. More than MAX_LEFT_OUT between
# two checkpoints, and the training goes back to the last state before which none was, and on from
# there with its learning rates multiplied by RATE_FACTOR; after MAX_RETURNS it gives up.
MAX_LEFT_OUT = 10
RATE_FACTOR = 0.5
MAX_RETURNS = 3


@dataclass
class Position:
    """How far the run has come, beside its weights."""

    step: int = 0
    seconds: float = 0.0  # spent training
    loss_sums: LossSums = field(default_factory=LossSums)  # since the last meeting
    window: Sums = field(default_factory=dict)  # since the last row of the history
    history: list[Row] = field(default_factory=list)
    nonfinite_in_window: int = 0  # updates left out since the last row
    left_out: int = 0  # updates left out since the last checkpoint
    good_step: int = 0  # of the last good state
    num_returns: int = 0
    ended: str = ""  # the budget that ended here

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain values."""
        return {**vars(self), "loss_sums": self.loss_sums.state_dict()}

    @classmethod
    def of(cls, state: dict[str, Any]) -> "Position":
        """The inverse of `state_dict`."""
        loss_sums = LossSums()
        loss_sums.load_state_dict(state["loss_sums"])
        return cls(**{**state, "loss_sums": loss_sums})


@dataclass(frozen=True)
class Due:
    """What comes after a step."""

    meeting: bool  # of host and device, which each of the others needs
    row: bool
    validation: bool
    checkpoint: bool


@dataclass
class TrainState:
    """A recipe in training."""

    recipe: Recipe
    averaged: EMA  # of the generator
    params: TrainParams
    processes: Processes
    num_steps: int | None  # of the budget; None where minutes count
    folder: Path  # of the states
    selection: Selection
    at: Position = field(default_factory=Position)
    clock: float = field(default_factory=time.monotonic)  # when `at.seconds` was right

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
        return self.at.step * self.params.batch_size

    @property
    def spent(self) -> float:
        """Share of the budget; of minutes, as the last meeting had it."""
        if self.num_steps is not None:
            return self.at.step / self.num_steps
        return self.at.seconds / Budget.parse(self.params.budget).seconds

    def take_step(self, parts: Sequence[Batch], amp_dtype: torch.dtype | None) -> Due:
        """The updates that the schedule wants on the batch in `parts`."""
        at, params = self.at, self.params
        rate = self.recipe.rate(self.spent) * RATE_FACTOR**at.num_returns
        for group in self._groups():
            group["lr"] = group["initial_lr"] * rate
        at.step += 1
        for name in self.recipe.schedule.updates:
            result = update_step(self.recipe, name, parts, amp_dtype, self.processes.average)
            at.loss_sums.add(name, at.step, result)
        self.averaged.update(params.batch_size, self.num_images)
        row = at.step % params.log_every == 0
        validation = at.step % params.sample_every == 0
        checkpoint = at.step % params.checkpoint_every == 0
        meeting = self.recipe.schedule.advance() or at.step % params.sync_every == 0
        return Due(meeting or row or validation or checkpoint, row, validation, checkpoint)

    def meet(self) -> list[Nonfinite]:
        """Waits for the device; the schedule hears what it did, unless the run `is_lost`."""
        at = self.at
        sums, nonfinite = at.loss_sums.meet(self.processes.average)
        at.seconds = self.processes.mean(at.seconds + time.monotonic() - self.clock)
        self.clock = time.monotonic()
        num_nonfinite = sum(each.num_steps for each in nonfinite)
        at.nonfinite_in_window += num_nonfinite
        at.left_out += num_nonfinite
        at.window = add_sums(at.window, sums)
        if not self.is_lost:
            self.recipe.schedule.observe(sums)
        return nonfinite

    @property
    def is_lost(self) -> bool:
        """Whether too many updates were left out to go on."""
        return self.at.left_out > MAX_LEFT_OUT

    def is_over(self) -> bool:
        """Whether the budget is spent or the patience at its end; all processes agree."""
        if self.at.step == self.num_steps or self.at.ended == self.params.budget:
            return True
        late = self.at.seconds >= Budget.parse(self.params.budget).seconds
        over = self.processes.any(late or self.selection.is_over(self.num_images))
        self.at.ended = self.params.budget if over else ""
        return over

    def add_row(self, due: Due, figures: Row) -> Row:
        """A row of the history: the means since the last one where it is due, and `figures`."""
        at = self.at
        row: Row = {"step": at.step, "images": self.num_images}
        if due.row:
            row |= {f"train/{name}": mean for name, mean in means(at.window).items()}
            row["train/nonfinite_updates"] = at.nonfinite_in_window
            at.window, at.nonfinite_in_window = {}, 0
        at.history.append(row | figures)
        return at.history[-1]

    def note_checkpoint(self) -> None:
        """A state is good where no update was left out since the checkpoint before."""
        if not self.at.left_out:
            self.at.good_step = self.at.step
        self.at.left_out = 0

    def snapshot(self) -> checkpoint.State:
        """Its state, copied."""
        position = self.at.state_dict()
        del position["history"]  # rows do not change: a list of the same ones will do
        run = {
            "position": position,
            "averaged": self.averaged.network.state_dict(),
            "selection": self.selection.state_dict(),
        }
        state = checkpoint.snapshot(self.recipe, run)
        state["run"]["position"]["history"] = list(self.at.history)
        return state

    def restore(self, state: checkpoint.State) -> None:
        """The inverse of `snapshot`."""
        run = checkpoint.restore(self.recipe, state)
        self.at = Position.of(run["position"])
        self.averaged.network.load_state_dict(run["averaged"])
        self.selection.load_state_dict(run["selection"])

    def resume(self) -> bool:
        """Takes up the furthest state within the budget; whether there is one."""
        seconds = Budget.parse(self.params.budget).seconds
        for step in checkpoint.steps_in(self.folder):
            if self.num_steps is not None and step > self.num_steps:
                continue
            state = checkpoint.read(self.folder, step, self.processes.device)
            position = state["run"]["position"]
            # Minutes end between two looks at the clock, a little late.
            if position["seconds"] <= seconds or position["ended"] == self.params.budget:
                self.restore(state)
                return True
        return False

    def write(self, state: checkpoint.State) -> None:
        """Keeps `state`, a snapshot, and the last good one; older ones go."""
        position = state["run"]["position"]
        step, good_step = position["step"], position["good_step"]
        checkpoint.write(self.folder, step, state)
        # Later ones stay: a larger budget has reached them.
        older = {each for each in checkpoint.steps_in(self.folder) if each < step}
        checkpoint.forget(self.folder, older - {good_step})

    def rollback(self, nonfinite: list[Nonfinite]) -> None:
        """To the last good state, with lower learning rates; after MAX_RETURNS a ValueError."""
        what = "; ".join(str(each) for each in nonfinite)
        if self.at.num_returns == MAX_RETURNS:
            raise ValueError(
                f"the training diverged: {what}. It went back {MAX_RETURNS} times, each time with "
                f"{RATE_FACTOR} of the learning rates, and diverged again. Lower the recipe's "
                "learning rates or weights in params.yaml, or use train.precision: fp32"
            )
        num_returns = self.at.num_returns + 1
        seconds = self.at.seconds
        self.restore(checkpoint.read(self.folder, self.at.good_step, self.processes.device))
        self.at.num_returns, self.at.seconds = num_returns, seconds
