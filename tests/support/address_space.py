"""A process whose memory is short, as under `ulimit -v` or in a batch system."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def address_space_now() -> int:
    """Of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


@contextmanager
def address_space(num_bytes: int) -> Iterator[None]:
    """While the block runs, the process gets at most `num_bytes` more."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (address_space_now() + num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
