"""Checks the set-up and says what to mend."""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.commands.repository import is_below_git_folder, words_of_refusal
from pipeline.config.photo_folder import faults_of
from pipeline.config.whole import WholeParams, check_whole, warnings_of
from pipeline.planning.cache_links import WANTED, cache_dir, dvc_says, hard_links_work
from pipeline.runtime.code_closure import ROOT
from pipeline.runtime.listing import listed
from pipeline.runtime.photo_archive import has_photos, noted_archive
from pipeline.runtime.scratch import ARCHIVES, FINGERPRINT_DIGITS, work_dir

OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Finding:
    """What was looked at and seen; a fault stops a run, a warning does not."""

    level: str  # ok, warning, fault
    what: str
    seen: str
    wanted: str = ""
    mend: str = ""

    @property
    def is_fault(self) -> bool:
        return self.level == "fault"

    @property
    def line(self) -> str:
        wanted = f"; wanted: {self.wanted}" if self.wanted else ""
        mend = f"; to mend: {self.mend}" if self.mend else ""
        return f"{self.level:8}{self.what}: {self.seen}{wanted}{mend}"


def examine() -> Iterator[Finding]:
    """All findings, the cheap ones first; torch is imported last."""
    yield _python()
    yield _git()
    yield from _versions()
    yield from _write_access()
    yield from _cache()
    yield from _scratch()
    try:
        params = check_whole()
    except ValueError as error:
        yield Finding("fault", "params.yaml", str(error).replace("\n", "\n" + " " * 8))
        return
    yield Finding("ok", "params.yaml", "every value is allowed")
    yield from (
        Finding("fault", "photos", text) for text in faults_of(Path(params.sources.folder.path))
    )
    yield from _disk(params)
    yield from _weights(params)
    yield from (Finding("warning", "params.yaml", text) for text in warnings_of(params))
    yield from _device(params)


def _git() -> Finding:
    """DVC keeps its records in git; a copy that was downloaded as a zip has none."""
    inside = ["git", "rev-parse", "--is-inside-work-tree"]
    try:
        run = subprocess.run(inside, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return Finding("fault", "git", "not on PATH", "git", "install git")
    if run.returncode and dvc_says("config", "core.no_scm") == "true":
        return Finding("ok", "git", "not used, as core.no_scm says; experiments need it")
    if run.returncode:
        mend = "git init, or, without experiments, dvc config core.no_scm true"
        mend = "as git says there" if is_below_git_folder() else mend
        return Finding("fault", "git", words_of_refusal(run.stderr), "a repository", mend)
    return Finding("ok", "git", "the project is in a repository")


def _python() -> Finding:
    """`dvc repro` runs `python` from PATH, whatever runs this."""
    seen = f"{platform.python_version()} in {sys.prefix}"
    oldest = ".".join(map(str, OLDEST_PYTHON))
    if sys.version_info < OLDEST_PYTHON:
        return Finding("fault", "python", seen, f"{oldest} or newer", f"install Python {oldest}")
    on_path = shutil.which("python")
    if on_path is None or Path(on_path).parent != Path(sys.executable).parent:
        mend = "export PATH=$PWD/.venv/bin:$PATH"
        return Finding("warning", "python", f"{on_path} is first on PATH", sys.executable, mend)
    return Finding("ok", "python", seen)


def _versions() -> Iterator[Finding]:
    """What is installed against requirements.lock."""
    mend = "make .venv/.installed"
    needed = {_name(entry) for entry in requires("scenefill") or [] if "extra ==" not in entry}
    missing = sorted(name for name in needed if _installed(name) is None)
    if missing:
        yield Finding("fault", "packages", f"{', '.join(missing)} missing", "all installed", mend)
    lock = ROOT / "requirements.lock"
    if not lock.is_file():
        yield Finding("warning", "packages", f"{lock} is missing", "the file of the repository")
        return
    pinned = pinned_versions(lock.read_text())
    other = {
        name: found
        for name in pinned
        if (found := _installed(name)) is not None and found not in pinned[name]
    }
    if other:
        shown = listed(
            f"{name} {found} (locked: {' or '.join(sorted(pinned[name]))})"
            for name, found in sorted(other.items())
        )
        yield Finding("warning", "packages", shown, "the versions of requirements.lock", mend)
    elif not missing:
        main = ", ".join(f"{name} {version(name)}" for name in ("torch", "ultralytics", "dvc"))
        yield Finding("ok", "packages", f"{main} and the others as in requirements.lock")


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match is not None
    return match.group()


def pinned_versions(lock: str) -> dict[str, set[str]]:
    """Package -> its versions in a lock file; several where it depends on the Python."""
    versions: dict[str, set[str]] = {}
    for name, pinned in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock, flags=re.MULTILINE):
        versions.setdefault(name, set()).add(pinned)
    return versions


def _installed(name: str) -> str | None:
    """The version without what a build appends (`2.11.0+cu128`)."""
    try:
        return version(name).partition("+")[0]
    except PackageNotFoundError:
        return None


def _write_access() -> Iterator[Finding]:
    folders = [Path.cwd(), Path("data"), work_dir()]
    refused = [folder for folder in folders if not _can_write(folder)]
    for folder in refused:
        mend = f"sudo chown -R $USER {folder.absolute()}"
        yield Finding(
            "fault", "write access", f"none to {folder.absolute()}", "a file of ours", mend
        )
    if not refused:
        yield Finding("ok", "write access", f"to {', '.join(map(str, folders[1:]))} and here")


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _cache() -> Iterator[Finding]:
    """Without links DVC keeps every out twice."""
    cache = cache_dir()
    if cache is None:
        mend = "export PATH=$PWD/.venv/bin:$PATH, in the project's folder"
        yield Finding("fault", "dvc", "not on PATH, or no DVC project here", "both", mend)
        return
    found = dvc_says("config", "cache.type")
    if found != WANTED:
        mend = f"dvc config cache.type {WANTED}"
        yield Finding("warning", "dvc cache.type", repr(found or "copies"), WANTED, mend)
    else:
        yield Finding("ok", "dvc cache.type", WANTED)
    if not _can_write(cache):
        mend = "dvc cache dir FOLDER, with a folder of yours on the same disk"
        yield Finding("fault", "dvc cache", f"{cache} cannot be written", "a folder of yours", mend)
    elif hard_links_work(Path.cwd(), cache):
        yield Finding("ok", "dvc cache", f"{cache}, hard links from here work")
    else:
        mend = "dvc cache dir FOLDER, on the disk of this folder"
        wanted = "a folder to which hard links work: outs would lie on disk twice"
        yield Finding("warning", "dvc cache", f"{cache}, no hard links from here", wanted, mend)


def _scratch() -> Iterator[Finding]:
    """Work that was begun: some of it goes on at the next run, some belongs to other params."""
    folders = sorted(work_dir().glob(f"*/{'[0-9a-f]' * FINGERPRINT_DIGITS}"))
    works = [folder for folder in folders if folder.parent.name != ARCHIVES]
    running = [folder for folder in works if _is_locked(folder.with_suffix(".lock"))]
    for folder in running:
        yield Finding("warning", "running", f"{folder.parent.name} is at work in {folder}")
    left = [folder for folder in works if folder not in running]
    if not left:
        yield Finding("ok", "scratch", f"nothing left over in {work_dir()}")
        return
    size = sum(map(_size_of, left))
    stages = ", ".join(sorted({folder.parent.name for folder in left}))
    yield Finding(
        "ok",
        "scratch",
        f"{len(left)} works of {stages} with {size / 1e6:,.0f} MB, from which a rerun with the "
        "same params goes on; `scenefill clean` removes them",
    )


def _is_locked(lock: Path) -> bool:
    if not lock.is_file():
        return False
    try:
        with FileLock(lock).acquire(timeout=0):
            return False
    except Timeout:
        return True


def _disk(params: WholeParams) -> Iterator[Finding]:
    """Against what the source will bring, as `scenefill plan` counts it."""
    from pipeline.planning.amounts import size_text
    from pipeline.planning.disk import disk_needs, total_need
    from pipeline.planning.expected import UnknownPhotosError, expected

    cache = cache_dir()
    stored_once = cache is not None and hard_links_work(Path.cwd(), cache)
    try:
        source = expected(params)
        archive = noted_archive(Path("data")) if has_photos(Path("data")) else None
    except UnknownPhotosError as error:
        yield Finding("warning", "disk", f"what will be needed is not known: {error}")
        return
    except ValueError as error:
        yield Finding("fault", "source", str(error))
        return
    needed = total_need(params, source, stored_once)
    here = sum(_size_of(Path("data") / need.stage) for need in disk_needs(params, source))
    # Archives of former runs stay, and make no room for this one's.
    here += archive.stat().st_size if isinstance(archive, Path) else 0
    free = shutil.disk_usage(".").free
    seen = f"{size_text(free)} free in {Path.cwd()}"
    wanted = f"{size_text(max(needed - here, 0))} more for the data stages of params.yaml"
    if needed - here > free:
        mend = "free some space, choose fewer categories, or move the project to a larger disk"
        yield Finding("fault", "disk", seen, wanted, mend)
    else:
        yield Finding("ok", "disk", seen, wanted)


def _size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _weights(params: WholeParams) -> Iterator[Finding]:
    """The detector's weights, as the stage would load them."""
    if not params.detect_people.enabled:
        yield Finding("ok", "weights", "people are not looked for (detect_people.enabled is false)")
        return
    from pipeline.detection.detector import awaits_download, verified_weights

    weights, downloads_dir = params.detect_people.weights, work_dir() / "weights"
    if awaits_download(weights, downloads_dir):
        seen = f"{weights} is not here yet: `detect_people` will download it"
        yield Finding("warning", "weights", seen)
        return
    try:
        path = verified_weights(params.detect_people, downloads_dir)
    except ValueError as error:
        yield Finding("fault", "weights", str(error))
        return
    yield Finding("ok", "weights", f"{path}, sum as pinned")


def _device(params: WholeParams) -> Iterator[Finding]:
    """The device, its precision, and the threads."""
    import torch

    from pipeline.runtime.devices import choose_device, num_threads
    from pipeline.training.precision import resolved_precision

    try:
        device = choose_device(params.runtime.device)
    except ValueError as error:
        yield Finding("fault", "device", str(error))
        return
    precision = resolved_precision(params.train.precision, device)
    if device.type == "cpu":
        seen = f"no GPU is used, training in {precision}: detection and training take their time"
        yield Finding("warning", "device", seen)
    else:
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
        yield Finding("ok", "device", f"{device}, {name}, training in {precision}")
    yield _threads(num_threads(params.runtime.threads), _usable_cores)


def _threads(threads: int, usable_cores: Callable[[], int]) -> Finding:
    cores = usable_cores()
    if threads > cores:
        mend = f"runtime.threads: {cores} in params.yaml"
        return Finding(
            "warning", "threads", f"{threads} of torch", f"{cores}, the cores here", mend
        )
    return Finding("ok", "threads", f"{threads} of torch on {cores} cores")


def _usable_cores() -> int:
    """Fewer than the machine's in a container that is bound to some of them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
