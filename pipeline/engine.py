"""Runs a plan of parts, each a pure function of its inputs, and marks them done one by one."""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.progress import Advance

# Writes all files of one part into the folder it is given, and reports photos as they are done.
MakePart = Callable[[Path, Advance], None]


def run_parts(folder: Path, parts: Mapping[str, MakePart], advance: Advance) -> list[Path]:
    """Makes each missing part `folder/<name>/`; returns the folders in the plan's order.

    A part is written under a temporary name; the rename is its mark of completion. A part that a
    former run finished is not made again, and `advance` hears nothing of it.
    """
    for name, make in parts.items():
        final = folder / name
        if final.is_dir():
            continue
        temporary = folder / f"{name}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        make(temporary, advance)
        os.replace(temporary, final)
    return [folder / name for name in parts]
