"""The section `filter_people`: thresholds, duplicates and the split."""

from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline.params.section import MAX_SEED, Section


class FilterPeopleParams(Section):
    """What the stage `filter_people` reads: everything that can be decided without pixels."""

    min_score: float = Field(
        gt=0,
        le=1,
        description="a person box counts from this score on; detection's floor bounds it",
    )
    min_box_area: float = Field(
        ge=0,
        le=1,
        description="fraction of the square of the photo's short side; a smaller person box does "
        "not count",
    )
    large_box_bonus: float = Field(
        ge=0, le=1, description="added to the score of a person box of at least large_box_area"
    )
    large_box_area: float = Field(
        ge=0, le=1, description="fraction of the square of the photo's short side"
    )
    damaged: Literal["drop", "keep"] = Field(
        description="what happens to photos that decode, but not without a warning"
    )
    transparency: Literal["composite", "drop"] = Field(
        description="composite lays photos with transparent parts on white"
    )
    min_contrast: float = Field(
        ge=0,
        le=255,
        description="levels of 255 that the middle 96 % of a photo's pixels span in the channel "
        "where they span most; a photo of fewer is nearly of one colour and dropped",
    )
    near_copy_bits: int = Field(
        ge=0,
        le=15,
        description="of 64 hash bits; photos that differ in no more are near copies, and so are "
        "turned and mirrored ones; 0: only those with equal hashes",
    )
    near_copies: Literal["keep", "first"] = Field(
        description="keep: they share a split; first: of each group only the first one is kept"
    )
    val_share: float = Field(gt=0, lt=1, description="fraction of the kept photos")
    test_share: float = Field(gt=0, lt=1, description="fraction of the kept photos")
    seed: int = Field(ge=0, le=MAX_SEED, description="of the split")
    num_thumbnails: int = Field(
        ge=0,
        le=500,
        description="photos on the eight contact sheets together: borderline, damaged, copies",
    )

    @model_validator(mode="after")
    def _leave_some_for_training(self) -> Self:
        if self.val_share + self.test_share >= 1:
            raise ValueError(
                f"params.yaml filter_people.val_share + test_share is "
                f"{self.val_share + self.test_share:g} but must be < 1: nothing is left to train on"
            )
        return self
