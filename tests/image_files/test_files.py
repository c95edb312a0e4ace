"""The commands `complete` and `outpaint`, from files to files."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.image_files import complete as command
from pipeline.image_files.complete import complete_files
from pipeline.image_files.image_file import MAX_PIXELS
from pipeline.image_files.jobs import Outputs
from pipeline.image_files.outpaint import outpaint_files
from pipeline.image_files.render_options import RenderOptions
from pipeline.runtime.code_closure import ROOT
from support.pictures import picture
from support.trained import save_untrained


@pytest.fixture(scope="module")
def making(tmp_path_factory: pytest.TempPathFactory) -> RenderOptions:
    folder = save_untrained(tmp_path_factory.mktemp("train"))
    return RenderOptions(folder, "feather", None, 0, "cpu")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three photos, one of them broken, and masks for them."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("masks").mkdir()
    for number, name in enumerate("ab"):
        picture(number, (100, 80)).save(f"in/{name}.jpg")
        mask = Image.new("RGB", (100, 80))
        mask.paste("white", (10, 20, 40, 50))
        mask.save(f"masks/{name}.png")
    Path("in/c.jpg").write_bytes(Path("in/a.jpg").read_bytes()[:600])
    Path("masks/c.png").write_bytes(Path("masks/a.png").read_bytes())
    return tmp_path


def test_a_batch_goes_on_after_a_broken_photo(photos: Path, making: RenderOptions) -> None:
    outputs = Outputs("_completed", folder=Path("out"))
    with pytest.raises(
        ValueError, match="2 of 3 written\n2  written\n1  failed\n1 failed:\nin/c.jpg: "
    ):
        complete_files(
            ["in"], outputs, making, mask=Path("masks"), holes=["0,90,10,10"], remove=None
        )
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "a_completed.png",
        "b_completed.png",
    ]
    mask = np.array(Image.open("masks/a.png").convert("L")) > 127
    mask[:10, 90:] = True
    before, after = np.array(Image.open("in/a.jpg")), np.array(Image.open("out/a_completed.png"))
    assert np.array_equal(before[~mask], after[~mask])
    assert (before[mask] != after[mask]).any()


@pytest.mark.slow
def test_the_command_line_end_to_end(photos: Path, making: RenderOptions) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        command = [sys.executable, "-m", "pipeline", *arguments, "--model", str(making.model)]
        environment = {"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(photos)}
        process = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment
        )
        assert process.returncode == code, process.stderr
        return process.stdout + process.stderr

    arguments = ["complete", "in/a.jpg", "--mask", "masks/a.png"]
    assert "1 of 1 written" in run(*arguments)
    first = Path("in/a_completed.png").read_bytes()
    assert "would be written over" in run(*arguments, code=1)
    assert "1 of 1 written" in run(*arguments, "--force")
    assert Path("in/a_completed.png").read_bytes() == first
    assert "2 of 3 written" in run("complete", "in", "--hole", "1,2,3,4", "--force", code=1)
    old = ["outpaint", "--input_image", "in/a.jpg", "--output_dir", "out"]
    assert "1 of 1 written" in run(*old, "--extension_ratio", "0.3")
    with Image.open("out/a_outpainted.png") as wide:
        assert wide.size == (130, 80)
        inside = np.array(wide)[:, 15:115]
    assert np.array_equal(inside, np.array(Image.open("in/a.jpg")))


@pytest.mark.parametrize(
    "mask, holes, words",
    [
        ("masks/wrong.png", [], "wrong.png has 50x40 px and the image 100x80"),
        ("masks/black.png", [], "has one value all over"),
        (None, ["70,0,20,5"], "reaches out of the image, which is 100 px wide and 80 px high"),
        (None, ["1,2,3"], "must be top,left,height,width"),
        (None, ["1,2,3,0"], "height and width >= 1"),
        (None, ["-1,2,3,4"], "top and left must be >= 0"),
        (None, [], "no holes: name a --mask"),
    ],
)
def test_wrong_holes_are_said(
    photos: Path, making: RenderOptions, mask: str | None, holes: list[str], words: str
) -> None:
    small = Image.new("L", (50, 40), "white")
    small.putpixel((0, 0), 0)
    small.save("masks/wrong.png")
    Image.new("L", (100, 80)).save("masks/black.png")
    path = Path(mask) if mask else None
    with pytest.raises(ValueError, match=words):
        complete_files(
            ["in/a.jpg"], Outputs("_completed"), making, mask=path, holes=holes, remove=None
        )
    assert not list(Path("in").glob("*.png"))


def test_malformed_files_are_named_and_leave_nothing(
    shared: Path, tmp_path: Path, making: RenderOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that break other programs; each is written whole or fails with its name."""
    # One of each stem: others would be written to the same file.
    files = {path.stem: path for path in sorted((shared / "data/malformed/derived").glob("*.*"))}
    outputs = Outputs("_completed", folder=tmp_path / "out")
    names = [str(path) for path in files.values()]
    with pytest.raises(ValueError, match="failed:") as caught:
        complete_files(names, outputs, making, mask=None, holes=["0,0,1,1"], remove=None)
    num_written = len(list((tmp_path / "out").glob("*")))
    assert 0 < num_written < len(names)
    num_failed = sum(f"{name}: " in str(caught.value) for name in names)
    assert num_written + num_failed == len(names)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", MAX_PIXELS)  # one of them has 117 megapixels
    for path in (tmp_path / "out").glob("*"):
        with Image.open(path) as image:
            image.load()


def test_people_are_removed_with_a_margin_and_other_photos_left(
    photos: Path,
    making: RenderOptions,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Finder:
        def mask(self, rgb: np.ndarray) -> np.ndarray:
            mask = np.zeros(rgb.shape[:2], bool)
            is_first = np.array_equal(rgb, np.array(Image.open("in/a.jpg")))
            mask[20:60, 30:50] = is_first
            return mask

    monkeypatch.setattr(command, "_finder", lambda device, outlines: Finder())
    outputs = Outputs("_completed", folder=Path("out"))
    done = complete_files(
        ["in/a.jpg", "in/b.jpg"], outputs, making, mask=None, holes=[], remove="people"
    )
    nobody = "nobody found, nothing to complete: not written"
    assert done == f"complete: 1 of 2 written\n1  {nobody}\n1  written"
    assert "in/b.jpg: nobody found" in capsys.readouterr().err
    assert [path.name for path in Path("out").iterdir()] == ["a_completed.png"]
    with pytest.raises(ValueError, match="--remove is 'cars', but must be: people"):
        complete_files(["in/a.jpg"], outputs, making, mask=None, holes=[], remove="cars")


def test_outpainted_files_keep_the_form(photos: Path, making: RenderOptions) -> None:
    picture(5, (60, 40)).convert("L").save("in/grey.png")
    outputs = Outputs("_outpainted", folder=Path("out"))
    outpaint_files(["in/grey.png"], outputs, making, extension_ratio=0.25, sides=["top", "right"])
    with Image.open("out/grey_outpainted.png") as result:
        assert (result.mode, result.size) == ("L", (75, 50))
        assert np.array_equal(np.array(result)[10:, :60], np.array(Image.open("in/grey.png")))
