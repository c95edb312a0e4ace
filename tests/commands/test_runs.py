"""Former runs, from git's history of the figures."""

import json
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.commands.runs import COLUMNS, FORMER_PATH, former_runs, runs_text

AUTHOR = ("-c", "user.name=test", "-c", "user.email=test@example.invalid")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *AUTHOR, *arguments], cwd=folder, check=True, capture_output=True)


def commit(folder: Path, subject: str, psnr: float | None) -> None:
    path = folder / "data/evaluate/metrics.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    figures = {"hole_psnr": psnr, "hole_ssim": 0.5, "hole_l1": 0.1}
    path.write_text(json.dumps({} if psnr is None else {"model": figures}, indent=1))
    sums = {"data/crop/meta.json": "m", "data/train/generator.safetensors": str(psnr)}
    deps = [{"path": name, "md5": md5} for name, md5 in sums.items()]
    YAML().dump({"stages": {"evaluate": {"deps": deps}}}, folder / "dvc.lock")
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
    assert list(table["generator"]) == ["21.0", "20.0"] and set(table["shards"]) == {"m"}


def test_a_commit_that_removes_the_figures_is_no_run(repository: Path) -> None:
    commit(repository, "first", 20.0)
    git(repository, "rm", "--quiet", "data/evaluate/metrics.json")
    git(repository, "commit", "--quiet", "--message", "removed")
    assert list(former_runs(repository)["subject"]) == ["first"]


def test_experiments_come_first_with_what_they_changed(repository: Path) -> None:
    """As DVC keeps them: commits on no branch, under the commit that they began from."""
    params = repository / "params.yaml"
    params.write_text("train: {seed: 0, batch_size: 8}\n")
    commit(repository, "first", 20.0)
    base = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=repository, check=True, capture_output=True, text=True
    ).stdout.strip()
    for name, seed, psnr in (("gaunt-lord", 1, 22.0), ("failed-one", 2, None)):
        params.write_text(f"train: {{seed: {seed}, batch_size: 8}}\n")
        commit(repository, "dvc: commit experiment", psnr)
        git(repository, "update-ref", f"refs/exps/{base[:2]}/{base[2:]}/{name}", "HEAD")
        git(repository, "update-ref", f"refs/exps/celery/{name}", "HEAD")
        git(repository, "reset", "--quiet", "--hard", base)
    table = former_runs(repository)
    assert list(table["subject"]) == ["gaunt-lord: train.seed=1", "first"]
    assert list(table["hole_psnr"]) == [22.0, 20.0]


@pytest.mark.parametrize("place", [Path(), Path("below")])
def test_an_experiment_without_figures_is_no_run(repository: Path, place: Path) -> None:
    """Of some stages only, while the figures of a whole run lie in the working tree."""
    project = repository / place
    project.mkdir(exist_ok=True)
    (project / "params.yaml").write_text("train: {seed: 0}\n")
    commit(project, "of some stages", None)
    git(project, "rm", "--quiet", "data/evaluate/metrics.json", "dvc.lock")
    git(project, "commit", "--quiet", "--message", "dvc: commit experiment")
    git(project, "update-ref", f"refs/exps/{'0' * 2}/{'0' * 38}/partial", "HEAD")
    commit(project, "first", 20.0)
    assert list(former_runs(project)["subject"]) == ["first"]


def test_one_odd_commit_hides_no_other(repository: Path) -> None:
    commit(repository, "first", 20.0)
    commit(repository, "form\ffeed, line\u2028separator, \x85", 21.0)
    for path in ("dvc.lock", "data/evaluate/metrics.json"):
        file = repository / path
        text = file.read_text()
        file.write_text(f"<<<<<<< HEAD\n{text}\n=======\n{text}\n>>>>>>> other\n")
        with (repository / "data/evaluate/metrics.json").open("a") as metrics:
            metrics.write("\n")
        git(repository, "commit", "--quiet", "--all", "--message", f"unresolved {path}")
        file.write_text(text)
    (repository / "params.yaml").write_text("train: {seed: 1}\n")
    commit(repository, "experiment of a shallow clone", 22.0)
    git(repository, "update-ref", f"refs/exps/{'1' * 2}/{'1' * 38}/foreign", "HEAD")
    git(repository, "reset", "--quiet", "--hard", "HEAD~1")
    table = former_runs(repository)
    assert list(table["hole_psnr"]) == [22.0, 21.0, 20.0]
    assert table["subject"][0] == (
        "foreign: what it changed is not known, since 1111111 cannot be read here"
    )
    assert "line\u2028separator" in table["subject"][1]


def test_without_a_history_it_says_what_to_do(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="commit data/evaluate/metrics.json and"):
        former_runs(repository)


def test_nothing_is_written_unless_for_the_report(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(repository, "first", 20.0)
    monkeypatch.chdir(repository)
    assert "first" in runs_text(for_report=False) and not FORMER_PATH.exists()
    assert f"wrote {FORMER_PATH}" in runs_text(for_report=True) and FORMER_PATH.is_file()
