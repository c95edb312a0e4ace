import hashlib
from pathlib import Path

import numpy as np

from pipeline.downloads.running_sums import RunningSums


def test_sums_of_a_file_that_grows_are_those_of_the_whole(tmp_path: Path) -> None:
    """With bytes before the start, as after a kill, and pieces of odd sizes behind them."""
    data = np.random.default_rng(0).bytes(3_000_000)
    path = tmp_path / "part"
    path.write_bytes(data[:1_234_567])
    sums = RunningSums(path)
    with path.open("ab", buffering=0) as file:
        for start in range(1_234_567, len(data), 77_777):
            file.write(data[start : start + 77_777])
            sums.grown()
    assert sums.digests() == (hashlib.md5(data).hexdigest(), hashlib.sha256(data).hexdigest())
    sums.close()


def test_leaving_early_ends_the_thread(tmp_path: Path) -> None:
    path = tmp_path / "part"
    path.write_bytes(bytes(10_000_000))
    RunningSums(path).close()
