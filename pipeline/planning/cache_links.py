"""How DVC's cache and the working folder share files."""

import os
import subprocess
import tempfile
from pathlib import Path

WANTED = "hardlink,symlink"


def dvc_says(*arguments: str) -> str | None:
    """The output of a dvc command; None where dvc is not on PATH."""
    try:
        run = subprocess.run(["dvc", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return run.stdout.strip()


def cache_dir() -> Path | None:
    """Where DVC keeps outs; None where dvc is not on PATH or this is no DVC project."""
    said = dvc_says("cache", "dir")
    return Path(said) if said else None


def hard_links_work(source: Path, target: Path) -> bool:
    """Whether a file in the folder `source` can be hard-linked into the folder `target`."""
    with tempfile.NamedTemporaryFile(dir=source) as file:
        link = target / f"{Path(file.name).name}.link"
        try:
            os.link(file.name, link)
        except OSError:
            return False
        link.unlink()
        return True


def is_stored_once(cache: Path | None) -> bool:
    """Whether an out and its copy in the cache are one file on disk."""
    if cache is None or dvc_says("config", "cache.type") != WANTED:
        return False
    cache.mkdir(parents=True, exist_ok=True)
    return hard_links_work(Path.cwd(), cache)
