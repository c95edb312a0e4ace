"""The optimizers that params.yaml can name, and their bounds."""

from collections.abc import Iterable
from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import nn

from models.components.options import Options

# What else each of them has, by torch's own names.
SETTINGS = {
    "Adam": {"betas", "eps"},
    "RMSprop": {"alpha", "eps"},
    "Adadelta": {"rho", "eps"},
    "SGD": {"momentum"},
}


class OptimizerOptions(Options):
    """One of torch's optimizers; what is left out is as in torch."""

    # Adadelta scales its steps itself and is used at 1.
    max_lr: ClassVar[dict[str, float]] = {"Adam": 0.1, "RMSprop": 0.1, "SGD": 1.0, "Adadelta": 10.0}

    name: Literal["Adam", "RMSprop", "Adadelta", "SGD"] = Field(description="torch's name of it")
    lr: float = Field(gt=0, description="learning rate")
    betas: list[float] | None = Field(
        default=None, min_length=2, max_length=2, description="of Adam"
    )
    alpha: float | None = Field(default=None, ge=0, lt=1, description="RMSprop: what averages keep")
    rho: float | None = Field(default=None, ge=0, lt=1, description="Adadelta: what averages keep")
    momentum: float | None = Field(default=None, ge=0, lt=1, description="of SGD")
    eps: float | None = Field(default=None, gt=0, description="added where it divides")

    @model_validator(mode="after")
    def _fits_the_name(self) -> Self:
        given = self.model_dump(exclude_none=True).keys() - {"name", "lr"}
        for setting in sorted(given - SETTINGS[self.name]):
            raise ValueError(
                f"{setting} is no setting of {self.name}, which has "
                f"{', '.join(sorted(SETTINGS[self.name]))}"
            )
        if self.lr > self.max_lr[self.name]:
            raise ValueError(
                f"lr is {self.lr}, but must be <= {self.max_lr[self.name]} for {self.name}"
            )
        if self.betas and not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas are {self.betas}, but must be >= 0 and < 1")
        return self

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Over `parameters`."""
        # What params.yaml leaves out is torch's default, not None.
        settings = self.model_dump(exclude_none=True, exclude={"name"})
        if self.name == "Adam":
            # One pass over the weights, and it can leave a step out on the device.
            settings["fused"] = True
        optimizer: torch.optim.Optimizer = getattr(torch.optim, self.name)(parameters, **settings)
        return optimizer


class GanOptimizers(Options):
    """One a network."""

    generator: OptimizerOptions
    discriminator: OptimizerOptions
