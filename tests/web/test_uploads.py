"""What is taken from strangers, and what is told of the rest."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.web.uploads import Limits, read_upload
from support.pictures import damaged_exif, encoded, picture

LIMITS = Limits()


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "bmp", "tiff", "gif"])
def test_the_formats_of_the_page_are_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "photo"
    path.write_bytes(encoded(picture(0, (60, 40)), kind))
    assert read_upload(path, LIMITS)[0].shape == (40, 60, 3)


def test_a_photo_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(0, (60, 40)).save(tmp_path / "photo.jpg", exif=exif)
    assert read_upload(tmp_path / "photo.jpg", LIMITS)[0].shape == (60, 40, 3)


def test_exif_comes_along_and_damaged_one_does_not(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    picture(0, (60, 40)).save(tmp_path / "photo.jpg", exif=exif)
    assert b"a maker" in read_upload(tmp_path / "photo.jpg", LIMITS)[2]
    (tmp_path / "photo.jpg").write_bytes(damaged_exif())
    image, _, kept = read_upload(tmp_path / "photo.jpg", LIMITS)
    assert image.shape == (40, 60, 3) and kept == b""


@pytest.mark.parametrize("content", [b"", b"no photo", b"%!PS-Adobe-3.0 EPSF", b"<svg/>"])
def test_other_files_are_refused_unopened(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(content)
    with pytest.raises(ValueError, match="no image that this page reads"):
        read_upload(tmp_path / "photo.jpg", LIMITS)


def test_broken_pictures_are_told(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(encoded(picture(0))[:2000])
    with pytest.raises(ValueError, match="cannot be read .*take another file"):
        read_upload(tmp_path / "photo.jpg", LIMITS)


def test_too_many_bytes_are_told_before_they_are_read(tmp_path: Path) -> None:
    with (tmp_path / "photo.jpg").open("wb") as file:
        file.truncate(LIMITS.max_bytes + 1)
    with pytest.raises(ValueError, match="has 50 MB, at most 50 MB"):
        read_upload(tmp_path / "photo.jpg", LIMITS)


def test_too_many_pixels_are_told_before_they_are_decoded(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8_001, 8_000), bool)).save(tmp_path / "photo.png")
    with pytest.raises(ValueError, match="8000x8001 is over 64,000,000 pixels"):
        read_upload(tmp_path / "photo.png", LIMITS)


def test_a_photo_that_was_cleaned_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="choose it once more"):
        read_upload(tmp_path / "photo.png", LIMITS)


def test_the_limits_are_settings(tmp_path: Path) -> None:
    picture(0, (60, 40)).save(tmp_path / "photo.bmp")
    for limits, words in (
        (Limits(max_bytes=1_000), "at most 0 MB are taken"),
        (Limits(max_pixels=2_399), "60x40 is over 2,399 pixels"),
    ):
        with pytest.raises(ValueError, match=words):
            read_upload(tmp_path / "photo.bmp", limits)
    assert read_upload(tmp_path / "photo.bmp", Limits(max_pixels=2_400))[0].shape == (40, 60, 3)
