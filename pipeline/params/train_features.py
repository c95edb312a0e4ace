"""The section `train_features`: the network whose features distances between images rest on."""

from pydantic import Field

from pipeline.params.section import MAX_SEED, Section


class TrainFeaturesParams(Section):
    """What the stage `train_features` reads."""

    width: int = Field(ge=1, le=64, description="channels of the first block; 7 features for each")
    images: int = Field(
        ge=1, le=10**9, description="images that the training sees, mostly box-sized crops"
    )
    batch_size: int = Field(ge=2, le=4096, description="images a step")
    learning_rate: float = Field(gt=0, description="highest; it rises to it and falls to 0")
    seed: int = Field(ge=0, le=MAX_SEED, description="of weights and crops")
    max_photos: int = Field(
        ge=1, le=10**8, description="training photos held in memory, evenly spaced"
    )
