"""What the buttons do, without a browser and without a detector."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.web.loaded import Loaded
from pipeline.web.trained import CONFIG, WEIGHTS
from pipeline.web.workplace import Workplace
from support.pictures import encoded, picture


class Grey:
    """Completes with grey."""

    def complete(self, image: np.ndarray, mask: np.ndarray, **options: Any) -> np.ndarray:
        return np.where(mask[..., None], np.uint8(128), image)


@pytest.fixture
def photo(tmp_path: Path) -> str:
    (tmp_path / "photo.png").write_bytes(encoded(picture(0, (60, 40)), "png"))
    return str(tmp_path / "photo.png")


def workplace(folder: Path, people: np.ndarray) -> Workplace:
    train = folder / "data/train"
    train.mkdir(parents=True)
    (train / WEIGHTS).write_bytes(b"weights")
    (train / CONFIG).write_text('{"recipe": "grey"}')
    loaded = Loaded(lambda path: Grey())
    return Workplace(folder / "data", None, folder, loaded, lambda photo: people)


def test_people_are_marked_and_removed(tmp_path: Path, photo: str) -> None:
    people = np.zeros((40, 60), bool)
    people[5:20, 10:30] = True
    work = workplace(tmp_path, people)
    sheet, _, facts, download, *_ = work.remove_people(
        photo, str(tmp_path / "data/train"), "none", 0, 0
    )
    assert sheet.props["sheet"]["hole"].startswith("data:image/png")
    assert "60 x 40 px, 12.5% of them" in facts
    completed, original = np.asarray(Image.open(download)), np.asarray(picture(0, (60, 40)))
    assert (completed[people] == 128).all()
    assert np.array_equal(completed[~people], original[~people])


def test_what_is_transparent_is_no_context(tmp_path: Path) -> None:
    """The generator sees it as missing; in the result it stays as it is shown."""
    image = picture(0, (60, 40)).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 60, 10))
    (tmp_path / "photo.png").write_bytes(encoded(image, "png"))
    people = np.zeros((40, 60), bool)
    people[15:20, 10:30] = True
    work = workplace(tmp_path, people)
    seen: list[np.ndarray] = []

    class Watched(Grey):
        def complete(self, image: np.ndarray, mask: np.ndarray, **options: Any) -> np.ndarray:
            seen.append(mask)
            return super().complete(image, mask, **options)

    work = work._replace(loaded=Loaded(lambda path: Watched()))
    _, _, _, download, *_ = work.remove_people(
        str(tmp_path / "photo.png"), str(tmp_path / "data/train"), "none", 0, 0
    )
    assert seen[0][:10].all() and seen[0].sum() == 600 + people.sum()
    completed = np.asarray(Image.open(download))
    assert (completed[:10] == 255).all() and (completed[people] == 128).all()


def test_nobody_to_remove_is_told(tmp_path: Path, photo: str) -> None:
    work = workplace(tmp_path, np.zeros((40, 60), bool))
    with pytest.raises(ValueError, match="No person was found"):
        work.remove_people(photo, str(tmp_path / "data/train"), "none", 0, 0)


def test_no_other_path_than_those_offered_is_loaded(tmp_path: Path, photo: str) -> None:
    """Whatever a browser sends."""
    work = workplace(tmp_path, np.ones((40, 60), bool))
    for path in (str(tmp_path), "/etc", None):
        with pytest.raises(ValueError, match="no longer there"):
            work.remove_people(photo, path, "none", 0, 0)


def test_outpainting_needs_a_side(tmp_path: Path, photo: str) -> None:
    work = workplace(tmp_path, np.ones((40, 60), bool))
    with pytest.raises(ValueError, match="No side is chosen"):
        work.outpaint(photo, str(tmp_path / "data/train"), 0.5, [], "none", 0, 0)
