"""What a training is planned to cost, from steps that are really made."""

from pathlib import Path

import pytest

from models.components.schedule import Phase, PhaseSchedule
from models.registry import options_model
from pipeline.params.train import TrainParams
from pipeline.planning import training_steps
from pipeline.planning.cost import Cost
from pipeline.planning.training_steps import counted, num_images, training_cost
from support.noise_shards import write_shards
from support.runtime import runtime

PARAMS = TrainParams.model_validate(
    {"recipe": "ganscape", "seed": 0, "budget": "80 images", "batch_size": 4, "accumulate": 1}
    | {"holes": "fresh", "adversary": True, "flip": True, "precision": "fp32", "compile": "none"}
    | {"ema_images": 0, "select": "last", "patience_images": 0, "sync_every": 3, "log_every": 4}
    | {"sample_every": 5, "checkpoint_every": 6, "num_samples": 3}
)


def test_phases_count_as_the_schedule_runs_through_them() -> None:
    phases = [Phase((("a",),), 3), Phase((("b",), ("a", "b")), 4)]
    kinds = counted(PhaseSchedule(phases), 16)
    assert kinds == {("a",): 3 + 3 + 2, ("b",): 4, ("a", "b"): 4}


def test_the_cost_is_that_of_the_steps_of_each_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crop_dir = write_shards(tmp_path / "crop", {"train": 8, "val": 2, "test": 1})
    values = {"preset": "default", "width": 2, "phases": [0.5, 0.25, 0.25]}
    options = options_model("ganscape").model_validate(values)
    asked: list[str] = []

    def timed(work: object, state: object) -> float:
        assert callable(work)
        work()  # really made
        asked.append(work.__name__)
        return 2.0 if work.__name__ == "step" else 10.0

    monkeypatch.setattr(training_steps, "_timed", timed)
    cost = training_cost(crop_dir, tmp_path / "steps", PARAMS, options, runtime(), 40)
    # Two seconds a step of four images, and ten a validation every five steps.
    assert cost.each == pytest.approx((2.0 + 10.0 / 5) / 4)
    steps = training_steps.WARM_UP + training_steps.TIMED
    assert asked.count("step") % steps == 0 and asked.count("step") >= 2 * steps
    assert asked.count("validate") == 3


def test_minutes_pay_for_as_many_images_as_a_step_allows() -> None:
    minutes = PARAMS.model_copy(update={"budget": "2 minutes"})
    assert num_images(minutes, 100, Cost(0.0, 0.5, 0.5)) == 240
    assert num_images(minutes, 100, Cost(0.0, None, 0.5)) is None
    epochs = PARAMS.model_copy(update={"budget": "3 epochs"})
    assert num_images(epochs, 100, Cost(0.0, 0.5, 0.5)) == 300
