"""The one generator that is held in memory: the last that was asked for."""

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from pipeline.web.trained import WEIGHTS


class Loaded:
    """`load` is `pipeline.api.load`. A generator that was trained again is loaded again."""

    def __init__(self, load: Callable[[str], Any]) -> None:
        self._load = load
        self._lock = Lock()
        self._held: tuple[tuple[str, int], Any] | None = None

    @property
    def is_held(self) -> bool:
        """Whether there is one."""
        return self._held is not None

    def has(self, path: str) -> bool:
        """Whether it is there without waiting."""
        held = self._held
        return held is not None and held[0] == (path, _changed(Path(path)))

    def get(self, path: str) -> Any:
        """Raises ValueError, in the user's words, where there is no generator."""
        with self._lock:
            mark = (path, _changed(Path(path)))
            if self._held is None or self._held[0] != mark:
                self._held = None  # two at once may not fit
                self._held = (mark, self._load(path))
            return self._held[1]


def _changed(path: Path) -> int:
    """When the generator was written, ns; 0 where there is none."""
    file = path / WEIGHTS if path.is_dir() else path
    return file.stat().st_mtime_ns if file.is_file() else 0
