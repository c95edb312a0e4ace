"""The section `index`: which members of the archive count as photos."""

from pydantic import Field, field_validator

from pipeline.params.section import Section


class IndexParams(Section):
    """What the stage `index` reads."""

    extensions: list[str] = Field(
        min_length=1, description="file name endings of photos, lower case; other files are counted"
    )
    max_bytes: int = Field(
        ge=1, le=10**12, description="bytes; a larger file is counted, never read"
    )

    @field_validator("extensions")
    @classmethod
    def _start_with_a_dot(cls, extensions: list[str]) -> list[str]:
        for extension in extensions:
            if not extension.startswith(".") or extension != extension.lower():
                raise ValueError(
                    f"params.yaml index.extensions holds {extension!r}, "
                    "but an ending starts with a dot and is lower case, like .jpg"
                )
        return extensions
