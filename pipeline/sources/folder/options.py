"""The section `sources.folder`: your own photos, one folder a category."""

from pydantic import Field

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
