"""A run as a commit: what is in it, and when there is none."""

import subprocess
from pathlib import Path

import pytest

from pipeline.commands.record import record_run
from pipeline.runtime.code_closure import ROOT

FIGURES = ["data/evaluate/metrics.json", "data/filter_people/people_filter.json"]
RUN = ["dvc.lock", *FIGURES]


def git(*arguments: str) -> str:
    run = subprocess.run(["git", *arguments], check=True, capture_output=True, text=True)
    return run.stdout.strip()


def write(*paths: str, text: str = "{}\n") -> None:
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def commit_all() -> None:
    git("add", "--all")
    git("-c", "user.name=me", "-c", "user.email=me@example.invalid", "commit", "-qm", "all")


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with dvc.yaml and params.yaml of the project, in no repository; git knows nobody."""
    for name in ("dvc.yaml", "params.yaml", ".gitignore"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    settings = tmp_path.parent / f"{tmp_path.name}.gitconfig"
    settings.write_text("[user]\nuseConfigOnly = true\n[init]\ndefaultBranch = main\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    for role in ("AUTHOR", "COMMITTER"):
        for what in ("NAME", "EMAIL"):
            monkeypatch.delenv(f"GIT_{role}_{what}", raising=False)
    return tmp_path


@pytest.fixture
def clone(copy: Path) -> Path:
    """The same, committed."""
    git("init", "--quiet")
    commit_all()
    return copy


def test_a_run_is_committed_alone_and_once(clone: Path) -> None:
    write(*RUN)
    write("notes.txt", "data/evaluate/scores.csv")
    said = record_run()
    assert git("log", "-1", "--format=%s") == "Run: scenefill on synthetic"
    assert git("show", "--name-only", "--format=").splitlines() == sorted(RUN)
    assert git("rev-parse", "--short", "HEAD") in said and "git reset HEAD~1" in said
    assert git("status", "--short") == "?? notes.txt"
    assert record_run() == "git has this run already"
    write(FIGURES[0], text='{"a": 1}\n')
    assert FIGURES[0] in record_run()
    assert git("show", "--name-only", "--format=") == FIGURES[0]
    assert git("rev-list", "--count", "HEAD") == "3"


def after_a_run() -> str:
    write(*RUN)
    return record_run()


def test_the_commit_can_be_taken_back(clone: Path) -> None:
    write(*RUN)
    record_run()
    git("reset", "HEAD~1")
    assert git("rev-list", "--count", "HEAD") == "1"
    assert all(Path(path).is_file() for path in RUN)


@pytest.mark.parametrize("who", [{}, {"user.name": "Ada"}, {"user.email": "ada@example.invalid"}])
def test_who_commits_is_taken_from_git_where_it_knows(clone: Path, who: dict[str, str]) -> None:
    for key, text in who.items():
        git("config", key, text)
    write(*RUN)
    record_run()
    known = {"user.name": "scenefill", "user.email": "scenefill@localhost"} | who
    assert git("show", "--no-patch", "--format=%an %ae") == " ".join(known.values())


@pytest.mark.parametrize("staged", [[], ["params.yaml", "new.py"]])
def test_a_run_of_what_git_has_not_is_not_committed(clone: Path, staged: list[str]) -> None:
    write("new.py", *RUN)
    with Path("params.yaml").open("a") as file:
        file.write("# edited\n")
    if staged:
        git("add", *staged)
    said = record_run()
    changed = ", ".join(sorted(staged) or ["params.yaml"])
    assert said.startswith(f"this run was not committed to git: {changed} changed since")
    assert "git add --all" in said and git("rev-list", "--count", "HEAD") == "1"
    assert git("diff", "--cached", "--name-only").splitlines() == sorted(staged)


def test_without_a_branch_the_commit_is_kept_by_one(clone: Path) -> None:
    git("checkout", "--quiet", "--detach")
    assert "on no branch: `git switch -c NAME`" in after_a_run()
    assert git("status", "--short") == ""


def test_in_a_folder_of_another_repository(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = copy / "inner"
    write("inner/x")
    for name in ("dvc.yaml", "params.yaml", ".gitignore"):
        (copy / name).rename(inner / name)
    write("outside.txt")
    git("init", "--quiet")
    commit_all()
    write("outside.txt", text="edited\n")
    monkeypatch.chdir(inner)
    assert "committed this run to git as" in after_a_run()
    assert git("status", "--short").endswith("M ../outside.txt")


def test_another_users_repository(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git("init", "--quiet")
    commit_all()
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert "safe.directory" in after_a_run()


def test_a_zip_copy(copy: Path) -> None:
    assert f"not committed to git: {copy} is in no repository" in after_a_run()
    git("init", "--quiet")
    assert "not committed to git: no commit holds the project yet" in record_run()
    assert git("status", "--short", "dvc.lock") == "?? dvc.lock"


def test_without_git(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(copy))
    assert "not committed to git: git is not on PATH" in after_a_run()


def test_without_a_run(clone: Path) -> None:
    with pytest.raises(ValueError, match=r"record needs dvc\.lock, .*: run `dvc repro`"):
        record_run()


def test_what_git_says_is_passed_on(clone: Path) -> None:
    write(".git/hooks/pre-commit", text="#!/bin/sh\necho no run on Sundays >&2\nexit 1\n")
    Path(".git/hooks/pre-commit").chmod(0o755)
    write(*RUN)
    with pytest.raises(ValueError, match="git does not commit this run: no run on Sundays"):
        record_run()
    assert git("rev-list", "--count", "HEAD") == "1"
