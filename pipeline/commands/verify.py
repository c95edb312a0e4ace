"""Compares all that the stages have written with its recorded sums, byte for byte."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from pipeline.config.out_sums import MEND, damage_of, damaged_files, is_recorded, md5_of
from pipeline.config.preconditions import Line
from pipeline.runtime.listing import listed
from pipeline.runtime.photo_archive import has_photos, photo_archive, require_sound_archive


def verify(data: Path, *, remove: bool) -> str:
    """How many outs are as they were written; ValueError where some are not.

    With `remove` those go, and their copies in DVC's cache, from which they would come back.
    """
    line = Line()
    there = [out for stage in line.stages for out in line.outs(stage) if Path(out).exists()]
    damaged = list(damaged_files(there))
    if damaged and not remove:
        raise ValueError(f"{damage_of(damaged)}: {MEND}")
    if damaged:
        for path in damaged:
            _remove(Path(path))
        return f"removed {listed(damaged)}: run `dvc repro`, or `dvc pull` where it was pushed"
    if has_photos(data):
        require_sound_archive(photo_archive(data))
    recorded = [out for out in there if is_recorded(out)]
    lines = [f"{len(recorded)} outs are what the stages wrote, byte for byte"]
    if others := [out for out in there if out not in recorded]:
        lines.append(f"of {', '.join(others)} no sum is recorded: `dvc commit` takes them")
    return "\n".join(lines)


def _remove(damaged: Path) -> None:
    """The file or folder, and what DVC's cache has of it and is damaged."""
    files = [damaged] if damaged.is_file() else list(damaged.rglob("*"))
    inodes = {each.stat().st_ino for each in files if each.is_file()}
    for copy in _cached():
        if copy.stat().st_ino in inodes and md5_of(copy) != f"{copy.parent.name}{copy.name}":
            copy.unlink()
    if damaged.is_dir():
        shutil.rmtree(damaged)
    else:
        damaged.unlink(missing_ok=True)


def _cached() -> Iterator[Path]:
    """The files of DVC's cache: links to what lies in the project, or where its links lead."""
    asked = [sys.executable, "-m", "dvc", "cache", "dir"]
    run = subprocess.run(asked, capture_output=True, text=True)
    if run.returncode:
        raise ValueError(f"DVC does not say where its cache is: {run.stderr.strip()}")
    folder = run.stdout.strip()
    yield from (each for each in Path(folder, "files", "md5").glob("??/*") if each.suffix == "")
