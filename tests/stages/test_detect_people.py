"""The stage around the detector, with one that sees what the test can check."""

import io
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.detection.views import View
from pipeline.params.index import IndexParams
from pipeline.photos import photo_tables
from pipeline.photos.formats import FORMATS
from pipeline.photos.keys import key_of
from pipeline.runtime.score_store import ScoreStore
from pipeline.stages import detect_people as stage
from pipeline.stages.index import index
from support.pictures import encoded, picture
from support.runtime import runtime

SIZE = 64
NUM_PHOTOS = 30
BROKEN = {3: b"", 4: b"<html>", 17: encoded(picture(17))[:900]}
WriteTar = Callable[[Path, dict[str, bytes]], None]


class MeanDetector:
    """Finds one person in every photo, whose score is the mean of the red channel over 1000."""

    image_size = SIZE
    slice_ratio = 2.0
    usual_batch = 16
    is_on_gpu = False

    def __init__(self) -> None:
        self.batches: list[int] = []

    def submit(self, batch: np.ndarray) -> Any:
        assert batch.shape[1:] == (SIZE, SIZE, 3) and batch.dtype == np.uint8
        self.batches.append(len(batch))
        means = batch[..., 0].mean((1, 2)) / 1000
        return SimpleNamespace(wait=lambda: means)

    def boxes(self, candidates: list[float], parts: list[View], size: tuple[int, int]) -> list[Any]:
        """The best of all views', nearly as large as the photo."""
        (height, width), best = size, max(candidates)
        assert len(candidates) == len(parts)
        box = SimpleNamespace(score=round(float(best), 4), top=1.0, left=2.0)
        return [SimpleNamespace(**vars(box), height=height - 1.0, width=width - 2.0)]


def photo(number: int) -> bytes:
    return BROKEN[number] if number in BROKEN else encoded(picture(number, (SIZE, SIZE)))


def write_photos(folder: Path, write_tar: WriteTar, num_photos: int = NUM_PHOTOS) -> pd.DataFrame:
    members = {f"data_256/a/{number:02}.jpg": photo(number) for number in range(num_photos)}
    write_tar(folder / "photos.tar", members)
    photos, _ = index(folder / "photos.tar", IndexParams(formats=["jpeg"], max_bytes=10**6))
    return photos


def run(
    folder: Path, photos: pd.DataFrame, detector: Any, work: str = "work", **changes: object
) -> pd.DataFrame:
    """people.parquet of the photos in folder/photos.tar."""
    photo_tables.write(photos, folder / "selected.parquet")
    store = ScoreStore(folder / "store" / "scores.sqlite", "model")
    work_dir = folder / work
    work_dir.mkdir(exist_ok=True)
    stage.detect_people(
        folder / "photos.tar",
        folder / "selected.parquet",
        work_dir,
        detector,
        store,
        runtime(**changes),
    )
    assert multiprocessing.active_children() == []
    return photo_tables.read(work_dir / "people.parquet")


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "PHOTOS_PER_PART", 7)


def test_every_photo_has_a_row_and_broken_ones_a_reason(
    tmp_path: Path, write_tar: WriteTar
) -> None:
    photos = write_photos(tmp_path, write_tar)
    people = run(tmp_path, photos, MeanDetector(), workers=2)
    assert list(people["key"]) == list(photos["key"])
    for number, row in enumerate(photo_tables.rows(people)):
        assert row.status == ("broken" if number in BROKEN else "ok")
        if number in BROKEN:
            assert row.error and (row.height, row.width) == (0, 0) and len(row.boxes) == 0
            continue
        pixels = np.asarray(Image.open(io.BytesIO(photo(number))))
        assert list(row.scores) == [round(float(pixels[..., 0].mean()) / 1000, 4)]
        assert list(row.boxes) == [1.0, 2.0, SIZE - 1.0, SIZE - 2.0]
        assert row.error == "" and len(row.perceptual_hash) == 16


@pytest.mark.parametrize(("workers", "batch"), [(1, 8), (2, 4), (4, 3), (2, 64)])
def test_workers_and_batches_change_no_byte(
    workers: int, batch: int, tmp_path: Path, write_tar: WriteTar
) -> None:
    (tmp_path / "one").mkdir()
    photos = write_photos(tmp_path, write_tar)
    detector = MeanDetector()
    run(tmp_path, photos, detector, "ours", workers=workers, detect_batch=batch)
    assert set(detector.batches) == {batch}, "one shape"
    other = tmp_path / "one"
    write_photos(other, write_tar)
    run(other, photos, MeanDetector(), "theirs", workers=1, detect_batch=1)
    ours, theirs = tmp_path / "ours/people.parquet", other / "theirs/people.parquet"
    assert ours.read_bytes() == theirs.read_bytes()


def test_added_photos_cost_their_own_only(tmp_path: Path, write_tar: WriteTar) -> None:
    photos = write_photos(tmp_path, write_tar)
    first, second = MeanDetector(), MeanDetector()
    run(tmp_path, photos.iloc[:16], first, "1", detect_batch=1)
    whole = run(tmp_path, photos, second, "2", detect_batch=1)
    num_broken = sum(number < 16 for number in BROKEN)
    assert len(first.batches) == 16 - num_broken
    assert len(second.batches) == NUM_PHOTOS - 16 - (len(BROKEN) - num_broken)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    write_photos(fresh, write_tar)
    assert run(fresh, photos, MeanDetector()).equals(whole), "known or looked at: the same rows"


def test_the_content_counts_and_not_the_name(tmp_path: Path, write_tar: WriteTar) -> None:
    members = {f"data_256/c/{name}.jpg": photo(0) for name in "ab"}
    write_tar(tmp_path / "photos.tar", members)
    photos, _ = index(tmp_path / "photos.tar", IndexParams(formats=["jpeg"], max_bytes=10**6))
    detector = MeanDetector()
    run(tmp_path, photos.iloc[:1], detector, "1")
    people = run(tmp_path, photos.iloc[1:], detector, "2")
    assert len(detector.batches) == 1
    assert list(people["key"]) == [key_of("data_256/c/b.jpg")]


class DyingDetector(MeanDetector):
    def submit(self, batch: np.ndarray) -> Any:
        if len(self.batches) == 3:
            raise KeyboardInterrupt
        return super().submit(batch)


def test_finished_parts_are_not_looked_at_again(tmp_path: Path, write_tar: WriteTar) -> None:
    photos = write_photos(tmp_path, write_tar)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, photos, DyingDetector(), workers=2, detect_batch=7)
    done = sorted((tmp_path / "work/parts").glob("part-??????"))
    assert [path.name for path in done] == ["part-000000", "part-000001"]
    stamps = [path.stat().st_mtime_ns for path in done]
    detector = MeanDetector()
    people = run(tmp_path, photos, detector, workers=2, detect_batch=7)
    assert detector.batches == [7] * 3
    assert [path.stat().st_mtime_ns for path in done] == stamps
    assert list(people["key"]) == list(photos["key"])


def test_without_a_detector_the_table_has_no_boxes(tmp_path: Path, write_tar: WriteTar) -> None:
    photos = write_photos(tmp_path, write_tar)
    people = run(tmp_path, photos, None, workers=2)
    assert list(people["key"]) == list(photos["key"])
    assert all(len(row.scores) == len(row.boxes) == 0 for row in photo_tables.rows(people))
    assert (people["status"] == "ok").sum() == NUM_PHOTOS - len(BROKEN)


def test_every_malformed_file_is_a_row(shared: Path, tmp_path: Path, write_tar: WriteTar) -> None:
    folder = shared / "data/malformed"
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    members = {
        f"data_256/a/{number:03}.jpg": path.read_bytes() for number, path in enumerate(files)
    }
    write_tar(tmp_path / "photos.tar", members)
    params = IndexParams(formats=list(FORMATS), max_bytes=10**8)
    photos, _ = index(tmp_path / "photos.tar", params)
    people = run(tmp_path, photos, MeanDetector(), workers=2)
    assert len(people) == len(files) >= 80
    ok = people["status"] == "ok"
    assert 40 <= ok.sum() <= len(files) - 20
    assert (people.loc[ok, "height"] > 0).all() and (people.loc[~ok, "error"] != "").all()


def test_a_damaged_photo_is_looked_at_and_told(tmp_path: Path, write_tar: WriteTar) -> None:
    """libjpeg's words stand in the table; the photo still has its boxes."""
    whole = encoded(picture(0, (256, 256)))
    hurt = bytearray(whole)
    hurt[len(whole) // 2 : len(whole) // 2 + 512] = bytes(512)
    cut = whole[: len(whole) // 2] + b"\xff\xd9"
    members = {"whole": whole, "hurt": bytes(hurt), "cut": cut}
    write_tar(tmp_path / "photos.tar", {f"d/a/{name}.jpg": data for name, data in members.items()})
    photos, _ = index(tmp_path / "photos.tar", IndexParams(formats=["jpeg"], max_bytes=10**6))
    people = run(tmp_path, photos, MeanDetector())
    rows = {
        path.split("-")[2].split("_")[0]: row
        for path, row in zip(people["key"], photo_tables.rows(people), strict=True)
    }
    assert {name: row.status for name, row in rows.items()} == {
        "whole": "ok",
        "hurt": "damaged",
        "cut": "damaged",
    }
    assert rows["cut"].error == "Corrupt JPEG data: premature end of data segment"
    assert all(len(row.scores) == 1 and row.height == 256 for row in rows.values())


def test_a_larger_jpeg_is_looked_at_scaled_down(tmp_path: Path, write_tar: WriteTar) -> None:
    """Its boxes are in pixels of the whole; a PNG of as many pixels is broken."""
    large = picture(1, (1600, 1200))
    members = {"d/a/1.jpg": encoded(large), "d/a/2.png": encoded(large, "png")}
    write_tar(tmp_path / "photos.tar", members)
    params = IndexParams(formats=["jpeg", "png"], max_bytes=10**8)
    photos, _ = index(tmp_path / "photos.tar", params)
    photo_tables.write(photos, tmp_path / "selected.parquet")
    store = ScoreStore(tmp_path / "scores.sqlite", "model")
    stage.detect_people(
        tmp_path / "photos.tar",
        tmp_path / "selected.parquet",
        tmp_path,
        MeanDetector(),  # type: ignore[arg-type]
        store,
        runtime(),
        10**6,
    )
    jpeg, png = photo_tables.rows(photo_tables.read(tmp_path / "people.parquet"))
    assert (jpeg.status, jpeg.height, jpeg.width) == ("ok", 1200, 1600)
    assert list(jpeg.boxes) == [1.0, 2.0, 1199.0, 1598.0]
    assert png.status == "broken" and "1600x1200 is over 1,000,000 pixels" in png.error


@pytest.mark.parametrize(("workers", "batch"), [(1, 16), (2, 3)])
def test_long_photos_are_looked_at_in_slices(
    workers: int, batch: int, tmp_path: Path, write_tar: WriteTar
) -> None:
    """Red only in the square that is kept: in the whole its share is small."""
    members, expected = {}, []
    for number in range(9):
        long = np.full((SIZE, 6 * SIZE, 3), 20 + number, np.uint8)
        long[:, SIZE * 5 // 2 : SIZE * 7 // 2, 0] = 200
        turned = long.swapaxes(0, 1) if number % 2 else long
        shown = turned if number % 3 else turned[:SIZE, :SIZE]  # and some that are no panoramas
        members[f"data_256/a/{number}.png"] = encoded(Image.fromarray(shown), "png")
        expected.append(0.2 if number % 3 else (20 + number) / 1000)
    write_tar(tmp_path / "photos.tar", members)
    photos, _ = index(tmp_path / "photos.tar", IndexParams(formats=["png"], max_bytes=10**6))
    detector = MeanDetector()
    people = run(tmp_path, photos, detector, workers=workers, detect_batch=batch)
    assert [list(scores) for scores in people["scores"]] == [[score] for score in expected]
    assert len(detector.batches) == -(-(9 + 6 * 9) // batch), "a view a square, and full batches"


def test_a_spoilt_store_says_what_to_do(tmp_path: Path, write_tar: WriteTar) -> None:
    photos = write_photos(tmp_path, write_tar)
    (tmp_path / "store").mkdir()
    (tmp_path / "store/scores.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(ValueError, match="scores.sqlite.*run `rm"):
        run(tmp_path, photos, MeanDetector())
