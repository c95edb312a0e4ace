"""Faults every few seconds, all data stages: the short form of bench/long_run.py."""

import sys
from pathlib import Path

import pytest

from pipeline.runtime.code_closure import ROOT

sys.path.append(str(ROOT / "bench"))
from long_run import compare  # noqa: E402


@pytest.mark.slow
def test_a_run_under_faults_leaves_the_bytes_of_an_undisturbed_one(tmp_path: Path) -> None:
    found = compare(tmp_path, num_photos=300, every=2.0, seed=0)
    assert found.differing == [] and found.faults.total() > 0
