"""The section `runtime`: how fast and where, never what. No stage tracks it."""

from pydantic import Field

from pipeline.params.section import Section


class RuntimeParams(Section):
    """Settings of this machine; a change of them reruns nothing."""

    device: str = Field(
        pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$", description="auto takes the GPU where there is one"
    )
    threads: int = Field(ge=0, description="CPU threads of torch; 0 takes one a core")
    workers: int = Field(ge=0, description="processes that paint photos; 0 takes one a core")
    detect_batch: int = Field(ge=1, le=1024, description="photos a step of the people detector")
