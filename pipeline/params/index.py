"""The section `index`: which members of the archive count as photos."""

from typing import Literal

from pydantic import Field

from pipeline.params.section import Section

Format = Literal["jpeg", "png", "webp", "bmp", "tiff", "gif", "avif"]


class IndexParams(Section):
    """What the stage `index` reads."""

    formats: list[Format] = Field(
        min_length=1,
        description="of photos, told by their content and not by their names; files of other "
        "formats are counted",
    )
    max_bytes: int = Field(ge=1, description="bytes; a larger file is counted, never read")
