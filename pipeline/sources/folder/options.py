"""The section `sources.folder`: your own photos, one folder a category."""

import re

from pydantic import Field, field_validator

from pipeline.params.section import Section
from pipeline.runtime.bucket_archive import URL


class FolderOptions(Section):
    """What the source `folder` reads."""

    path: str = Field(
        min_length=1,
        description="folder of your photos, one folder a category; data/none for other sources",
    )
    url: str = Field(
        default="",
        pattern=URL,
        description="your photos in a bucket, in place of the folder, which is data/none then: a "
        "plain tar, such as s3://bucket/photos.tar, or, with a / at the end, a folder with one "
        "folder a category, such as s3://bucket/photos/. They stay there. Empty for none",
    )

    @field_validator("url", mode="before")
    @classmethod
    def _names_a_tar_or_a_folder(cls, url: object) -> object:
        """In words; the pattern is for editors."""
        if isinstance(url, str) and not re.fullmatch(URL, url):
            raise ValueError(
                "must be empty, or begin with s3:// or gs://, the bucket and a /, and go on with "
                "the name of a tar (s3://bucket/photos.tar) or of a folder with a / at its end "
                "(s3://bucket/photos/). There are no spaces in it, and no password: those come "
                "from the environment"
            )
        return url
