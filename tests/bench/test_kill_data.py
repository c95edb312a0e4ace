"""Data stages killed with `kill -9` and gone on with: the short form of bench/kill_data.py."""

import random
import sys
from pathlib import Path

import pytest

from pipeline.runtime.code_closure import ROOT

sys.path.append(str(ROOT / "bench"))
from kill_data import STAGES, kill_and_compare, prepare  # noqa: E402

NUM_PHOTOS, NUM_KILLS = 900, 2


@pytest.mark.slow
def test_killed_stages_leave_the_bytes_of_undisturbed_ones(tmp_path: Path) -> None:
    """The stage first, then one of its workers."""
    prepared = prepare(tmp_path / "prepared", NUM_PHOTOS, with_detector=False)
    for stage in STAGES:
        found = kill_and_compare(
            prepared, tmp_path, stage, NUM_KILLS, random.Random(stage), workers=[2]
        )
        assert found.kills == {"stage": 1, "worker": 1}
        assert found.num_parts >= 4 and found.remade == [] and found.differing == []
