"""Former runs, from git's history of the figures."""

import json
import subprocess
from pathlib import Path

import pytest

from pipeline.commands.runs import COLUMNS, former_runs

AUTHOR = ("-c", "user.name=test", "-c", "user.email=test@example.invalid")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *AUTHOR, *arguments], cwd=folder, check=True, capture_output=True)


def commit(folder: Path, subject: str, psnr: float | None) -> None:
    path = folder / "data/evaluate/metrics.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    figures = {"hole_psnr": psnr, "hole_ssim": 0.5, "hole_l1": 0.1}
    metrics = {"num_photos": 6, "test_sha256": "t", "generator_sha256": str(psnr)}
    path.write_text(json.dumps(metrics | ({} if psnr is None else {"model": figures}), indent=1))
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", subject)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    return tmp_path


def test_runs_are_listed_newest_first_and_once(repository: Path) -> None:
    commit(repository, "first", 20.0)
    commit(repository, "vanilla: no holes", None)
    commit(repository, "second, with\ta tab", 21.0)
    path = repository / "data/evaluate/metrics.json"
    path.write_text(path.read_text() + "\n")
    git(repository, "commit", "--quiet", "--all", "--message", "only a line more")
    table = former_runs(repository)
    assert list(table.columns) == COLUMNS
    assert list(table["hole_psnr"]) == [21.0, 20.0]
    assert list(table["subject"]) == ["second, with\ta tab", "first"]
    assert (table["num_photos"] == 6).all()


def test_a_commit_that_removes_the_figures_is_no_run(repository: Path) -> None:
    commit(repository, "first", 20.0)
    git(repository, "rm", "--quiet", "data/evaluate/metrics.json")
    git(repository, "commit", "--quiet", "--message", "removed")
    assert list(former_runs(repository)["subject"]) == ["first"]


def test_without_a_history_it_says_what_to_do(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="commit data/evaluate/metrics.json after a run"):
        former_runs(repository)
