"""The section `sources.folder`: your own photos, one folder a category."""

from pydantic import Field

from pipeline.params.section import Section


class FolderOptions(Section):
    """What the source `folder` reads."""

    path: str = Field(
        min_length=1,
        description="folder of your photos, one folder a category; data/none for other sources",
    )
