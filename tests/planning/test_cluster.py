"""Which work several machines share, and what is known of it."""

import pytest

from pipeline.cli import STAGES
from pipeline.planning.cluster import SHARED, Cluster, estimate
from pipeline.planning.cost import Cost
from pipeline.planning.sample_run import Costs

NUMBER = 1000


def costs(on_gpu: bool) -> Costs:
    stages = dict.fromkeys(STAGES, Cost(1.0, 0.1, 0.1))
    return Costs(stages=stages, decoding=Cost(1.0, 0.02, 0.02), on_gpu=on_gpu)


@pytest.mark.parametrize("stage", STAGES)
def test_nodes_share_some_stages_and_leave_the_others_alone(stage: str) -> None:
    one, four = (estimate(stage, NUMBER, costs(False), Cluster(nodes)) for nodes in (1, 4))
    assert one.seconds == 101
    assert four.seconds == (26 if stage in (*SHARED, "train") else 101)


def test_gpus_that_are_not_here_are_not_guessed() -> None:
    found = estimate("detect_people", NUMBER, costs(False), Cluster(2, 4))
    assert found.seconds is None and "at least 11 s of decoding" in found.remark
    trained = estimate("train", NUMBER, costs(False), Cluster(1, 4))
    assert trained.seconds is None and "no GPU here" in trained.remark


def test_a_detector_is_no_faster_than_what_decodes_for_it() -> None:
    few = estimate("detect_people", NUMBER, costs(True), Cluster(1, 2))
    assert few.seconds == 51 and few.bound == "the detector's GPUs"
    many = estimate("detect_people", NUMBER, costs(True), Cluster(1, 100))
    assert many.seconds == 21 and "decode" in many.bound
    assert estimate("train", NUMBER, costs(True), Cluster(2, 5)).seconds == 11


def test_what_cannot_be_told_is_bounded() -> None:
    unclear = Costs(stages={"index": Cost(1.0, None, 0.5)})
    found = estimate("index", NUMBER, unclear, Cluster())
    assert found.seconds is None and found.at_most == 501
    absent = estimate("train", NUMBER, Costs(reasons={"train": "why"}), Cluster())
    assert (absent.seconds, absent.at_most, absent.remark) == (None, None, "why")
