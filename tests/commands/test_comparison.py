"""What systems that are compared share."""

from pathlib import Path

import pytest

from pipeline.commands.comparison import System, measure
from pipeline.config.profiles import render


def test_without_the_scene_network_nothing_is_trained(tmp_path: Path) -> None:
    """The evaluation would only say so after the training."""
    (tmp_path / "data/crop").mkdir(parents=True)
    (tmp_path / "params.yaml").write_text(render("sample"))
    missing = "train_features is missing: run `dvc repro train_features"
    with pytest.raises(ValueError, match=missing):
        measure(System("one", "ganscape", {}), 0, tmp_path, tmp_path / "runs/one-0")
