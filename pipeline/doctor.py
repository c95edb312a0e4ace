"""Checks the set-up and says what to mend."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from pipeline.params.section import PARAMS_PATH
from pipeline.params.whole import WholeParams, check_whole, warnings_of
from pipeline.resume import work_dir

LOW_SPACE = 2e9  # bytes


@dataclass(frozen=True)
class Finding:
    """One line; a fault stops a run, a warning does not."""

    level: str  # ok, warning, fault
    text: str

    @property
    def is_fault(self) -> bool:
        return self.level == "fault"

    @property
    def line(self) -> str:
        return f"{self.level:8}{self.text}"


def examine() -> list[Finding]:
    """All findings; the weights are looked at only where params.yaml can be read."""
    findings = [*_versions(), _disk(), _cache_links()]
    try:
        params = check_whole()
    except ValueError as error:
        return [*findings, Finding("fault", str(error))]
    findings += [Finding("ok", f"{PARAMS_PATH} is fine"), _device(params), *_weights(params)]
    return findings + [Finding("warning", text) for text in warnings_of(params)]


def _versions() -> Iterator[Finding]:
    for package in ("torch", "ultralytics", "dvc", "webdataset"):
        yield Finding("ok", f"{package} {version(package)}")


def _disk() -> Finding:
    free = shutil.disk_usage(".").free
    level = "ok" if free > LOW_SPACE else "warning"
    return Finding(level, f"{free / 1e9:.1f} GB free in {Path.cwd()}")


def _cache_links() -> Finding:
    """Without links DVC keeps every out twice."""
    wanted = "hardlink,symlink"
    command = ["dvc", "config", "cache.type"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return Finding("fault", "dvc is not on PATH: run `export PATH=$PWD/.venv/bin:$PATH`")
    if found == wanted:
        return Finding("ok", f"DVC's cache.type is {wanted}")
    return Finding("warning", f"DVC's cache.type is {found!r}: `dvc config cache.type {wanted}`")


def _device(params: WholeParams) -> Finding:
    from pipeline.devices import choose_device

    try:
        device = choose_device(params.runtime.device)
    except ValueError as error:
        return Finding("fault", str(error))
    if device.type == "cpu":
        return Finding("warning", "no GPU is used: detection and training take their time")
    return Finding("ok", f"device {device}")


def _weights(params: WholeParams) -> Iterator[Finding]:
    """The detector's weights, as the stage would load them."""
    if not params.detect_people.enabled:
        yield Finding("ok", "people are not looked for (detect_people.enabled is false)")
        return
    from pipeline.detector import awaits_download, verified_weights

    weights, downloads_dir = params.detect_people.weights, work_dir() / "weights"
    if awaits_download(weights, downloads_dir):
        yield Finding("warning", f"{weights} is not here yet: `detect_people` will download it")
        return
    try:
        path = verified_weights(params.detect_people, downloads_dir)
    except ValueError as error:
        yield Finding("fault", str(error))
        return
    yield Finding("ok", f"detector weights {path}, sum as pinned")
