"""What in a folder of photos would stop DVC before any stage runs."""

import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.photos.formats import leads_out
from pipeline.runtime.listing import listed


def faults_of(root: Path) -> list[str]:
    """A line a kind of fault below `root`, each with what to do; of a folder that is there.

    DVC hashes every file in it, and ends at these with an error that does not name them so that
    they are found, or does not end at all.
    """
    broken, unnameable, unreadable, leading_out, endless = [], [], [], [], []
    for path in _files(root):
        try:
            os.fsencode(path).decode("utf-8")
        except UnicodeDecodeError:
            unnameable.append(path)
        if path.is_symlink() and not path.exists():
            broken.append(path)
        elif not path.is_file():
            endless.append(path)
        elif leads_out(path, root):
            leading_out.append(path)
        elif not os.access(path, os.R_OK):
            unreadable.append(path)
    lines = {
        "are links to nothing: remove them, or bring back what they point to": broken,
        "have names that are no UTF-8: rename them": unnameable,
        "cannot be read by you: chmod u+r": unreadable,
        "are pipes, sockets or devices, at which DVC waits for ever: remove them": endless,
        "are links that lead out of the folder: put the photos themselves there": leading_out,
    }
    return [f"{_shown(paths)} {what}" for what, paths in lines.items() if paths]


def _files(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        yield from (Path(folder, name) for name in sorted(names))


def _shown(paths: list[Path]) -> str:
    """Names for a terminal; bytes that are no UTF-8 as \\xNN."""
    return listed(os.fsencode(path).decode("utf-8", "backslashreplace") for path in paths)
