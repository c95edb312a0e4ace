import hashlib
import io
import os
import random
import signal
import threading
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile, TiffImagePlugin

from pipeline.image_files.image_file import PictureFile
from pipeline.photos import decoding
from pipeline.photos.decoding import (
    BrokenPhotoError,
    Photo,
    UnreadableModeError,
    decode,
    open_image,
    pixels,
    read_photo,
)
from support.address_space import address_space
from support.pictures import encoded, picture, wide_profile, wide_to_srgb


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
    """And Pillow's own warnings of it reach nobody."""
    with (
        warnings.catch_warnings(action="error"),
        pytest.raises(BrokenPhotoError, match="pixels"),
    ):
        decode(encoded(Image.new("1", (9900, 9900)), "png"))


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


@pytest.mark.parametrize("suffix", ["png", "jpeg", "tiff", "webp"])
def test_colours_come_through_the_profile(suffix: str) -> None:
    image = picture(7)
    buffer = io.BytesIO()
    lossless = {"lossless": True} if suffix == "webp" else {}
    image.save(buffer, suffix, icc_profile=wide_profile(), **lossless)
    photo = read_photo(buffer.getvalue())
    plain = np.array(Image.open(io.BytesIO(buffer.getvalue())).convert("RGB"))
    expected = wide_to_srgb(plain)
    assert np.abs(photo.image - expected).max() < 1.6
    assert np.abs(plain - expected).mean() > 5, "ignored, the profile would be missed"
    assert photo.traits == ("profile",)


def test_srgb_stays_as_it_is_and_a_broken_profile_counts_as_srgb() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = encoded(picture(8))
    for profile, traits in ((srgb, ()), (b"no profile", ("bad_profile",))):
        buffer = io.BytesIO()
        picture(8).save(buffer, "jpeg", icc_profile=profile)
        photo = read_photo(buffer.getvalue())
        assert np.array_equal(photo.image, pixels(plain)) and photo.traits == traits
        assert (fast(buffer.getvalue()) is not None) == (profile == srgb)


def deep(values: np.ndarray, suffix: str = "tiff", **tags: float) -> Photo:
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for name, value in tags.items():
        number = {"low": 340, "high": 341}[name]
        info[number] = value
        info.tagtype[number] = 12 if values.dtype.kind == "f" else 3
    buffer = io.BytesIO()
    options = {"tiffinfo": info} if tags else {}
    Image.fromarray(values).save(buffer, suffix, **options)
    return read_photo(buffer.getvalue())


def test_deep_values_are_read_by_their_range() -> None:
    ramp = np.linspace(0, 1, 64 * 64).reshape(64, 64)
    expected = np.rint(ramp * 255)
    for values, white in [
        (ramp.astype(np.float32), 1.0),
        ((ramp * 65535).astype(np.int32), 65535.0),
        ((ramp * 4095).astype(np.uint16), 4095.0),
        ((ramp * 16383).astype(np.uint16), 16383.0),
        ((ramp * 65535).astype(np.uint16), 65535.0),
    ]:
        photo = deep(values)
        assert np.abs(photo.image[..., 0] - expected).max() <= 1, (values.dtype, white)
        assert photo.range == (0, white) and photo.traits == ("deep",)
    stated = deep((ramp * 400 + 100).astype(np.float32), low=100.0, high=500.0)
    assert np.abs(stated.image[..., 0] - expected).max() <= 1 and stated.range == (100, 500)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_a_tiff_that_stores_white_as_0_is_no_negative(kind: type, tmp_path: Path) -> None:
    white = 1.0 if kind is np.float32 else np.iinfo(kind).max
    ramp = np.linspace(0, 1, 64).reshape(8, 8)
    path = tmp_path / "scan.tiff"
    Image.fromarray((ramp * white).astype(kind)).save(path)
    data = path.read_bytes()
    # Pillow writes black as 0: entry 262 (PhotometricInterpretation), one short, 1.
    entry = b"\x06\x01\x03\x00\x01\x00\x00\x00"
    assert data.count(entry + b"\x01") == 1
    path.write_bytes(data.replace(entry + b"\x01", entry + b"\x00"))
    photo = read_photo(path.read_bytes())
    assert np.abs(photo.image[..., 0] - 255 * (1 - ramp)).max() <= 1
    if kind is not np.float32:
        assert np.abs(PictureFile.read(path).values - 255 * (1 - ramp)).max() <= 1


@pytest.mark.parametrize(
    "values",
    [
        np.linspace(0, 90_000, 64).astype(np.int32).reshape(8, 8),
        np.linspace(-1, 1, 64).astype(np.float32).reshape(8, 8),
        np.linspace(0, 255, 64).astype(np.float32).reshape(8, 8),
        np.full((8, 8), np.nan, np.float32),
    ],
)
def test_values_of_no_known_meaning_are_refused(values: np.ndarray) -> None:
    with pytest.raises(UnreadableModeError) as error:
        deep(values)
    assert error.value.status == "unreadable_mode"


def test_transparent_parts_are_white_and_told() -> None:
    """Not the colours hidden under them."""
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 2, 4))
    photo = read_photo(encoded(image, "png"))
    assert (photo.image[:, 2:] == 255).all() and (photo.image[:, :2] == (0, 0, 255)).all()
    assert photo.alpha is not None and (photo.alpha[:, 2:] == 0).all()
    assert photo.traits == ("transparent",)
    image.putalpha(255)
    opaque = read_photo(encoded(image, "png"))
    assert opaque.alpha is None and (opaque.image[:, 2:] == (255, 0, 0)).all()


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 60 40\n%%EndComments\nshowpage\n%%EOF\n"


def test_only_the_formats_of_photos_are_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands in the place of Ghostscript never runs, and rare decoders see no byte."""
    marker = tmp_path / "ran"
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    Image.init()
    rare = {"EPS": EPS}
    for suffix in ("ppm", "tga", "pcx", "dds", "ico", "sgi", "jpeg2000", "pdf", "im", "msp"):
        buffer = io.BytesIO()
        mode = {"msp": "1", "ico": "RGBA", "dds": "RGBA"}.get(suffix, "RGB")
        picture(0, (64, 64)).convert(mode).save(buffer, suffix)
        rare[suffix] = buffer.getvalue()
    for data in rare.values():
        with pytest.raises(BrokenPhotoError, match="none of the formats"):
            read_photo(data)
        with pytest.raises(BrokenPhotoError, match="none of the formats"):
            open_image(data)
    assert not marker.exists()
    with pytest.raises(BrokenPhotoError, match="HEIC, which is not read"):
        read_photo(b"\0\0\0\x18ftypheic" + bytes(50))


@pytest.mark.parametrize("error", [RuntimeError, NotImplementedError, AssertionError, MemoryError])
def test_whatever_a_decoder_raises_is_a_broken_photo(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fall(*_: object) -> None:
        raise error("a decoder's own")

    monkeypatch.setattr(ImageFile.ImageFile, "load", fall)
    with pytest.raises(BrokenPhotoError, match=f"{error.__name__}: a decoder's own"):
        read_photo(encoded(picture(0), "png"))


def test_a_decoder_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object) -> None:
        while True:
            pass

    monkeypatch.setattr(decoding, "DECODE_SECONDS", 0.2)
    monkeypatch.setattr(ImageFile.ImageFile, "load", hang)
    with pytest.raises(BrokenPhotoError, match=r"takes more than 0.2 s to decode"):
        read_photo(encoded(picture(0), "png"))
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_busy_machine_makes_no_photo_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts is the decoder's own work: none is done while the process is stopped or waits,
    and that of other threads, such as a detector's, is not its own.
    """
    load = ImageFile.ImageFile.load

    def late(image: ImageFile.ImageFile) -> object:
        before = time.process_time()
        other = threading.Thread(target=hashlib.sha256, args=(bytes(300_000_000),))
        other.start()
        time.sleep(0.3)
        other.join()
        assert time.process_time() - before > decoding.DECODE_SECONDS
        return load(image)

    monkeypatch.setattr(decoding, "DECODE_SECONDS", 0.1)
    monkeypatch.setattr(ImageFile.ImageFile, "load", late)
    assert read_photo(encoded(picture(0), "png")).size == (256, 256)


@pytest.mark.parametrize("suffix", ["jpeg", "png", "webp", "bmp", "tiff", "gif", "avif"])
def test_a_whole_photo_is_not_called_broken_for_want_of_memory(suffix: str) -> None:
    """Otherwise a short memory would leave out photos in silence, and other ones each time."""
    data = encoded(picture(3, (1600, 1200)), suffix)
    outcomes = Counter[str]()
    for megabytes in (0, 1, 4, 16, 256):
        with address_space(megabytes << 20):
            try:
                outcomes["damaged" if read_photo(data).damage else "ok"] += 1
            except MemoryError:
                outcomes["memory"] += 1
    assert set(outcomes) <= {"ok", "memory"} and outcomes["ok"] > 0


def test_a_decoder_that_fails_for_want_of_memory_in_words_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As libavif does, by a RuntimeError."""

    def fail(*_: object) -> None:
        raise RuntimeError("Decoding of color planes failed")

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    data = encoded(picture(3), "png")
    with address_space(1 << 20), pytest.raises(MemoryError, match="no memory to decode 65,536"):
        read_photo(data)
    with pytest.raises(BrokenPhotoError, match="Decoding of color planes failed"):
        read_photo(data)


def test_damaged_files_of_every_format_are_refused_or_told() -> None:
    """What fuzzing found: no exception but ours, whatever is changed in the bytes."""
    rng = random.Random(1)
    outcomes = Counter[str]()
    for suffix in ("jpeg", "png", "webp", "bmp", "tiff", "gif", "avif"):
        whole = encoded(picture(3, (96, 64)), suffix)
        for _ in range(150):
            try:
                photo = read_photo(damaged(whole, rng), max_pixels=1_000_000)
            except BrokenPhotoError:
                outcomes["broken"] += 1
            else:
                outcomes["damaged" if photo.damage else "ok"] += 1
    assert outcomes.total() == 1050 and min(outcomes.values()) > 30


@pytest.mark.parametrize("kind", ["zeroed", "cut", "taller", "shorter", "wider", "narrower"])
def test_libjpegs_warnings_are_kept(kind: str) -> None:
    """With and without metadata, which decides the way it is decoded."""
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    for options in ({}, {"exif": exif}):
        buffer = io.BytesIO()
        picture(9, (200, 160)).save(buffer, "jpeg", quality=95, **options)
        whole = buffer.getvalue()
        assert read_photo(whole).damage == ""
        hurt = bytearray(whole)
        frame = whole.index(b"\xff\xc0")
        if kind == "zeroed":
            hurt[len(whole) // 2 : len(whole) // 2 + 512] = bytes(512)
        elif kind == "cut":
            hurt = bytearray(whole[: len(whole) // 2] + b"\xff\xd9")
        else:
            at, change = {
                "taller": (5, 64),
                "shorter": (5, -64),
                "wider": (7, 64),
                "narrower": (7, -64),
            }[kind]
            size = int.from_bytes(whole[frame + at : frame + at + 2]) + change
            hurt[frame + at : frame + at + 2] = size.to_bytes(2)
        assert read_photo(bytes(hurt)).damage.startswith("Corrupt JPEG data"), options
        assert read_photo(bytes(hurt), at_least=40).damage.startswith("Corrupt JPEG data")


def test_a_jpeg_of_too_many_pixels_comes_scaled_down() -> None:
    image = picture(5, (1000, 600))
    photo = read_photo(encoded(image), max_pixels=200_000)
    assert photo.image.shape == (300, 500, 3) and photo.size == (600, 1000)
    assert read_photo(encoded(image), max_pixels=600_000).image.shape == (600, 1000, 3)
    buffer = io.BytesIO()
    image.save(buffer, "jpeg", progressive=True)
    for data in (encoded(image, "png"), buffer.getvalue()):
        with pytest.raises(BrokenPhotoError, match="1000x600 is over 200,000 pixels"):
            read_photo(data, max_pixels=200_000)
        assert read_photo(data, max_pixels=None).image.shape == (600, 1000, 3)


def test_a_progressive_jpeg_of_endless_scans_is_refused() -> None:
    buffer = io.BytesIO()
    picture(5).save(buffer, "jpeg", progressive=True)
    data = buffer.getvalue()
    assert read_photo(data).damage == ""
    bomb = data[:-2] + data[data.rindex(b"\xff\xda") : -2] * 200 + data[-2:]
    with pytest.raises(BrokenPhotoError, match="more than 100 scans"):
        read_photo(bomb)
