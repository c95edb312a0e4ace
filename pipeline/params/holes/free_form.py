"""Options of the hole kind `free_form`: strokes of a brush (Yu et al. 2019, DeepFill v2)."""

from typing import ClassVar

from pydantic import Field

from pipeline.params.hole_options import HoleOptions


class FreeFormOptions(HoleOptions):
    """The section `holes.free_form` of params.yaml; lengths are fractions of the photo's side."""

    WHERE: ClassVar[str] = "holes.free_form"

    strokes_min: int = Field(ge=1, le=64, description="fewest strokes in a photo")
    strokes_max: int = Field(ge=1, le=64, description="most strokes in a photo")
    vertices_max: int = Field(
        ge=1, le=64, description="most vertices that a stroke goes through after its start"
    )
    length_max: float = Field(gt=0, le=1, description="longest segment, fraction of the side")
    angle_max: float = Field(
        ge=0, le=180, description="degrees by which segments leave their stroke's direction"
    )
    width_min: float = Field(gt=0, le=0.3, description="thinnest brush, fraction of the side")
    width_max: float = Field(gt=0, le=0.3, description="thickest brush, fraction of the side")
    share_max: float = Field(
        ge=0.15, lt=1, description="of the photo's pixels; strokes end before they cover more"
    )
