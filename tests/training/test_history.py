"""DVCLive files and nothing else."""

import json
import subprocess
from pathlib import Path

import pytest

from pipeline.report.history import read_history
from pipeline.training.history import write_history


def test_history_leaves_its_folder_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even in a git repository without commits, under `dvc exp run`."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "0" * 40)
    monkeypatch.setenv("DVC_STUDIO_TOKEN", "secret")
    rows = [
        {"step": 2, "images": 8, "train/mse/mse": 0.5},
        {"step": 4, "images": 16, "train/mse/mse": 0.25, "val/hole_l1": 0.125},
    ]
    write_history(Path("history"), rows)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".git", "history"]
    assert json.loads(Path("history/metrics.json").read_text()) == {
        "images": 16,
        "step": 4,
        "train": {"mse": {"mse": 0.25}},
        "val": {"hole_l1": 0.125},
    }
    assert read_history(Path("history")) == rows
    curve = Path("history/plots/metrics/train/mse/mse.tsv").read_text()
    assert curve == "step\tmse\n2\t0.5\n4\t0.25\n"
