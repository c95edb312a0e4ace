"""The section `train_plain`: the chosen recipe once more, without its adversary."""

from pydantic import Field

from pipeline.params.section import Section


class TrainPlainParams(Section):
    """What the stage `train_plain` reads, beside the sections of `train`."""

    enabled: bool = Field(
        description="train the recipe again with adversarial weight 0, as a baseline; takes as long"
    )
