"""A published file, pinned: the bytes are right or they are not taken."""

from typing import Self

from pydantic import Field, model_validator

from pipeline.params.section import Section


class Archive(Section):
    """What is known of a file before it is here; None where nobody has published it."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*$", description="of the file on its server"
    )
    num_bytes: int | None = Field(default=None, ge=1, description="bytes of the whole file")
    md5: str = Field(pattern=r"^[0-9a-f]{32}$", description="of the whole file")
    sha256: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{64}$", description="of the whole file"
    )

    @property
    def key(self) -> str:
        """16 hex digits that stand for these bytes."""
        return (self.sha256 or self.md5)[:16]

    @model_validator(mode="after")
    def _md5_alone_needs_a_size(self) -> Self:
        if self.sha256 is not None and self.num_bytes is None:
            raise ValueError(
                f"params.yaml: the archive {self.name} has a sha256 but no num_bytes: add it, so "
                "that a wrong file is refused before it is read"
            )
        return self

    def faults_of(self, num_bytes: int, md5: str, sha256: str) -> list[str]:
        """What differs from the pinned facts, got and expected; empty for the right bytes."""
        facts = (
            ("bytes", num_bytes, self.num_bytes),
            ("md5", md5, self.md5),
            ("sha256", sha256, self.sha256),
        )
        return [
            f"{name}: got {got}, expected {expected}"
            for name, got, expected in facts
            if expected is not None and got != expected
        ]
