"""Shards where `dvc push` has put them: read whole, one by one, and never kept on a disk.

By DVC's own file system (https://dvc.org/doc/api-reference/dvcfilesystem), so that address and
credentials are those by which they were pushed. It is imported where they are asked for.
"""

import hashlib
import io
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.runtime.bucket_archive import tried
from pipeline.runtime.checksums import SHARD_SUMS, sums_in

META = "meta.json"


@dataclass(frozen=True)
class RemoteFolder:
    """A data set whose shards are in DVC's remote; its meta.json alone is on the disk."""

    path: Path  # data/crop

    def __str__(self) -> str:
        return str(self.path)

    def shards(self, split: str) -> list["RemoteShard"]:
        """Those of `split` in order.

        Raises ValueError where they are not in the remote, or are others than meta.json says.
        """
        sums = self.path / split / SHARD_SUMS
        data = _read(sums)
        meta = json.loads((self.path / META).read_text())
        if hashlib.sha256(data).hexdigest() != meta["sha256"][split]:
            raise ValueError(
                f"{sums} is of other shards than {self.path / META}: run `dvc repro crop` and "
                f"`dvc push` where the shards are, and here `git pull` and `dvc pull "
                f"{self.path / META}`"
            )
        listed = sums_in(data.decode(), str(sums))
        return [RemoteShard(self.path / split / name, listed[name]) for name in sorted(listed)]


@dataclass(frozen=True)
class RemoteShard:
    """A shard as dvc.lock names it."""

    path: Path
    sha256: str

    def __str__(self) -> str:
        return str(self.path)

    @property
    def parent(self) -> Path:
        """As of a path."""
        return self.path.parent

    def open(self, mode: str = "rb") -> BinaryIO:
        """As Path.open; all of it is fetched, and checked, before any of it is used."""
        assert mode == "rb", "nothing is written"
        data = _read(self.path)
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise ValueError(
                f"{self} is damaged in DVC's remote: not what `crop` wrote. Remove the object "
                f"there (`dvc status --cloud {self.parent}` looks for it), and `dvc push` it again "
                "from where the shards are"
            )
        return io.BytesIO(data)


def _read(path: Path) -> bytes:
    """The file that dvc.lock names, from the disk or DVC's cache where it is there."""

    def ask() -> bytes:
        try:
            data: bytes = _file_system().cat_file(path.as_posix())
        except Exception as error:
            # Of a folder whose list it cannot read DVC says what was wrong by the cause.
            is_list = type(error).__name__ == "DataIndexDirError"
            cause = error.__cause__ or error if is_list else error
            if isinstance(cause, ImportError):
                raise ValueError(
                    f"DVC's remote cannot be read ({cause}): pip install 'scenefill[buckets]'"
                ) from error
            if isinstance(cause, FileNotFoundError) or (is_list and cause is error):
                raise ValueError(
                    f"{path} is not in DVC's remote: run `dvc push` where the shards are, and look "
                    "at `dvc remote list` here"
                ) from error
            raise cause from None
        return data

    return tried(str(path), ask)


@cache
def _file_system() -> Any:
    """One a process; DVC alone takes a second to import."""
    from dvc.api import DVCFileSystem

    return DVCFileSystem()
