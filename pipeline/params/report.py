"""The section `report`: how the page and the rating page are made."""

from pydantic import Field

from pipeline.params.section import MAX_SEED, Section


class ReportParams(Section):
    """What the stage `report` reads."""

    seed: int = Field(ge=0, le=MAX_SEED, description="of the order in which images are rated")
    num_rated: int = Field(
        ge=1,
        le=64,
        description="photos on the rating page, each as every method completed it; at most those "
        "of the grid",
    )
