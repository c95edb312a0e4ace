"""What the buttons do, without a browser and without a detector."""

import json
import threading
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import ExifTags, Image

from pipeline.completion.watched import Tell
from pipeline.web import decoded_photos
from pipeline.web.decoded_photos import DecodedPhotos
from pipeline.web.drawn_mask import mask_uri
from pipeline.web.jobs import Jobs
from pipeline.web.loaded import Loaded
from pipeline.web.trained import CONFIG, WEIGHTS
from pipeline.web.uploads import Limits
from pipeline.web.workplace import BY_SHARE, Picture, Workplace, nobody
from support.pictures import encoded, picture


class Grey:
    """Completes with grey."""

    def watched(self, tell: Tell) -> "Grey":
        return self

    def complete(self, image: np.ndarray, mask: np.ndarray, **options: Any) -> np.ndarray:
        return np.where(mask[..., None], np.uint8(128), image)


class Finder:
    """Finds the people that it is told of."""

    is_loaded, is_demo = True, False

    def __init__(self, mask: np.ndarray) -> None:
        self.mask = mask

    def find(self, photo: np.ndarray) -> np.ndarray:
        return self.mask


@pytest.fixture
def photo(tmp_path: Path) -> list[Picture]:
    (tmp_path / "photo.png").write_bytes(encoded(picture(0, (60, 40)), "png"))
    return [Picture(tmp_path / "photo.png", "photo.png")]


def workplace(folder: Path, people: np.ndarray | None = None, model: Any = None) -> Workplace:
    train = folder / "data/train"
    train.mkdir(parents=True)
    (train / WEIGHTS).write_bytes(b"weights")
    (train / CONFIG).write_text('{"recipe": "grey"}')
    loaded = Loaded(lambda path: model or Grey())
    finder: Any = Finder(np.zeros((40, 60), bool) if people is None else people)
    return Workplace(folder / "data", None, folder, loaded, finder, DecodedPhotos(Limits()), Jobs())


def box(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros((40, 60), bool)
    mask[top:bottom, left:right] = True
    return mask


def drawing(mask: np.ndarray, photo: int = 0, **more: str) -> str:
    return json.dumps({"photo": photo, "hole": mask_uri(mask), **more})


REQUEST = gr.Request(session_hash="visitor")
PLAIN = ("none", 0, 0, 0)  # blend, colours, seed, softening


def completed(work: Workplace, photo: list[Picture], mask: np.ndarray, soften: int = 0) -> Any:
    """What is said on the way, the result, and its image."""
    model = str(work.data / "train")
    steps = list(work.complete(photo, drawing(mask), model, *PLAIN[:3], soften, request=REQUEST))
    canvas, pictures = steps[-1]
    said = [step[0].props["status"]["text"] for step in steps[:-1]]
    return said, canvas.props["result"], np.asarray(Image.open(pictures[-1].path))


def test_a_result_is_the_next_photo_and_decodes_nothing(
    tmp_path: Path, photo: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    work, hole = workplace(tmp_path), box(5, 10, 20, 30)
    said, result, image = completed(work, photo, hole)
    original = np.asarray(picture(0, (60, 40)))
    assert "60 x 40 px, 12.5% of them completed" in result["facts"]
    assert (image[hole] == 128).all() and np.array_equal(image[~hole], original[~hole])
    assert result["parent"] == 0 and result["id"] == 1

    def fails(path: Path, limits: Limits) -> Any:
        raise AssertionError("decoded again")

    monkeypatch.setattr(decoded_photos, "read_upload", fails)
    _, again, second = completed(work, photo, hole)
    assert np.array_equal(second, image)
    pictures = [*photo, Picture(Path(again["file"]), "completed")]
    *_, (canvas, _) = work.complete(
        pictures, drawing(hole, 1), str(work.data / "train"), *PLAIN, request=REQUEST
    )
    assert canvas.props["result"]["parent"] == 1


def test_a_result_keeps_what_the_camera_noted(tmp_path: Path) -> None:
    """Through two completions; upright, and of its own size."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation], exif[ExifTags.Base.Model] = 6, "a camera"
    exif[ExifTags.Base.ImageWidth] = 40
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2020:02:03 04:05:06"
    path = tmp_path / "taken.jpg"
    picture(0, (60, 40)).transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    work, pictures = workplace(tmp_path), [Picture(path, path.name)]
    for number in (0, 1):
        *_, (_, pictures) = work.complete(
            pictures,
            drawing(box(5, 10, 20, 30), number),
            str(work.data / "train"),
            *PLAIN,
            request=REQUEST,
        )
        with Image.open(pictures[-1].path) as made:
            kept = made.getexif()
            assert made.size == (60, 40) and kept[ExifTags.Base.ImageWidth] == 60
            assert kept[ExifTags.Base.Orientation] == 1 and kept[ExifTags.Base.Model] == "a camera"
            taken = kept.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal]
            assert taken == "2020:02:03 04:05:06"


def test_a_softened_edge_keeps_some_of_the_photo(tmp_path: Path, photo: list[Picture]) -> None:
    hole, original = box(5, 10, 25, 40), np.asarray(picture(0, (60, 40)))
    _, _, image = completed(workplace(tmp_path), photo, hole, soften=4)
    assert (image[12:18, 18:32] == 128).all()
    assert np.array_equal(image[~hole], original[~hole])
    border = image[5, 10:40].astype(int)
    assert (abs(border - original[5, 10:40]) < abs(border - 128)).mean() > 0.9


def test_what_is_done_is_said_and_can_be_cancelled(tmp_path: Path, photo: list[Picture]) -> None:
    told: list[str] = []
    heard = threading.Event()

    class Slow(Grey):
        def watched(self, tell: Tell) -> "Slow":
            self.tell = tell
            return self

        def complete(self, image: np.ndarray, mask: np.ndarray, **options: Any) -> np.ndarray:
            for done in range(1000):
                self.tell(done, 1000)
                assert heard.wait(60)
                if done == 3:
                    work.cancel(REQUEST)
            raise AssertionError("went on")

    work = workplace(tmp_path, model=Slow())
    steps = work.complete(
        photo, drawing(box(5, 10, 20, 30)), str(work.data / "train"), *PLAIN, request=REQUEST
    )
    with pytest.raises(ValueError, match="Cancelled"):
        for canvas, _ in steps:
            told.append(canvas.props["status"]["text"])
            heard.set()
    assert told
    assert not work.jobs._running


def test_the_same_hole_by_a_classical_fill(tmp_path: Path, photo: list[Picture]) -> None:
    work, hole = workplace(tmp_path), box(5, 10, 20, 30)
    *_, (canvas, pictures) = work.fill(photo, drawing(hole, fill="telea"), REQUEST)
    image, original = np.asarray(Image.open(pictures[-1].path)), np.asarray(picture(0, (60, 40)))
    assert image.shape == original.shape and np.array_equal(image[~hole], original[~hole])
    assert "filled by Telea" in canvas.props["result"]["facts"]
    assert pictures[-1].path.name == "photo-telea.png"
    # What was done before goes out of the name.
    *_, (_, pictures) = work.fill(pictures, drawing(hole, 1, fill="mean_color"), REQUEST)
    assert pictures[-1].path.name == "photo-mean-colour.png"
    with pytest.raises(ValueError, match="must be one of: telea"):
        list(work.fill(photo, drawing(hole, fill="/etc/passwd"), REQUEST))


def test_people_are_outlined_each(tmp_path: Path, photo: list[Picture]) -> None:
    work = workplace(tmp_path, box(5, 10, 20, 20) | box(5, 40, 20, 50))
    *_, (canvas, pictures) = work.find_people(photo, drawing(box(0, 0, 1, 1)), REQUEST)
    assert pictures == photo
    people = canvas.props["people"]
    assert people["text"].startswith("2 people or groups found")
    corners = [sorted(map(tuple, outline)) for outline in people["outlines"]]
    assert sorted(corners) == [
        [(10, 5), (10, 19), (19, 5), (19, 19)],
        [(40, 5), (40, 19), (49, 5), (49, 19)],
    ]


def test_nobody_is_told(tmp_path: Path, photo: list[Picture]) -> None:
    work = workplace(tmp_path, box(0, 0, 0, 0))
    with pytest.raises(ValueError, match="Nobody was found in this photo. Mark by hand"):
        list(work.find_people(photo, drawing(box(0, 0, 1, 1)), REQUEST))
    assert "yolo11n.pt" in nobody(is_demo=True) and "yolo11n.pt" not in nobody(is_demo=False)


def test_what_is_transparent_is_no_context(tmp_path: Path) -> None:
    """The generator sees it as missing; in the result it stays as it is shown."""
    image = picture(0, (60, 40)).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 60, 10))
    (tmp_path / "photo.png").write_bytes(encoded(image, "png"))
    hole = box(15, 10, 20, 30)
    seen: list[np.ndarray] = []

    class Watching(Grey):
        def complete(self, image: np.ndarray, mask: np.ndarray, **options: Any) -> np.ndarray:
            seen.append(mask)
            return super().complete(image, mask, **options)

    work = workplace(tmp_path, model=Watching())
    _, _, made = completed(work, [Picture(tmp_path / "photo.png", "photo.png")], hole)
    assert seen[0][:10].all() and seen[0].sum() == 600 + hole.sum()
    assert (made[:10] == 255).all() and (made[hole] == 128).all()


def test_what_a_browser_sends_is_taken_for_nothing_else(
    tmp_path: Path, photo: list[Picture]
) -> None:
    work, good = workplace(tmp_path), drawing(box(5, 10, 20, 30))
    for path in (str(tmp_path), "/etc", None):
        with pytest.raises(ValueError, match="no longer there"):
            list(work.complete(photo, good, path, *PLAIN, request=REQUEST))
    model = str(work.data / "train")
    for said, words in (
        ("[]", "could not be read"),
        ("{", "could not be read"),
        ("", "no longer kept"),
        ("[" * 100_000, "draw it anew"),
        ('{"photo": 7}', "no longer kept"),
        ('{"photo": "/etc/passwd"}', "no longer kept"),
        ('{"photo": 0}', "Nothing is marked"),
        ('{"photo": 0, "hole": [1]}', "could not be read"),
    ):
        with pytest.raises(ValueError, match=words):
            list(work.complete(photo, said, model, *PLAIN, request=REQUEST))


def test_outpainting_needs_a_side_or_another_shape(tmp_path: Path, photo: list[Picture]) -> None:
    work = workplace(tmp_path)
    for shape, sides, words in (
        (BY_SHARE, [], "No side is chosen"),
        ("3:2", ["left"], "is 3:2 already"),
        ("7:1", ["left"], "must be one of: 16:9"),
    ):
        more: Any = (str(work.data / "train"), shape, 0.5, sides, *PLAIN[:3])
        with pytest.raises(ValueError, match=words):
            list(work.outpaint(photo, drawing(box(0, 0, 1, 1)), *more, request=REQUEST))


def test_what_will_be_needed_is_loaded_before_anybody_asks(tmp_path: Path) -> None:
    work = workplace(tmp_path)
    done: list[str] = []
    work.people.prepare = lambda: done.append("people")  # type: ignore[method-assign]
    path = str(work.data / "train")
    assert not work.loaded.has(path)
    work.prepare(lambda: True)
    assert not work.loaded.has(path) and not done
    work.prepare(lambda: False)
    assert work.loaded.has(path) and done == ["people"]
