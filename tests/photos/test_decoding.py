import io
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.photos import decoding
from pipeline.photos.decoding import BrokenPhotoError, decode, encode_png, pixels, read_at
from support.pictures import encoded, picture


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
    data = encode_png(np.asarray(small))
    assert 12_300 < len(data) < 12_600
    assert data == encode_png(small)
    with Image.open(io.BytesIO(data)) as read:
        read.verify()
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), np.asarray(small))


@pytest.mark.parametrize("size", [(64, 64), (28, 27), (1, 1), (512, 300)])
def test_pictures_and_masks_of_any_size_survive_png(size: tuple[int, int]) -> None:
    image = np.asarray(picture(5, size))
    mask = image[..., 0] > 127
    for array, mode in ((image, "RGB"), (mask, "1")):
        read = Image.open(io.BytesIO(encode_png(array)))
        assert read.mode == mode
        assert np.array_equal(np.asarray(read), array)


def pillow_alone(data: bytes, at_least: int | None) -> np.ndarray | None:
    try:
        return decoding._with_pillow(data, "JPEG", at_least).image
    except BrokenPhotoError:
        return None


def fast(data: bytes, at_least: int | None = None) -> np.ndarray | None:
    header = decoding._jpeg_header(data)
    return decoding._plain_jpeg(data, header, at_least)[0] if header.is_plain else None


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Cut short, some bytes changed, or some left out."""
    start = rng.randrange(len(data))
    if rng.random() < 0.3:
        return data[:start]
    if rng.random() < 0.3:
        return data[:start] + data[start + rng.randrange(1, 500) :]
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 5, 40))):
        changed[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(changed)


def test_both_decoders_are_one() -> None:
    """The fast way gives Pillow's pixels, and takes nothing that Pillow refuses."""
    rng = random.Random(0)
    num_fast = 0
    for seed in range(400):
        size = (rng.randrange(64, 300), rng.randrange(64, 300))
        image = picture(seed, size).convert(rng.choice(("RGB", "L", "CMYK")))
        buffer = io.BytesIO()
        options = {"progressive": rng.random() < 0.2, "subsampling": rng.randrange(3)}
        image.save(buffer, "jpeg", quality=rng.randrange(20, 96), **options)
        data = buffer.getvalue() if seed % 2 else damaged(buffer.getvalue(), rng)
        for at_least in (None, 16, 64):
            plain, expected = fast(data, at_least), pillow_alone(data, at_least)
            if plain is not None:
                num_fast += 1
                assert expected is not None and np.array_equal(plain, expected)
    assert num_fast > 300, "photos without a fault are decoded the fast way"


def test_photos_with_metadata_go_to_pillow() -> None:
    image = picture(6)
    exif = Image.Exif()
    exif[0x0112] = 3
    turned, plain = io.BytesIO(), io.BytesIO()
    image.save(turned, "jpeg", exif=exif)
    image.save(plain, "jpeg")
    assert fast(turned.getvalue()) is None and fast(plain.getvalue()) is not None
    upside_down = pixels(turned.getvalue())
    assert np.array_equal(upside_down[::-1, ::-1], pixels(plain.getvalue()))


def test_reading_past_the_end_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "photos.tar"
    path.write_bytes(b"abcdef")
    with path.open("rb") as file:
        assert read_at(file, 2, 3) == b"cde"
        with pytest.raises(ValueError, match="ends inside the photo at byte 4"):
            read_at(file, 4, 3)
