"""The image of the README, drawn of a small evaluation."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.runtime.code_closure import ROOT
from support.report_data import SHOWN, write_data

SCRIPT = ROOT / "bench/readme_image.py"
# The fill of the data with the highest mean PSNR that is an inpainting method.
COLUMNS = ["masked", "biharmonic", "model", "original"]
SIDE, GAP, LABELS = 256, 8, 40  # px


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("project") / "data")


def draw(data: Path, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--data", str(data), "--out", str(out), *options]
    return subprocess.run(command, capture_output=True, text=True)


def test_four_photos_each_in_four_ways(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    chosen = [*SHOWN[1:4], SHOWN[0]]
    run = draw(data, out, "--photos", *chosen)
    assert run.returncode == 0, run.stderr
    assert out.stat().st_size < 300_000
    sheet = np.array(Image.open(out))
    assert sheet.shape == (LABELS + 4 * (SIDE + GAP) - GAP, 4 * (SIDE + GAP) - GAP, 3)
    for row, key in enumerate(chosen):
        for column, name in enumerate(COLUMNS):
            top, left = LABELS + row * (SIDE + GAP), column * (SIDE + GAP)
            shown = sheet[top : top + SIDE, left : left + SIDE]
            with Image.open(data / "evaluate/pictures" / key / f"{name}.png") as image:
                photo = np.array(image.convert("RGB"))
            assert (shown == photo.repeat(4, axis=0).repeat(4, axis=1)).all(), (key, name)
    labels = [sheet[:LABELS, n * (SIDE + GAP) :][:, :SIDE] for n in range(4)]
    assert all((label < 128).any() for label in labels)


def test_the_same_evaluation_gives_the_same_bytes(data: Path, tmp_path: Path) -> None:
    """Without --photos the first ones of the grid are shown."""
    outs = [tmp_path / "one.png", tmp_path / "other.png"]
    assert all(draw(data, out).returncode == 0 for out in outs)
    assert outs[0].read_bytes() == outs[1].read_bytes()
    explicit = tmp_path / "explicit.png"
    draw(data, explicit, "--photos", *sorted(SHOWN)[:4])
    assert explicit.read_bytes() == outs[0].read_bytes()


def test_what_is_not_there_is_named(data: Path, tmp_path: Path) -> None:
    run = draw(data, tmp_path / "sheet.png", "--photos", *SHOWN[:3], "photo-99")
    assert run.returncode and "--photos holds photo-99" in run.stderr
    run = draw(tmp_path, tmp_path / "sheet.png")
    assert run.returncode and not (tmp_path / "sheet.png").exists()
