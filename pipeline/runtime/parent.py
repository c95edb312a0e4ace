"""Nothing outlives what started it: a stage its `dvc repro`, a worker its stage.

SIGKILL of dvc leaves its child alive, and the next repro would run beside it.
"""

import multiprocessing
import os
import signal
import threading
import time
from types import FrameType

import psutil

POLL_SECONDS = 1.0


def stop_with_dvc() -> None:
    """Watches the dvc process above this one, where there is one; its end is a Ctrl-C here.

    SIGTERM is one too, by a handler of our own: where a script has started dvc in the background,
    SIGINT is ignored in all that it starts.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    dvc = _dvc_above()
    if dvc is not None:
        threading.Thread(target=_watch, args=(dvc,), daemon=True).start()


def _dvc_above() -> psutil.Process | None:
    """The nearest ancestor that runs dvc; DVC names the stage in the environment."""
    if "DVC_STAGE" not in os.environ:
        return None
    for process in psutil.Process().parents():
        try:
            words = [os.path.basename(word) for word in process.cmdline()[:3]]
        except psutil.Error:
            continue
        if "dvc" in words:
            return process
    return None


def _watch(dvc: psutil.Process) -> None:
    # is_running compares start times too, so that a reused number is not taken for dvc.
    while dvc.is_running() and dvc.status() != psutil.STATUS_ZOMBIE:
        time.sleep(POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def end_with_parent() -> None:
    """In a worker process: ends it, wherever it is, when the process that started it has died."""
    threading.Thread(target=_exit_after_parent, daemon=True).start()


def _exit_after_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
