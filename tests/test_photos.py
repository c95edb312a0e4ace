import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pictures import encoded, picture
from pipeline.photos import BrokenPhotoError, decode, encode_png, read_at


def test_scaled_decoding_gives_the_exact_quarter() -> None:
    assert decode(encoded(picture(0)), at_least=64).size == (64, 64)
    assert decode(encoded(picture(0))).size == (256, 256)
    assert min(decode(encoded(picture(0, (500, 300))), at_least=64).size) >= 64


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
def test_every_mode_becomes_rgb_of_the_same_colours(mode: str) -> None:
    image = picture(1).convert(mode)
    decoded = decode(encoded(image))
    assert decoded.mode == "RGB"
    difference = np.abs(np.asarray(decoded).astype(int) - np.asarray(image.convert("RGB")))
    assert difference.mean() < 4


def test_16_bit_grey_keeps_its_levels() -> None:
    levels = np.linspace(0, 65535, 256 * 256).reshape(256, 256).astype(np.uint16)
    decoded = np.asarray(decode(encoded(Image.fromarray(levels), "png")))
    assert np.abs(decoded[..., 0].astype(int) - levels // 257).max() <= 1


def test_exif_orientation_is_applied() -> None:
    image = picture(2, (200, 100))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side
    buffer = io.BytesIO()
    image.save(buffer, format="jpeg", exif=exif)
    assert decode(buffer.getvalue()).size == (100, 200)


@pytest.mark.parametrize("data", [b"", b"<html>", encoded(picture(3))[:3000]])
def test_broken_files_are_refused(data: bytes) -> None:
    for at_least in (None, 64):
        with pytest.raises(BrokenPhotoError) as first:
            decode(data, at_least)
        with pytest.raises(BrokenPhotoError) as second:
            decode(bytes(bytearray(data)), at_least)
        assert str(first.value) == str(second.value), "the reason stands in a table: no addresses"
        assert " at 0x" not in str(first.value)


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(BrokenPhotoError, match="pixels"):
        decode(encoded(Image.new("1", (9000, 9000)), "png"))


def test_every_malformed_file_decodes_or_is_refused(shared: Path) -> None:
    files = [path for path in (shared / "data/malformed").rglob("*") if path.is_file()]
    results = {True: 0, False: 0}
    for path in files:
        try:
            decoded = decode(path.read_bytes(), at_least=64)
        except BrokenPhotoError:
            results[False] += 1
        else:
            assert decoded.mode == "RGB"
            results[True] += 1
    assert sum(results.values()) == len(files) >= 80
    assert results[True] >= 40 and results[False] >= 20


def test_png_is_stored_and_lossless() -> None:
    small = picture(4, (64, 64))
    data = encode_png(small)
    assert 12_300 < len(data) < 12_600
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), np.asarray(small))


def test_reading_past_the_end_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "photos.tar"
    path.write_bytes(b"abcdef")
    with path.open("rb") as file:
        assert read_at(file, 2, 3) == b"cde"
        with pytest.raises(ValueError, match="ends inside the photo at byte 4"):
            read_at(file, 4, 3)
