"""Images made for tests."""

import io
import struct

import numpy as np
from PIL import Image


def picture(seed: int, size: tuple[int, int] = (256, 256)) -> Image.Image:
    """An image of smooth noise, width x height, unlike that of any other seed."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, suffix: str = "jpeg") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=suffix)
    return buffer.getvalue()


def damaged_exif() -> bytes:
    """A photo whose EXIF can be read and not be written again: a width that is text."""
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    buffer = io.BytesIO()
    picture(1, (60, 40)).save(buffer, format="jpeg", exif=exif)
    return buffer.getvalue().replace(b"\x01\x0f\x00\x02", b"\x01\x00\x00\x02")


# Primaries of Adobe RGB (1998), adapted to D50: columns of XYZ for red, green and blue.
WIDE = np.array(
    [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
)
WIDE_GAMMA = 563 / 256


def wide_profile() -> bytes:
    """A minimal ICC profile of those primaries; written here, since no file of others may be."""

    def number(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    white = b"XYZ \0\0\0\0" + b"".join(map(number, (0.9642, 1.0, 0.82491)))
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(WIDE_GAMMA * 256)) + b"\0\0"
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"wide\0" + bytes(78)
    tags = {b"desc": text + bytes(-len(text) % 4), b"wtpt": white}
    for name, column in zip(b"rgb", WIDE.T, strict=True):
        tags[bytes([name]) + b"XYZ"] = b"XYZ \0\0\0\0" + b"".join(map(number, column))
        tags[bytes([name]) + b"TRC"] = curve
    start, table, data = 128 + 4 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(data), len(content))
        data += content
    header = struct.pack(">I", start + len(data)) + b"lcms\x02\x40\0\0mntrRGB XYZ "
    header += bytes(12) + b"acsp" + bytes(28) + white[8:]
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


def wide_to_srgb(image: np.ndarray) -> np.ndarray:
    """HWC uint8 in those primaries -> HWC float levels in sRGB, by the standards' formulas."""
    srgb = np.array(
        [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
    )
    linear = (image / 255.0) ** WIDE_GAMMA @ (np.linalg.inv(srgb) @ WIDE).T
    linear = linear.clip(0, 1)
    levels = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(levels * 255)
