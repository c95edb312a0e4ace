"""The section `train_features`: the network whose features distances between pictures rest on."""

from pydantic import Field

from pipeline.params.section import Section


class TrainFeaturesParams(Section):
    """What the stage `train_features` reads."""

    width: int = Field(ge=1, le=64, description="channels of the first block; 7 features for each")
    images: int = Field(ge=1, description="pictures that the training sees, mostly box-sized crops")
    batch_size: int = Field(ge=2, description="pictures a step")
    learning_rate: float = Field(gt=0, description="highest; it rises to it and falls to 0")
    seed: int = Field(ge=0, description="of weights and crops")
    max_photos: int = Field(ge=1, description="training photos held in memory, evenly spaced")
