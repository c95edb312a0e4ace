"""Colours that PNG and AVIF state by numbers."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pipeline.photos.decoding import UnreadableModeError, read_photo

LEVELS = np.arange(0, 256, 15, dtype=np.uint8)
GRID = np.stack(np.meshgrid(LEVELS, LEVELS, LEVELS), axis=-1).reshape(-1, 18, 3)
SRGB_GAMMA = struct.pack(">I", 45455)
# Of red, green, blue and white in the order of the chunk, white first: Adobe RGB (1998).
ADOBE = struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)


def png(image: np.ndarray, **chunks: bytes) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    data = file.getvalue()
    added = b"".join(
        struct.pack(">I", len(content))
        + name.encode()
        + content
        + struct.pack(">I", zlib.crc32(name.encode() + content))
        for name, content in chunks.items()
    )
    return data[:33] + added + data[33:]


def avif(image: np.ndarray, primaries: int, transfer: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "AVIF", quality=100, subsampling="4:4:4")
    data = file.getvalue()
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


def linear(levels: np.ndarray) -> np.ndarray:
    """sRGB levels -> light, 0 to 1 (IEC 61966-2-1)."""
    values = levels / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def levels_of(light: np.ndarray) -> np.ndarray:
    light = light.clip(0, 1)
    return 255 * np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


# From linear Display P3 to linear sRGB (both D65), as published with CSS Color 4.
P3_TO_SRGB = np.array(
    [
        [1.2249401763, -0.2249401763, 0.0],
        [-0.0420569547, 1.0420569547, 0.0],
        [-0.0196375546, -0.0786360456, 1.0982736002],
    ]
)


@pytest.mark.parametrize(
    "data",
    [
        png(GRID),
        png(GRID, gAMA=SRGB_GAMMA),
        png(GRID, sRGB=b"\0", gAMA=struct.pack(">I", 100_000)),
        png(GRID, cICP=bytes([1, 13, 0, 1])),
        png(GRID, gAMA=bytes(4)),
    ],
)
def test_srgb_stays_as_it_is(data: bytes) -> None:
    photo = read_photo(data)
    assert np.array_equal(photo.image, GRID) and photo.traits == ()


def test_a_linear_png_is_not_dark() -> None:
    grey = np.full((4, 4, 3), 55, np.uint8)  # linear light of 0.216
    photo = read_photo(png(grey, gAMA=struct.pack(">I", 100_000)))
    assert abs(photo.image.astype(int) - levels_of(np.array(55 / 255))).max() <= 1
    assert photo.traits == ("profile",)


def test_a_grey_png_takes_its_gamma_too() -> None:
    photo = read_photo(png(np.full((4, 4), 55, np.uint8), gAMA=struct.pack(">I", 100_000)))
    assert abs(photo.image.astype(int) - levels_of(np.array(55 / 255))).max() <= 1


def test_p3_by_numbers_is_p3() -> None:
    expected = levels_of(linear(GRID) @ P3_TO_SRGB.T)
    photo = read_photo(png(GRID, cICP=bytes([12, 13, 0, 1])))
    assert np.abs(photo.image - expected).max() <= 2 and photo.traits == ("profile",)
    photo = read_photo(avif(GRID, 12, 13))
    assert np.abs(photo.image - expected).mean() <= 2 and photo.traits == ("profile",)


def test_primaries_of_a_png_count() -> None:
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 1] = 200  # a green that sRGB does not reach
    photo = read_photo(png(red, gAMA=SRGB_GAMMA, cHRM=ADOBE))
    assert photo.traits == ("profile",)
    assert photo.image[0, 0].tolist() == [0, 200, 0]  # clipped to the strongest green there is


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_is_refused_by_name(transfer: int) -> None:
    for data in (png(GRID, cICP=bytes([9, transfer, 0, 1])), avif(GRID, 9, transfer)):
        with pytest.raises(UnreadableModeError, match=r"HDR \((PQ|HLG)\)"):
            read_photo(data)


def test_stated_colors_without_sense_are_left() -> None:
    """A white of no brightness; a PNG that ends within its chunks is broken, not a traceback."""
    assert read_photo(png(GRID, gAMA=SRGB_GAMMA, cHRM=bytes(32))).traits == ()
