"""What the options of every hole kind have in common."""

from typing import ClassVar, Self

from pydantic import model_validator

from pipeline.params.section import Section


class HoleOptions(Section):
    """Base of the sections `holes.<kind>`."""

    WHERE: ClassVar[str]  # in params.yaml

    @model_validator(mode="after")
    def _ascend(self) -> Self:
        for low in type(self).model_fields:
            high = f"{low.removesuffix('_min')}_max"
            if low.endswith("_min") and getattr(self, low) > getattr(self, high):
                raise ValueError(
                    f"params.yaml {self.WHERE}.{low} is {getattr(self, low)} "
                    f"but must be <= {self.WHERE}.{high} ({getattr(self, high)})"
                )
        return self

    def check_sizes(self, image_size: int, box_size: int) -> None:
        """A ValueError where holes do not fit these px, or would leave no hole or no context."""
