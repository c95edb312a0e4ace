"""One bit of a file is another: what disks and copies do in silence."""

import os
import random
import stat
from pathlib import Path


def flip(path: Path, draws: random.Random, start: int = 0, end: int | None = None) -> None:
    """Flips one bit of the bytes start..end; size, time, mode and links stay, as on a bad disk."""
    state = path.stat()
    place = draws.randrange(start, state.st_size if end is None else end)
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ (1 << draws.randrange(8))]))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    path.chmod(stat.S_IMODE(state.st_mode))
