"""People as holes, found by the sample's own detector."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.detection.detector import PersonBox
from pipeline.image_files.people import OutlineWeights, PeopleFinder
from pipeline.runtime.checksums import sha256_of
from pipeline.runtime.code_closure import ROOT

PARAMS = ROOT / "params.yaml"


@pytest.fixture
def finder(demo_detector: None, scratch_root: Path) -> PeopleFinder:
    return PeopleFinder(PARAMS, "cpu")


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


def test_a_photo_that_is_nearly_all_person_is_refused(
    finder: PeopleFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = [PersonBox(0.9, top=2, left=5, height=98, width=140)]
    monkeypatch.setattr(finder._detector, "detect", lambda images: [boxes])
    with pytest.raises(ValueError, match="take 99% of the photo, and at most 80% can be removed"):
        finder.mask(np.zeros((100, 160, 3), np.uint8))


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of YOLO11n-seg without any training, which takes every place for a person."""
    from pipeline.detection.detector import import_ultralytics

    folder = tmp_path_factory.mktemp("outlines")
    import_ultralytics(folder / "settings")
    yolo_class: Any = importlib.import_module("ultralytics").YOLO
    path = folder / "untrained-seg.pt"
    torch.manual_seed(0)  # with some weights all outlines are empty, and left out
    yolo = yolo_class("yolo11n-seg.yaml")
    yolo.model.names[0] = "person"
    for scores in yolo.model.model[-1].cv3:
        scores[-1].bias.data[0] = 3.0
    yolo.save(path)
    return path


def test_outlines_are_masks_of_the_picture_and_their_weights_are_pinned(
    segmenter: Path, scratch_root: Path
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (100, 160, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match=r"has the sha256\n  [0-9a-f]{64}, and --outline-sha256"):
        PeopleFinder(PARAMS, "cpu", OutlineWeights(segmenter, ""))
    finder = PeopleFinder(PARAMS, "cpu", OutlineWeights(segmenter, sha256_of(segmenter)))
    assert finder._outliner is not None
    outlines = list(finder._outliner.outlines(picture, min_score=0.5))
    assert outlines
    assert all(each.shape == (100, 160) and each.dtype == bool for each in outlines)


def test_an_outline_is_grown_and_a_person_beside_another_is_a_hole_of_its_own(
    segmenter: Path, scratch_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder = PeopleFinder(PARAMS, "cpu", OutlineWeights(segmenter, sha256_of(segmenter)))
    people = np.zeros((2, 100, 160), bool)
    people[0, 20:60, 30:40] = people[1, 20:60, 90:100] = True
    monkeypatch.setattr(finder._outliner, "outlines", lambda picture, score: iter(people))
    mask = finder.mask(np.zeros((100, 160, 3), np.uint8))
    assert mask[16:64, 30:40].all() and not mask[:16].any() and not mask[:, 44:86].any()
    assert mask.sum() < 2 * 48 * 18, "round at the corners"
