"""By what and how files are completed, as the commands say it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.api import MAX_COLORS, Model, load
from pipeline.completing.blends import check_blend


@dataclass(frozen=True)
class Making:
    """See pipeline/api.py for what the values mean."""

    model: Path
    blend: str
    colors: int | None
    seed: int
    device: str

    def load(self) -> Model:
        """The generator; ValueError for a blend or a number of colours that there is not."""
        check_blend(self.blend)
        if self.colors is not None and not 2 <= self.colors <= MAX_COLORS:
            raise ValueError(f"--colors is {self.colors}, but must be 2 to {MAX_COLORS}")
        return load(self.model, device=self.device)

    def options(self) -> dict[str, Any]:
        """What both `complete` and `outpaint` of a Model take."""
        return {"blend": self.blend, "colors": self.colors, "seed": self.seed}
