"""sha256 of what a stage wrote, kept beside it so that nobody reads 26 GB twice.

A file's sum stands in `<file>.sha256`, a folder of shards' in `<folder>/.shards.sha256`, both in
the format of `sha256sum`, so that `sha256sum -c` checks them.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

# Hidden: readers such as datasets.load_dataset take every visible file of the folder for a shard.
SHARD_SUMS = ".shards.sha256"
LINE = re.compile(r"([0-9a-f]{64})  ([^/]+)")


def sha256_of(path: Path) -> str:
    """The file's sum, read from its bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_sums(sums_path: Path, sums: Mapping[str, str]) -> None:
    """A `sha256sum` list of files beside it: name -> sum."""
    sums_path.write_text(sums_text(sums))


def sums_text(sums: Mapping[str, str]) -> str:
    """What `write_sums` writes."""
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))


def read_sums(sums_path: Path) -> dict[str, str]:
    """The list that `write_sums` wrote; ValueError where it is none."""
    return sums_in(sums_path.read_text(), str(sums_path))


def sums_in(text: str, name: str) -> dict[str, str]:
    """File -> sum; ValueError, which calls the list `name`, where it is none."""
    sums = {}
    for line in text.splitlines():
        if not (match := LINE.fullmatch(line)):
            raise ValueError(f"{name} is no list of sums: it has the line {line[:100]!r}")
        sums[match[2]] = match[1]
    return sums


def recorded_sum(path: Path) -> str:
    """The sum of a stage's input: the producer's record where there is one, else its bytes."""
    record = path / SHARD_SUMS if path.is_dir() else path.with_name(f"{path.name}.sha256")
    if record.is_file():
        return hashlib.sha256(record.read_bytes()).hexdigest()
    return sha256_of(path)
