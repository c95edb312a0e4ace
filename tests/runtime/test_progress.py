import pytest

from pipeline.runtime import progress as module
from pipeline.runtime.progress import progress


def test_short_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("crop", 3, "samples") as advance:
        advance(3)
    assert capsys.readouterr().err == ""


def test_long_work_tells_rate_and_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    with progress("crop", 1000, "samples") as advance:
        for _ in range(4):
            now += 20
            advance(250)
    assert capsys.readouterr().err.splitlines() == [
        "crop: 250/1,000 samples, 12.5 samples/s, 60 s left",
        "crop: 500/1,000 samples, 12.5 samples/s, 40 s left",
        "crop: 750/1,000 samples, 12.5 samples/s, 20 s left",
        "crop: 1,000/1,000 samples, 12.5 samples/s, 80 s in all",
    ]
