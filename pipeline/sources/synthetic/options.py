"""Options of the `synthetic` source: how many photos are painted and what is wrong with some."""

from typing import Self

from pydantic import Field, model_validator

from pipeline.params.section import Section


class SyntheticOptions(Section):
    """The section `sources.synthetic` of params.yaml; shares are of all photos."""

    num_photos: int = Field(description="photos to paint", ge=1, le=10_000_000)
    seed: int = Field(description="another seed, other photos", ge=0, le=2**63 - 1)
    people_share: float = Field(
        0.12, description="share of the intact photos in which people stand", ge=0, le=1
    )
    copy_share: float = Field(
        0.02, description="share of copies of another photo: half exact, half near", ge=0, le=1
    )
    greyscale_share: float = Field(0.01, description="share of greyscale JPEGs", ge=0, le=1)
    cmyk_share: float = Field(0.005, description="share of CMYK JPEGs", ge=0, le=1)
    broken_share: float = Field(
        0.01, description="share of files that are no complete image", ge=0, le=1
    )
    min_person_height: float = Field(
        0.2, description="smallest planted person, as a fraction of the height", gt=0.02, le=0.95
    )
    max_person_height: float = Field(
        0.6, description="largest planted person, as a fraction of the height", gt=0.02, le=0.95
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.min_person_height > self.max_person_height:
            raise ValueError(
                f"params.yaml sources.synthetic.min_person_height is {self.min_person_height} "
                f"but must be <= max_person_height ({self.max_person_height})"
            )
        faults = self.copy_share + self.greyscale_share + self.cmyk_share + self.broken_share
        if faults > 1:
            raise ValueError(
                "params.yaml sources.synthetic.copy_share + greyscale_share + cmyk_share + "
                f"broken_share is {faults:g} but must be <= 1"
            )
        return self
