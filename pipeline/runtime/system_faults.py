"""What disk, network and memory refuse, in the user's words."""

import errno
import mmap
from collections.abc import Iterator

FULL = (errno.ENOSPC, errno.EDQUOT)
REMEDIES = {
    errno.EROFS: "make it writable, or work in a copy of the project",
    errno.EACCES: "give yourself the right to it, or work in a copy of the project",
    errno.EPERM: "give yourself the right to it, or work in a copy of the project",
    errno.EIO: "the disk may be failing: copy what you need from it",
    errno.EMFILE: "close other programs, or raise the limit with `ulimit -n`",
    errno.ENFILE: "close other programs, or raise the limit with `ulimit -n`",
}


MEMORY_IS_FULL = (
    "the memory is full: lower runtime.workers, or runtime.detect_batch or train.batch_size, in "
    "params.yaml, or end other programs; finished work is kept"
)
# torch's allocator, Arrow and Python say so in words alone; a thread wants memory for its stack.
OUT_OF_MEMORY = ("can't allocate memory", "Failed to launch worker thread", "start new thread")
# Address space without which a failure is one of memory, whatever a library says of it.
SHORT_OF = 1 << 27  # bytes


def system_fault(error: BaseException) -> str | None:
    """What the system refused, with the path and the reason; None where it was something else.

    Libraries wrap it in errors of their own, so that what they arose from counts too.
    """
    chain = list(_chain(error))
    if any(_is_full_disk(each) for each in chain):
        paths = (getattr(each, "filename", None) for each in chain)
        where = next((f" at {path}" for path in paths if path is not None), "")
        return f"the disk is full{where}: free some space and run again; finished work is kept"
    if any(_is_out_of_memory(each) for each in chain):
        return MEMORY_IS_FULL
    if not isinstance(error, OSError):
        is_told = isinstance(error, ValueError)  # in words of ours
        return MEMORY_IS_FULL if not is_told and is_memory_short(SHORT_OF) else None
    has_path = error.filename is not None
    what = f"{error.filename}: {error.strerror}" if has_path else str(error)
    if isinstance(error, FileNotFoundError | FileExistsError | NotADirectoryError):
        return f"{what}; another program has moved or removed it, or its path is wrong"
    remedy = REMEDIES.get(error.errno or 0)
    return f"{what}: {remedy}" if remedy else what or type(error).__name__


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _is_full_disk(error: BaseException) -> bool:
    # safetensors and Arrow tell it in words alone.
    return getattr(error, "errno", None) in FULL or "No space left on device" in str(error)


def is_memory_short(num_bytes: int) -> bool:
    """Asks for so much address space and gives it back.

    Few libraries say what they failed for: of oneDNN one hears that it made no primitive.
    """
    try:
        mmap.mmap(-1, num_bytes).close()
    except OSError:
        return True
    return False


def _is_out_of_memory(error: BaseException) -> bool:
    return (
        isinstance(error, MemoryError)
        or getattr(error, "errno", None) == errno.ENOMEM
        or type(error).__name__ == "OutOfMemoryError"  # of torch, on a GPU
        or any(words in str(error) for words in OUT_OF_MEMORY)
    )
