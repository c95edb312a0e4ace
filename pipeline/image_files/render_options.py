"""By what and how files are completed, as the commands say it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.api import Model, check_options, load


@dataclass(frozen=True)
class RenderOptions:
    """See pipeline/api.py for what the values mean."""

    model: Path
    blend: str
    colors: int | None
    seed: int
    device: str

    def load(self) -> Model:
        """The generator; ValueError for a blend or a number of colours that there is not."""
        check_options(self.blend, self.colors)
        return load(self.model, device=self.device)

    def options(self) -> dict[str, Any]:
        """What both `complete` and `outpaint` of a Model take."""
        return {"blend": self.blend, "colors": self.colors, "seed": self.seed}
