"""Writes webdataset shards whose bytes depend on nothing but their samples.

webdataset's own writer would import torch (some 500 MB a process) and stamp the time.
"""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self


class ShardWriter:
    """One plain tar; samples in the order they are added, fields in sorted order."""

    def __init__(self, path: Path) -> None:
        self._tar = tarfile.open(path, "w", format=tarfile.PAX_FORMAT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()

    def add(self, key: str, fields: Mapping[str, bytes]) -> dict[str, int]:
        """Adds `<key>.<field>` members; returns where each field's bytes start in the tar."""
        offsets = {}
        for field in sorted(fields):
            data = fields[field]
            member = tarfile.TarInfo(f"{key}.{field}")
            member.size = len(data)
            member.mode = 0o444
            self._tar.addfile(member, io.BytesIO(data))
            padded = -(-len(data) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
            offsets[field] = self._tar.offset - padded
        return offsets


def shard_name(split: str, number: int) -> str:
    return f"{split}-{number:06d}.tar"
