"""How long to train: a number of images, epochs or minutes."""

from dataclasses import dataclass
from typing import Literal, Self

from pipeline.params.train import BUDGET

Unit = Literal["images", "epochs", "minutes"]


@dataclass(frozen=True)
class Budget:
    """`train.budget`; minutes are those spent training, over all resumed runs together."""

    number: float  # > 0
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> Self:
        """From "48000 images", "220 epochs" or "30 minutes", as params.yaml has been checked."""
        match = BUDGET.fullmatch(text)
        assert match is not None, text
        return cls(float(match["number"]), match["unit"])  # type: ignore[arg-type]

    def num_steps(self, batch_size: int, steps_per_epoch: int) -> int | None:
        """Steps that spend it, rounded up; None for minutes, which only the clock knows."""
        if self.unit == "minutes":
            return None
        per_step = batch_size if self.unit == "images" else 1 / steps_per_epoch
        # Without the rounding 0.1 epochs of 30 steps would be 4 steps.
        return max(1, -int(-round(self.number / per_step, 6) // 1))

    @property
    def seconds(self) -> float:
        """Seconds that spend it; without end for images and epochs."""
        return self.number * 60 if self.unit == "minutes" else float("inf")
