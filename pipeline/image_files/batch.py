"""Images done one after another; a broken one does not stop the others."""

import errno
from collections.abc import Callable, Sequence
from typing import TypeVar

from pipeline.runtime.progress import progress, say

T = TypeVar("T")
# What an image comes to: an empty text where it was written, else why not.
Work = Callable[[T], str]


def run_batch(command: str, names: Sequence[str], items: Sequence[T], work: Work[T]) -> str:
    """Does `work` on every item; what was done, in a line.

    A ValueError or a file that cannot be read or written is said and remembered. Raises a
    ValueError with all of them at the end; a full disk stops at once.
    """
    failed: list[str] = []
    num_written = 0
    with progress(command, len(items), "pictures") as advance:
        for name, item in zip(names, items, strict=True):
            try:
                reason = work(item)
                num_written += not reason
                if reason:
                    say(f"{name}: {reason}")
            except (ValueError, OSError) as error:
                if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise
                failed.append(f"{name}: {error}")
                say(failed[-1])
            advance(1)
    done = f"{command}: {num_written:,} of {len(items):,} written"
    if failed:
        raise ValueError("\n".join([f"{done}; {len(failed):,} failed:", *failed]))
    return done
