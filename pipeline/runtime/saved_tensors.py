"""Files of torch.save, read back with the checksums that they have and torch ignores."""

import os
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch


def save_tensors(contents: Any, path: Path) -> None:
    """Under a temporary name first, and flushed to the disk.

    By a file of Python's: given a path, torch loses the reason for which the system refuses.
    """
    # One name for all: what a kill leaves is written over.
    temporary = path.with_name("state.tmp")
    with temporary.open("wb") as file:
        torch.save(contents, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def load_tensors(path: Path, device: torch.device | None = None) -> Any:
    """What was saved, its tensors on `device`; no pickled code is executed.

    ValueError where a record of the file, which is a zip archive, does not fit its CRC-32.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is None:
            return torch.load(path, map_location=device, weights_only=True)
    # What zipfile and torch make of damaged headers.
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        UnpicklingError,
        RuntimeError,  # NotImplementedError too
        ValueError,
        KeyError,
        EOFError,
        OverflowError,
    ) as error:
        damaged = f"{type(error).__name__}: {str(error)[:200]}"
    raise ValueError(
        f"{path} is damaged ({damaged}): run `rm {path}`, and the work goes on from the checkpoint "
        "before it, or from its beginning"
    )
