"""Images done one after another; a broken one does not stop the others."""

import errno
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from pipeline.image_files.jobs import LeftOut
from pipeline.runtime.progress import progress, say

T = TypeVar("T")
# What an image comes to: an empty text where it was written, else why not.
Work = Callable[[T], str]


def run_batch(
    command: str,
    names: Sequence[str],
    items: Sequence[T],
    left_out: Sequence[LeftOut],
    work: Work[T],
) -> str:
    """Does `work` on every item; a table of what came of all files, with a line above it.

    A file that is left out, a ValueError, and a file that cannot be read or written is said.
    Raises a ValueError with what failed at the end; a full disk stops at once.
    """
    for each in left_out:
        say(f"{each.path}: {each.reason}")
    outcomes = Counter(each.reason for each in left_out)
    failed: list[str] = []
    num_written = 0
    with progress(command, len(items), "pictures") as advance:
        for name, item in zip(names, items, strict=True):
            try:
                reason = work(item)
                num_written += not reason
                if reason:
                    say(f"{name}: {reason}")
                    outcomes[reason] += 1
            except (ValueError, OSError) as error:
                if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise
                failed.append(f"{name}: {error}")
                say(failed[-1])
            advance(1)
    done = f"{command}: {num_written:,} of {len(items):,} written"
    if outcomes or len(items) > 1:
        outcomes |= Counter({"written": num_written, "failed": len(failed)})
        done = f"{done}\n{_table(outcomes)}"
    if failed:
        raise ValueError("\n".join([done, f"{len(failed):,} failed:", *failed]))
    return done


def _table(outcomes: Counter[str]) -> str:
    """What came of the files, and of how many."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right")
    table.add_column()
    for outcome, number in outcomes.most_common():
        if number:
            table.add_row(f"{number:,}", outcome)
    console = Console(width=100)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())
