"""People as holes, found by the sample's own detector."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.detection.detector import PersonBox
from pipeline.image_files.people import PeopleFinder
from pipeline.runtime.code_closure import ROOT


@pytest.fixture
def finder(demo_detector: None, scratch_root: Path) -> PeopleFinder:
    return PeopleFinder(ROOT / "params.yaml", "cpu")


def test_boxes_that_count_become_holes_with_a_margin(
    finder: PeopleFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the threshold of params.yaml, 0.4; margins are a tenth of 50 px, and at least 4 px."""
    boxes = [
        PersonBox(0.4, top=20, left=30, height=50, width=20),
        PersonBox(0.39, top=0, left=100, height=50, width=20),
        PersonBox(0.9, top=90, left=0, height=10, width=5),
    ]
    monkeypatch.setattr(finder._detector, "detect", lambda images: [boxes])
    expected = np.zeros((100, 160), bool)
    expected[15:75, 25:55] = True
    expected[86:100, 0:9] = True
    assert np.array_equal(finder.mask(np.zeros((100, 160, 3), np.uint8)), expected)


def test_a_plain_picture_has_nobody_in_it(finder: PeopleFinder) -> None:
    assert not finder.mask(np.full((100, 160, 3), 128, np.uint8)).any()
