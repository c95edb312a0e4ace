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
    SIGINT is ignored in all that it starts. Raises KeyboardInterrupt where dvc has ended while this
    process began.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    if "DVC_STAGE" not in os.environ:  # DVC names the stage in it
        return
    above = [(process, _program(process)) for process in psutil.Process().parents()]
    dvc = next((process for process, words in above if "dvc" in words), None)
    if dvc is not None:
        threading.Thread(target=_watch, args=(dvc,), daemon=True).start()
    # What runs DVC as a library is Python too.
    elif not any(words[:1] and words[0].lower().startswith("python") for _, words in above):
        raise KeyboardInterrupt


def _program(process: psutil.Process) -> list[str]:
    """The first words of its command line, without their folders; none where it has ended."""
    try:
        return [os.path.basename(word) for word in process.cmdline()[:3]]
    except psutil.Error:
        return []


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
