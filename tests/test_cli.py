"""Single commands as a user types them; faults end with one screen of words and a code."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError

from pipeline import cli
from pipeline.runtime.code_closure import ROOT
from pipeline.runtime.system_faults import system_fault
from support.address_space import address_space
from support.pictures import encoded, picture
from support.places_archives import train_tar
from support.places_server import pinned, places_server
from support.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project on three photos of its own, without detection."""
    project = Project(tmp_path / "project")
    for name in ("sea/a.jpg", "sea/b.jpg", "hill/c.jpg"):
        path = project.folder / "data/photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture(len(name) + ord(name[-5]))))
    project.set("download.source", "folder")
    project.set("sources.folder.path", "data/photos")
    project.set("filter_categories.categories", "all")
    return project


Scenefill = Callable[..., str]


@pytest.fixture
def scenefill(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Scenefill:
    """A command in the project, in this process: a fresh one would mostly import. Its output."""
    monkeypatch.chdir(project.folder)
    monkeypatch.delenv("DVC_ROOT", raising=False)

    def run(*words: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["scenefill", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = "".join(capfd.readouterr())
        assert (ended.value.code or 0) == code, said
        return said

    return run


def fails(project: Project, scenefill: Scenefill, stage: str, *words: str) -> None:
    """The stage ends with code 1 and one screen that holds all `words`, and leaves no outs."""
    check_failure(project, stage, scenefill(stage, code=1), *words)


def check_failure(project: Project, stage: str, output: str, *words: str) -> None:
    assert "Traceback" not in output
    assert len(output.splitlines()) <= 24
    for word in words:
        assert word in output
    left = [path for path in (project.folder / "data" / stage).rglob("*") if path.is_file()]
    assert left == []


def test_a_fault_in_a_process_of_its_own(project: Project) -> None:
    """As a user meets it; the other faults are looked at in this process."""
    project.set("sources.folder.path", "nowhere")
    output = project.run("python", "-m", "pipeline", "download", code=1)
    check_failure(project, "download", output, "error: params.yaml sources.folder.path is 'nowhere")


def test_bad_input_of_the_data_stages(project: Project, scenefill: Scenefill) -> None:
    project.set("sources.folder.path", "nowhere")
    fails(project, scenefill, "download", "error: params.yaml sources.folder.path is 'nowhere'")
    (project.folder / "empty").mkdir()
    project.set("sources.folder.path", "empty")
    fails(project, scenefill, "download", "there is no photo in it")
    project.set("sources.folder.path", "data/photos")

    fails(
        project,
        scenefill,
        "filter_categories",
        "needs data/index/index.parquet",
        "dvc repro index`",
    )
    for stage in ("download", "index"):
        scenefill(stage)
    project.set("filter_categories.categories", ["see"])
    fails(project, scenefill, "filter_categories", "holds 'see'", "did you mean `sea`?")
    project.set("filter_categories.categories", [])
    fails(project, scenefill, "filter_categories", "is empty")
    project.set("filter_categories.categories", "all")
    scenefill("filter_categories")

    project.set("detect_people.weights", "yolo11n_.pt")
    fails(project, scenefill, "detect_people", "'yolo11n_.pt'", "Choose one of")
    project.set("detect_people.weights", "weights/mine.pt")
    fails(project, scenefill, "detect_people", "there is no such file")
    (project.folder / "other.pt").write_bytes(b"other weights")
    project.set("detect_people.weights", "./other.pt")
    fails(project, scenefill, "detect_people", "has the sha256", "other bytes are not loaded")

    project.set("detect_people.enabled", False)
    scenefill("detect_people")
    project.set("downscale.image_size", 320)
    scenefill("filter_people")
    fails(project, scenefill, "downscale", "no photo is left", "downscale.image_size")


def test_everything_filtered_out(project: Project, scenefill: Scenefill) -> None:
    for path in (project.folder / "data/photos").rglob("*.jpg"):
        path.write_bytes(b"no photo")
    project.set("detect_people.enabled", False)
    for stage in ("download", "index", "filter_categories", "detect_people"):
        scenefill(stage)
    fails(project, scenefill, "filter_people", "no photo is left of 3: {'broken': 3}")


def test_the_whole_file_is_checked_before_any_stage(project: Project, scenefill: Scenefill) -> None:
    project.set("train.batch_size", "banana")
    fails(project, scenefill, "download", "params.yaml train.batch_size is 'banana'")


@pytest.mark.slow
def test_new_photos_are_noticed(project: Project) -> None:
    project.set("detect_people.enabled", False)
    assert project.repro("filter_categories") == ["download", "filter_categories", "index"]
    assert project.repro("filter_categories") == []
    (project.folder / "data/photos/sea/new.jpg").write_bytes(encoded(picture(77)))
    assert project.repro("filter_categories") == ["download", "filter_categories", "index"]


def test_use_writes_a_profile_and_shows_the_difference(
    project: Project, scenefill: Scenefill
) -> None:
    before = (project.folder / "params.yaml").read_text()
    output = scenefill("use", "folder")
    assert "+  source: folder" in output or "weights: yolo11n.pt" in output
    assert (project.folder / ".work/params-before-use.yaml").read_text() == before
    assert project.params()["detect_people"]["weights"] == "yolo11n.pt"
    assert "is the profile folder already" in scenefill("use", "folder")
    output = scenefill("use", "smaple", code=1)
    assert "did you mean `sample`?" in output


def test_check_schema_clean_and_doctor(project: Project, scenefill: Scenefill) -> None:
    assert "params.yaml is fine" in scenefill("check")
    assert "wrote docs/params.schema.json" in scenefill("schema")
    assert "removed 0" in scenefill("clean")
    project.set("detect_people.enabled", False)
    assert "ok      params.yaml: every value is allowed" in scenefill("doctor")
    project.set("crop.seed", -1)
    assert "fault   params.yaml: params.yaml crop.seed" in scenefill("doctor", code=1)


@pytest.mark.usefixtures("demo_detector")
def test_doctor_warns_of_the_demo_detector_on_real_photos(
    project: Project, scenefill: Scenefill
) -> None:
    assert "the demo detector meets real photos" in scenefill("doctor")
    project.set("download.source", "synthetic")
    project.set("sources.folder.path", "data/none")
    assert "demo detector" not in scenefill("doctor")


def test_results_without_a_run_say_what_to_do(project: Project, scenefill: Scenefill) -> None:
    output = scenefill("results", code=1)
    assert (
        "results needs data/filter_people/funnel.json" in output
        and "run `dvc repro evaluate`" in output
    )


def test_a_full_disk_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], scratch_root: Path
) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cli, "app", full)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 1
    assert "the disk is full" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EIO, "Input/output error", "a/b"), "a/b: Input/output error: the disk may"),
        (PermissionError(errno.EACCES, "Permission denied", "a"), "a: Permission denied: give"),
        (OSError(errno.EROFS, "Read-only file system", "a"), "a: Read-only file system: make it"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a"), "another program has"),
        (ConnectionResetError(errno.ECONNRESET, "reset by peer"), "reset by peer"),
        (MemoryError(), "the memory is full: lower runtime.workers"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "the memory is full"),
        (
            ValueError("a is damaged (Failed to launch worker thread: Resource temporarily"),
            "the memory is full",
        ),
        (RuntimeError("can't start new thread"), "the memory is full"),
        (SafetensorError("I/O error: No space left on device (os error 28)"), "the disk is full"),
    ],
)
@pytest.mark.parametrize("is_writable", [True, False])
def test_what_the_system_refuses_is_told_in_words(
    error: Exception,
    words: str,
    is_writable: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """Also where the traceback cannot be kept: the error path never fails."""

    def broken() -> None:
        raise error

    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    if not is_writable:
        (tmp_path / ".work").touch()  # no folder of that name can be made
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    said = capsys.readouterr().err
    assert stop.value.code == 1
    assert said.startswith("error: ") and words in said and "Traceback" not in said
    assert said.count("\n") == (2 if is_writable else 1)


def test_a_name_that_is_no_utf_8_is_told_and_kept(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken() -> None:
        raise ValueError("a\udcff.jpg: no JPEG that Pillow can read")

    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(SystemExit):
        cli.main()
    assert "Traceback" not in capfd.readouterr().err
    assert "a\\udcff.jpg: no JPEG" in Path(".work/last-error.txt").read_text()


def test_a_full_disk_is_seen_behind_the_errors_of_libraries() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "data/x")
    try:
        try:
            raise full
        except OSError:
            raise RuntimeError("unexpected pos 64 vs 0")  # noqa: B904 - as torch does
    except RuntimeError as error:
        assert "the disk is full at data/x: free some space" in str(system_fault(error))
    assert system_fault(RuntimeError("a fault of ours")) is None


def test_what_fails_while_memory_is_short_is_told_as_that() -> None:
    """Whatever a library calls it; words of ours stay."""
    fault = RuntimeError("could not create a primitive")
    assert system_fault(fault) is None
    with address_space(1 << 20):
        assert "the memory is full" in str(system_fault(fault))
        assert system_fault(ValueError("params.yaml has no section")) is None


def test_ctrl_c_ends_with_130(tmp_path: Path) -> None:
    """And not with 0, or DVC would take half of the work for the whole."""
    project = Project(tmp_path / "project")
    project.set("sources.synthetic.num_photos", 100_000)
    stage = project.start("python", "-m", "pipeline", "download")
    for _ in range(600):
        if list(project.folder.glob(".work/download/*/photos.tar")):
            break
        time.sleep(0.1)
    stage.send_signal(signal.SIGINT)
    output, _ = stage.communicate(timeout=60)
    assert stage.returncode == 130
    assert "download: interrupted" in output
    assert not (project.folder / "data/download").exists()


@pytest.mark.slow
def test_a_download_goes_on_where_ctrl_c_stopped_it(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    data = train_tar([np.random.default_rng(0).bytes(4_000_000)], ["m/mountain"])
    with places_server({"train.tar": data}) as server:
        server.bytes_per_second = 2e6
        project.set("download.source", "places365")
        project.set("sources.places365.archive", pinned("train.tar", data).model_dump())
        project.set("runtime.mirrors", [server.url])
        project.set("filter_categories.categories", ["m/mountain"])
        stage = project.start("python", "-m", "pipeline", "download")
        for _ in range(600):
            if server.num_bytes["train.tar"] > 1_000_000:
                break
            time.sleep(0.05)
        stage.send_signal(signal.SIGINT)
        output, _ = stage.communicate(timeout=60)
        assert stage.returncode == 130 and "download: interrupted" in output
        assert not (project.folder / "data/download").exists()
        server.bytes_per_second = None
        assert "going on from" in project.run("python", "-m", "pipeline", "download")
        assert server.num_bytes["train.tar"] < 1.2 * len(data)
    (archive,) = project.folder.glob(".work/photos/*.tar")
    assert archive.read_bytes() == data


def test_bad_input_of_the_downloaded_sources(project: Project, scenefill: Scenefill) -> None:
    project.set("download.source", "celeba")
    project.set("sources.folder.path", "data/none")
    fails(project, scenefill, "download", "img_align_celeba.zip is not here", "runtime.adopt")
    project.set("runtime.adopt", "nowhere")
    fails(project, scenefill, "download", "error: params.yaml runtime.adopt is 'nowhere'")
    project.set("runtime.adopt", "data/photos")
    fails(project, scenefill, "download", "a folder that neither is nor holds img_align_celeba.zip")
    project.set("runtime.mirrors", ["ftp://host/places"])
    fails(project, scenefill, "download", "params.yaml runtime.mirrors holds 'ftp://host/places'")
    project.set("runtime.mirrors", [])
    project.set("download.source", "places365")
    project.set("filter_categories.categories", ["m/mountin"])
    fails(project, scenefill, "download", "'m/mountin'", "did you mean `m/mountain`?")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.app(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"scenefill {version('scenefill')}\n"


def test_shell_completion(tmp_path: Path) -> None:
    """`--install-completion` sets bash up, and what it calls there names the commands."""
    code = "from pipeline.cli import app; app(prog_name='scenefill')"
    line = f'"{sys.executable}" -c "{code}"'
    home = os.environ | {"HOME": str(tmp_path)}
    # `; true`: without a second command bash would become that process, and no bash be found.
    install = ["bash", "-c", f"{line} --install-completion; true"]
    subprocess.run(install, env=home, check=True, capture_output=True)
    script = tmp_path / ".bash_completions/scenefill.sh"
    assert str(script) in (tmp_path / ".bashrc").read_text()
    assert "_SCENEFILL_COMPLETE=complete_bash" in script.read_text()
    words = {"COMP_WORDS": "scenefill filter_", "COMP_CWORD": "1"}
    asked = home | words | {"_SCENEFILL_COMPLETE": "complete_bash"}
    complete = subprocess.run(
        ["bash", "-c", line], env=asked, check=True, capture_output=True, text=True
    )
    assert complete.stdout.split() == ["filter_categories", "filter_people"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_a_command_loads_is_answered(number: signal.Signals) -> None:
    """Before a stage has set its own handlers SIGTERM would end it without a word."""
    code = (
        "import signal, time\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup may have started the tests\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pipeline import __main__, cli\n"
        "cli.main = lambda: (print('begun', flush=True), time.sleep(60))\n"
        "__main__.main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "begun\n"
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "interrupted\n")


def test_what_nohup_ignores_stays_ignored() -> None:
    code = (
        "import signal\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from pipeline import __main__, cli\n"
        "cli.main = lambda: print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN)\n"
        "__main__.main()\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout == "True\n"
