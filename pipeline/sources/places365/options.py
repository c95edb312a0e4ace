"""Options of the source `places365`: the training set of Places365-Standard, 256x256."""

from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline.downloads.archive import Archive
from pipeline.params.section import Section
from pipeline.runtime.bucket_archive import TAR_URL

TRAIN = Archive(
    name="train_256_places365standard.tar",
    num_bytes=26_103_685_120,
    md5="53ca1c756c3d1e7809517cc47c5561c5",
    sha256="0ade5d7d38c682aa0203014a2b99ad3bf608bf1de0f151dc0d80efba54660a0a",
)
EASY_FORMAT = Archive(
    name="places365standard_easyformat.tar", md5="ee2dd54bc5f58a52dbae84bd898f937e"
)


class Places365Options(Section):
    """The section `sources.places365` of params.yaml. Other sums stand for another edition."""

    form: Literal["archive", "easy_format", "folder"] = Field(
        description="archive: the official tar; easy_format: the tar with one folder a category, "
        "of which only your own copy is taken; folder: an extracted copy, which no sum can prove"
    )
    url: str = Field(
        default="",
        pattern=TAR_URL,
        description="where in a bucket the official tar lies, such as "
        "s3://bucket/train_256_places365standard.tar; it stays there. Empty for none",
    )
    archive: Archive = TRAIN
    easy_format: Archive = EASY_FORMAT

    @model_validator(mode="after")
    def _only_the_official_tar_stays_in_a_bucket(self) -> Self:
        if self.url and self.form != "archive":
            raise ValueError(
                f"params.yaml sources.places365.form is {self.form!r}, but url names the official "
                "tar in a bucket: set form to archive, or empty url"
            )
        return self
