"""The section `download`: which source the photos come from."""

from typing import Literal

from pydantic import Field

from pipeline.params.section import Section


class DownloadParams(Section):
    """What the stage `download` reads; the source's own options stand under `sources.<source>`."""

    source: Literal["synthetic", "folder", "places365_val", "places365", "celeba", "mnist"] = Field(
        description="where the photos come from; its options stand under sources.<source>"
    )
