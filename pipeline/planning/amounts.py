"""Bytes and seconds as people say them."""


def size_text(num_bytes: float) -> str:
    """1.2 GB, 34 MB, 5 KB."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if num_bytes >= size:
            return f"{num_bytes / size:.1f} {unit}"
    return f"{num_bytes / 1e3:.0f} KB"


def duration_text(seconds: float) -> str:
    """5.2 h, 12 min, 3 s."""
    if seconds >= 2 * 3600:
        return f"{seconds / 3600:.1f} h"
    if seconds >= 120:
        return f"{seconds / 60:.0f} min"
    return f"{seconds:.0f} s" if seconds >= 1 else "under 1 s"
