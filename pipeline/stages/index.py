"""Stage: the tar's headers -> one row a photo (key, path, category, offset, size)."""

import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pandas as pd

from pipeline import manifests
from pipeline.keys import key_of
from pipeline.params.index import IndexParams
from pipeline.params.section import load

COLUMNS = ["key", "path", "category", "offset", "size"]


def run(data: Path = Path("data")) -> None:
    """Writes data/index/index.parquet and funnel.json (members by what became of them)."""
    table, counts = index(data / "download" / "photos.tar", load("index", IndexParams))
    manifests.write(table, data / "index" / "index.parquet")
    (data / "index" / "funnel.json").write_text(json.dumps(counts, indent=2) + "\n")


def index(archive: Path, params: IndexParams) -> tuple[pd.DataFrame, dict[str, int]]:
    """The photos of `archive` in order of path, and all members counted by reason."""
    rows: dict[str, tuple[str, str, str, int, int]] = {}
    counts = Counter[str]()
    for member in _members(archive):
        reason = _refusal(member, params)
        if reason is None and member.name in rows:
            reason = "duplicate_path"
        counts[reason or "photos"] += 1
        if reason is None:
            rows[member.name] = _row(member)
    if not rows:
        raise ValueError(
            f"{archive} holds no photo with an ending of params.yaml index.extensions "
            f"{params.extensions}: its members are {dict(counts)}"
        )
    table = pd.DataFrame([rows[name] for name in sorted(rows)], columns=COLUMNS)
    assert table["key"].is_unique
    return table, dict(sorted(counts.items()))


def _members(archive: Path) -> Iterator[tarfile.TarInfo]:
    """All members but folders, reading headers only."""
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                if not member.isdir():
                    yield member
                # tarfile keeps every header it read; 1.8 million would fill the memory.
                tar.members.clear()  # type: ignore[attr-defined]
    except tarfile.TarError as error:
        raise ValueError(
            f"{archive} is no intact plain tar: {error}; run `dvc repro -f download`"
        ) from error


def _refusal(member: tarfile.TarInfo, params: IndexParams) -> str | None:
    """Why a member is no photo to use, or None."""
    path = PurePosixPath(member.name)
    if not member.isreg():
        return "no_regular_file"
    if path.is_absolute() or ".." in path.parts or len(path.parts) < 3:
        return "unusable_name"
    if path.name.startswith(".") or path.suffix.lower() not in params.extensions:
        return "other_files"
    if member.size > params.max_bytes:
        return "too_large"
    return None


def _row(member: tarfile.TarInfo) -> tuple[str, str, str, int, int]:
    return (
        key_of(member.name),
        member.name,
        category_of(member.name),
        member.offset_data,
        member.size,
    )


def category_of(path: str) -> str:
    """All between the archive's root folder and the file's name: 75 Places names have 3 levels."""
    return "/".join(PurePosixPath(path).parts[1:-1])
