"""The commands that a user of DVC types every day, in every place where there is a project.

Each place is a session: a line of it is a command, the exit code, and how its first line of output
begins. docs/sharing.md tells what is shown here.
"""

import re
import shlex
import shutil
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

from pipeline.runtime.code_closure import ROOT
from support.pictures import encoded, picture
from support.project import TINY, Project

pytestmark = pytest.mark.slow

SMALL = TINY | {"sources.synthetic.num_photos": 60}
SKIPPED = "Stage 'download' didn't change, skipping"
CLEAN = "Data and pipelines are up to date."

PAGE = ROOT / "docs/sharing.md"

Line = tuple[str, int, str]

FRESH: list[Line] = [
    # Nothing was run: DVC says what it lacks, and what it knows is true of any clone.
    ("git status --short", 0, ""),
    ("dvc status", 0, "download:"),
    ("dvc checkout", 255, "WARNING: No file hash info found for"),
    ("dvc pull", 1, "WARNING: No file hash info found for"),
    ("dvc metrics show", 0, "DVC failed to load some metrics"),
    ("dvc exp show", 0, ""),
    ("dvc exp list", 0, ""),
    ("dvc dag crop --md", 0, "```mermaid"),
    ("dvc stage list --name-only", 0, "download"),
    ("dvc data status", 0, "No changes."),
    ("dvc repro --dry download", 0, "Running stage 'download':"),
    ("dvc gc --workspace --force", 0, "WARNING: This will remove all cache except items used in"),
    ("scenefill check", 0, "params.yaml is fine"),
    ("scenefill results", 1, "error: results needs data/filter_people/funnel.json, which"),
    ("scenefill train", 1, "error: train needs data/crop/train, which `crop` makes"),
    ("scenefill runs", 0, "no former runs"),
    ("scenefill watch --once", 1, "error: no training has begun"),
    ("git status --short", 0, ""),
]
PARTIAL: list[Line] = [
    ("dvc repro filter_categories", 0, "Running stage 'download':"),
    ("dvc repro filter_categories", 0, SKIPPED),
    ("dvc exp run -S filter_categories.categories=[b/beach] filter_categories", 0, "Reproducing"),
    ("git checkout --quiet params.yaml", 0, ""),
    ("dvc repro", 0, SKIPPED),
    ("dvc status", 0, CLEAN),
    ("dvc repro", 0, SKIPPED),
    ("dvc checkout", 0, ""),
    ("dvc gc --workspace --force", 0, "WARNING: This will remove all cache except items used in"),
    ("scenefill results", 0, "60 photos:"),
    # What git does not have yet is what keeps this run: its lock and its figures.
    ("git diff --quiet", 0, ""),
    ("scenefill record", 0, "committed this run to git as "),
    ("git status --short", 0, ""),
    ("dvc status", 0, CLEAN),
    ("scenefill record", 0, "git has this run already"),
    ("scenefill runs", 0, "revision"),
    ("git -c user.name=t -c user.email=t@t.invalid tag -a generator@v1.0.0 -m one", 0, ""),
    ("git -c user.name=t -c user.email=t@t.invalid tag -a shards@v1.0.0 -m one", 0, ""),
]
EXPERIMENTS: list[Line] = [
    ("dvc metrics show data/evaluate/metrics.json", 0, "Path"),
    ("dvc metrics diff", 0, ""),
    ("dvc plots show", 0, "file://"),
    ("dvc exp run --name seed-1 -S train.seed=1", 0, "Reproducing experiment 'seed-1'"),
    ("dvc metrics diff", 0, "Path"),
    ("dvc params diff", 0, "Path         Param       HEAD    workspace"),
    ("dvc plots diff", 0, "file://"),
    ("dvc diff", 0, "Modified:"),
    ("dvc exp show --only-changed", 0, ""),
    ("git checkout --quiet .", 0, ""),
    ("dvc checkout", 0, "M       data/evaluate/grids/"),
    ("dvc status", 0, CLEAN),
    ("dvc exp run --temp --name temp -S crop.seed=1", 0, "Reproducing experiment 'temp'"),
    ("dvc exp run --queue --name first -S train.seed=2", 0, "Queueing with overrides"),
    ("dvc exp run --queue --name second -S train.seed=3", 0, "Queueing with overrides"),
    ("dvc queue start --jobs 2", 0, "Started '2' new experiments task queue workers."),
]
QUEUED: list[Line] = [
    ("dvc queue status", 0, "Task     Name"),
    ("dvc exp apply first", 0, "Changes for experiment 'first' have been applied"),
    ("dvc status", 0, CLEAN),
    ("dvc repro", 0, SKIPPED),
    ("dvc exp branch second two", 0, "Git branch 'two' has been created from experiment 'second'."),
    ("git checkout --quiet .", 0, ""),
    ("dvc checkout", 0, "M       data/evaluate/grids/"),
    ("git checkout --quiet two", 0, ""),
    ("dvc checkout", 0, "M       data/evaluate/grids/"),
    ("dvc status", 0, CLEAN),
    ("git checkout --quiet -", 0, ""),
    ("dvc checkout", 0, "M       data/evaluate/grids/"),
    ("dvc exp remove temp", 0, "Removed experiments: 'temp'"),
]
SHARING: list[Line] = [
    ("dvc remote add --default shared {remote}", 0, "Setting 'shared' as a default remote."),
    ("git -c user.name=t -c user.email=t@t.invalid commit --quiet --all -m remote", 0, ""),
    ("dvc push", 0, ""),
]
COLLEAGUE: list[Line] = [
    ("dvc pull", 0, "A       data/crop/test/"),
    ("dvc status", 0, CLEAN),
    ("dvc repro", 0, SKIPPED),
    ("git status --short", 0, ""),
    ("scenefill results", 0, "60 photos:"),
    ("dvc exp run --name wider -S holes.box.side_min=18", 0, "Reproducing experiment 'wider'"),
    ("dvc exp diff", 0, "Path"),
    ("git checkout --quiet .", 0, ""),
    ("dvc checkout", 0, "M       "),
    # The photos themselves are not shared.
    ("scenefill filter_people", 1, "error: the photos of this run are not here"),
    ("dvc repro --force --single-item download", 0, "Running stage 'download':"),
    ("scenefill filter_people", 0, ""),
    ("dvc status", 0, CLEAN),
    ("dvc exp push origin wider", 0, ""),
]
SECOND_COLLEAGUE: list[Line] = [
    ("dvc exp list origin", 0, ""),
    ("dvc exp pull origin wider", 0, ""),
    ("dvc exp apply wider", 0, ""),
    ("dvc status", 0, CLEAN),
    ("dvc repro", 0, SKIPPED),
]
OTHER_REPOSITORY: list[Line] = [
    ("git init --quiet", 0, ""),
    ("dvc init --quiet", 0, ""),
    ("dvc artifacts get {origin} generator --out generator", 0, ""),
    ("dvc artifacts get {origin} shards --out shards", 0, ""),
    ("dvc get {origin} data/crop --out crop", 0, ""),
    ("dvc import {origin} data/train --out trained", 0, "Importing 'data/train ({origin})'"),
    ("dvc status", 0, CLEAN),
]
ZIP: list[Line] = [
    ("dvc status", 255, "ERROR: {here} is not a git repository"),
    ("scenefill check", 0, "params.yaml is fine"),
    ("git init --quiet", 0, ""),
    ("dvc status", 0, "download:"),
    ("dvc repro index", 0, "Running stage 'download':"),
    ("dvc status index", 0, ""),
]
FOLDER: list[Line] = [
    ("scenefill use folder", 0, "--- before"),
    ("dvc repro download", 255, ""),
]
PHOTOS: list[Line] = [
    ("scenefill check", 0, "params.yaml is fine"),
    ("dvc repro", 0, ""),
    ("dvc remote add --default shared {remote}", 0, "Setting 'shared' as a default remote."),
    ("scenefill record", 0, "this run was not committed to git: "),
    ("git add --all", 0, ""),
    ("git -c user.name=t -c user.email=t@t.invalid commit --quiet --message run", 0, ""),
    ("scenefill record", 0, "git has this run already"),
    ("dvc status", 0, CLEAN),
    ("dvc push", 0, ""),
]
WITHOUT_PHOTOS: list[Line] = [
    ("dvc pull", 0, "A       data/crop/test/"),
    ("dvc repro", 255, "ERROR: failed to reproduce 'download'"),
    ("dvc repro --allow-missing", 0, SKIPPED),
    ("git status --short", 0, ""),
    ("dvc exp run --allow-missing --name more -S train.seed=1", 0, "Reproducing experiment 'more'"),
    ("scenefill filter_people", 1, "error: the photos of this run are not here"),
]
PHOTOS_IN_DVC: list[Line] = [
    ("dvc add data/photos", 0, ""),
    ("dvc repro", 0, ""),
    ("dvc status", 0, CLEAN),
    ("git add --all", 0, ""),
    ("git -c user.name=t -c user.email=t@t.invalid commit --quiet --message photos", 0, ""),
    ("git status --short", 0, ""),
    ("dvc exp run --temp --name temp -S train.seed=1", 0, "Reproducing experiment 'temp'"),
    ("dvc exp apply temp", 0, "Changes for experiment 'temp' have been applied"),
    ("dvc status", 0, CLEAN),
    ("git checkout --quiet .", 0, ""),
    ("dvc exp run --queue --name one -S train.seed=2", 0, "Queueing with overrides"),
    ("dvc exp run --queue --name two -S crop.seed=2", 0, "Queueing with overrides"),
    ("dvc queue start --jobs 2", 0, "Started '2' new experiments task queue workers."),
]
PHOTOS_QUEUED: list[Line] = [
    ("dvc exp apply two", 0, "Changes for experiment 'two' have been applied"),
    ("dvc status", 0, CLEAN),
    ("dvc repro", 0, ""),
    ("git status --short data/photos.dvc", 0, ""),
    ("dvc exp branch one one-branch", 0, "Git branch 'one-branch' has been created"),
]


SESSIONS = [
    *(FRESH, PARTIAL, EXPERIMENTS, QUEUED, SHARING, COLLEAGUE, SECOND_COLLEAGUE, OTHER_REPOSITORY),
    *(ZIP, FOLDER, PHOTOS, WITHOUT_PHOTOS, PHOTOS_IN_DVC, PHOTOS_QUEUED),
]


def test_the_page_on_sharing_shows_what_is_typed_here() -> None:
    typed = {re.sub(r"{\w+}", "*", line[0]) for session in SESSIONS for line in session}
    shown = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)
    commands = [command for block in shown for command in block.splitlines()]
    assert len(commands) > 15 and sum(map(len, SESSIONS)) > 60
    for command in commands:
        assert any(fnmatch(command, each) for each in typed), command


def play(project: Project, lines: list[Line], **names: str) -> None:
    """Types the lines; all that went otherwise is told at once."""
    others = []
    for command, code, begin in lines:
        command, begin = command.format_map(names), begin.format_map(names)
        words = shlex.split(command)
        if words[0] == "scenefill":
            words[:1] = ["python", "-m", "pipeline"]
        process = project.start(*words)
        output, _ = process.communicate()
        first = output.splitlines()[0] if output else ""
        is_as_said = first.startswith(begin) if begin or words[0] != "git" else first == ""
        if process.returncode != code or not is_as_said or "Traceback" in output:
            others.append(f"$ {command}\n  {process.returncode}, not {code}; {begin!r}:\n{output}")
    assert not others, "\n".join(others)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, demo_detector: None) -> Project:
    """A fresh clone, as far as git and DVC see it."""
    project = Project(tmp_path_factory.mktemp("origin") / "project")
    project.set_all(SMALL)
    project.commit()
    return project


@pytest.fixture(scope="module")
def run(project: Project) -> Project:
    """The same after its first run, committed."""
    play(project, FRESH)
    play(project, PARTIAL)
    return project


def clone(project: Project, folder: Path) -> Project:
    subprocess.run(["git", "clone", "--quiet", str(project.folder), str(folder)], check=True)
    return at(folder)


def at(folder: Path) -> Project:
    """A folder in which commands are typed."""
    place = Project.__new__(Project)
    place.folder = folder
    return place


def test_experiments(run: Project) -> None:
    play(run, EXPERIMENTS)
    run.run("dvc", "queue", "logs", "second", "--follow")
    play(run, QUEUED)


def test_sharing(run: Project, tmp_path: Path) -> None:
    """Into a path with a blank and an accent; what the colleague tries goes to a second one."""
    play(run, SHARING, remote=str(tmp_path / "remote"))
    colleague = clone(run, tmp_path / "a colleague's é/clone")
    play(colleague, COLLEAGUE)
    play(clone(run, tmp_path / "second"), SECOND_COLLEAGUE)


def test_another_repository(run: Project, tmp_path: Path) -> None:
    """What is got from a run is complete: nothing of the project has to be beside it."""
    other = at(tmp_path)
    play(other, OTHER_REPOSITORY, origin=str(run.folder))
    code = "from pipeline.api import load; print(load('generator'))"
    assert "Generator" in other.run("python", "-c", code)
    for shards in ("shards", "crop"):
        assert {path.name for path in (tmp_path / shards).iterdir()} == {
            *("train", "val", "test", "meta.json")
        }
    assert (tmp_path / "trained/generator.safetensors").is_file()
    code = f"import dvc.api; print(dvc.api.read('data/evaluate/metrics.json', {str(run.folder)!r}))"
    assert "hole_psnr" in other.run("python", "-c", code)


def test_a_zip_copy(project: Project, tmp_path: Path) -> None:
    other = clone(project, tmp_path / "zip")
    shutil.rmtree(other.folder / ".git")
    play(other, ZIP, here=str(other.folder))


def test_own_photos(tmp_path: Path) -> None:
    project = Project(tmp_path / "own")
    project.commit()
    play(project, FOLDER)
    for number in range(30):
        path = project.folder / f"data/photos/{'ab'[number % 2]}/{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture(number)))
    project.set_all(SMALL)
    project.set("detect_people.enabled", False)  # its weights would have to be downloaded
    play(project, PHOTOS, remote=str(tmp_path / "remote"))
    play(clone(project, tmp_path / "colleague"), WITHOUT_PHOTOS)
    play(project, PHOTOS_IN_DVC)
    for name in ("one", "two"):
        project.run("dvc", "queue", "logs", name, "--follow")
    play(project, PHOTOS_QUEUED)
