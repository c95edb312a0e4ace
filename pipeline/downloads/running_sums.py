"""md5 and sha256 of a file that is still being written."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_READ = 1 << 20  # bytes


class RunningSums:
    """Follows a growing file from its first byte, in a thread of its own.

    hashlib cannot save a sum half way, so that after a kill the file has to be read again from
    its start. That happens here, beside the download that goes on at its end: nobody waits for
    it, and within one process no byte is read twice.
    """

    def __init__(self, path: Path) -> None:
        """Starts reading; `path` must exist."""
        self._md5, self._sha256 = hashlib.md5(), hashlib.sha256()
        self._grown, self._complete, self._left = (threading.Event() for _ in range(3))
        self._executor = ThreadPoolExecutor(1)
        self._work = self._executor.submit(self._follow, path)

    def close(self) -> None:
        """Ends the thread, whether it has read all or not."""
        self._left.set()
        self._grown.set()
        self._executor.shutdown()

    def grown(self) -> None:
        """To be called after each write."""
        self._grown.set()

    def digests(self) -> tuple[str, str]:
        """md5 and sha256 of the file, which grows no more; waits for the reading."""
        self._complete.set()
        self._grown.set()
        self._work.result()
        return self._md5.hexdigest(), self._sha256.hexdigest()

    def _follow(self, path: Path) -> None:
        with path.open("rb", buffering=0) as file:
            while not self._left.is_set():
                # Asked before the read, so that the last bytes are not missed.
                is_complete = self._complete.is_set()
                if block := file.read(_READ):
                    self._md5.update(block)
                    self._sha256.update(block)
                elif is_complete:
                    return
                else:
                    self._grown.wait()
                    self._grown.clear()
