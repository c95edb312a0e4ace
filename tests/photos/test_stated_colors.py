import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from pipeline.image_files.image_file import PictureFile
from pipeline.photos.decoding import UnreadableModeError, read_photo
from pipeline.photos.formats import PNG_START
from pipeline.photos.stated_colors import SRGB, WHITE_D65, StatedColors, icc_profile

# Little CMS interpolates the curves of grey, which misses the first few of linear levels.
GREY = np.tile(np.arange(8, 256, 4, dtype=np.uint8), (8, 1))
COLORS = np.random.default_rng(0).integers(40, 216, (16, 16, 3), np.uint8)
# Linear Display P3 to linear sRGB, both of white D65 (CSS Color 4, section 18).
P3_TO_SRGB = [
    [1.2249402, -0.2249402, 0.0],
    [-0.0420570, 1.0420570, 0.0],
    [-0.0196376, -0.0786361, 1.0982736],
]


def png(image: np.ndarray, **chunks: bytes) -> bytes:
    """With `chunks` before the pixels, by name."""
    height, width = image.shape[:2]
    depth = 8 * image.dtype.itemsize
    content = image.astype(image.dtype.newbyteorder(">")).tobytes()
    lines = np.frombuffer(content, np.uint8).reshape(height, -1)
    filtered = np.pad(lines, ((0, 0), (1, 0))).tobytes()
    color = {2: 0, 3: 2}[image.ndim]
    parts = {"IHDR": struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)}
    parts |= chunks | {"IDAT": zlib.compress(filtered), "IEND": b""}
    named = ((name.encode() + value) for name, value in parts.items())
    return PNG_START + b"".join(
        struct.pack(">I", len(each) - 4) + each + struct.pack(">I", zlib.crc32(each))
        for each in named
    )


def gamma(exponent: float) -> bytes:
    return struct.pack(">I", round(100_000 / exponent))


def to_linear(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def levels_of(linear: np.ndarray) -> np.ndarray:
    linear = linear.clip(0, 1)
    curved = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(255 * curved)


def p3_as_srgb(image: np.ndarray) -> np.ndarray:
    return levels_of(to_linear(image / 255) @ np.transpose(P3_TO_SRGB))


@pytest.mark.parametrize("exponent", [1.0, 1.8])
@pytest.mark.parametrize("image", [GREY, COLORS])
def test_gamma_of_a_png_counts(image: np.ndarray, exponent: float) -> None:
    photo = read_photo(png(image, gAMA=gamma(exponent)))
    expected = levels_of((image / 255) ** exponent)
    shown = photo.image if image.ndim == 3 else photo.image[..., 0]
    assert np.abs(shown - expected).max() < 1.6
    assert np.abs(image - expected).mean() > 5, "ignored, it would be missed"
    assert photo.traits == ("profile",)


def test_statements_of_srgb_change_nothing() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    embedded = b"sRGB\0\0" + zlib.compress(srgb)
    for chunks in (
        {"gAMA": gamma(2.2)},
        {"sRGB": b"\0", "gAMA": gamma(1.0)},
        {"iCCP": embedded, "gAMA": gamma(1.0)},
        {"cICP": bytes([1, 13, 0, 1]), "gAMA": gamma(1.0)},
        {"gAMA": bytes(4)},
    ):
        photo = read_photo(png(COLORS, **chunks))
        assert np.array_equal(photo.image, COLORS) and photo.traits == (), chunks


def test_primaries_of_a_png_count() -> None:
    for chunks in (
        {"cICP": bytes([12, 13, 0, 1])},
        {
            "gAMA": gamma(2.2),
            "cHRM": struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000),
        },
    ):
        photo = read_photo(png(COLORS, **chunks))
        assert np.abs(photo.image - p3_as_srgb(COLORS)).max() < 1.6
        assert photo.traits == ("profile",)
    assert np.abs(COLORS - p3_as_srgb(COLORS)).mean() > 3, "ignored, they would be missed"


def avif(primaries: int, transfer: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(COLORS).save(buffer, "AVIF", quality=100, subsampling="4:4:4")
    data = buffer.getvalue()
    assert data.count(b"colrnclx") == 1
    head, tail = data.split(b"colrnclx")
    return head + b"colrnclx" + struct.pack(">HH", primaries, transfer) + tail[4:]


def test_colours_of_an_avif_count() -> None:
    plain, wide = read_photo(avif(1, 13)), read_photo(avif(12, 13))
    assert plain.traits == () and wide.traits == ("profile",)
    assert np.abs(wide.image - p3_as_srgb(plain.image)).max() < 1.6


@pytest.mark.parametrize("data", [png(COLORS, cICP=bytes([9, 16, 0, 1])), avif(9, 18)])
def test_hdr_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableModeError, match="of HDR"):
        read_photo(data)


def test_three_equal_primaries_are_refused() -> None:
    same = struct.pack(">8I", 31270, 32900, *[30000] * 6)
    with pytest.raises(UnreadableModeError, match="no three colours"):
        read_photo(png(COLORS, gAMA=gamma(2.2), cHRM=same))


def test_a_profile_of_srgb_is_srgb() -> None:
    profile = icc_profile(StatedColors(SRGB, WHITE_D65, 0.0), is_grey=False)
    opened = ImageCms.getOpenProfile(io.BytesIO(profile))
    target = ImageCms.createProfile("sRGB")
    there = ImageCms.profileToProfile(Image.fromarray(COLORS), opened, target)
    assert np.abs(np.asarray(there).astype(int) - COLORS).max() <= 1


@pytest.mark.parametrize("image", [GREY, COLORS])
def test_a_completion_keeps_what_a_png_means(image: np.ndarray, tmp_path: Path) -> None:
    path, out = tmp_path / "linear.png", tmp_path / "completed.png"
    path.write_bytes(png(image, gAMA=gamma(1.0)))
    picture = PictureFile.read(path)
    new = np.zeros(image.shape[:2], bool)
    new[2:4, 2:4] = True
    picture.write(picture.with_completed(picture.rgb, new), out)
    difference = read_photo(out.read_bytes()).image.astype(int) - picture.rgb
    assert np.abs(difference).max() <= 3, "8 bits of linear light have few dark levels"


def test_a_transparent_grey_or_colour_of_16_bits_is_transparent() -> None:
    deep = np.tile(np.arange(0, 65536, 1024, dtype=np.uint16), (8, 1))
    for image, clear in (
        (deep, struct.pack(">H", 1024 * 5)),
        (np.stack([deep] * 3, axis=-1), struct.pack(">3H", *[1024 * 5] * 3)),
    ):
        photo = read_photo(png(image, tRNS=clear))
        assert photo.traits == ("deep", "transparent") and photo.alpha is not None
        assert np.flatnonzero(photo.alpha[0] == 0).tolist() == [5]
        assert (photo.image[:, 5] == 255).all() and (photo.image[:, 6] < 40).all()
