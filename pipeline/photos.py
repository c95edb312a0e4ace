"""Photos as bytes in an archive and as pictures in memory."""

import io
import os
import struct
import warnings
import zlib
from typing import BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

# 8000 x 8000: more than any camera's picture here, less than what fills the memory.
MAX_PIXELS = 64_000_000

# What Pillow's plugins raise on malformed files; its documentation names only the first.
_PILLOW_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


class BrokenPhotoError(ValueError):
    """The bytes are no picture that can be decoded in full."""


def read_at(file: BinaryIO, offset: int, size: int) -> bytes:
    """`size` bytes from `offset` of an open file; thread-safe, the file's position stays."""
    data = os.pread(file.fileno(), size, offset)
    if len(data) != size:
        raise ValueError(
            f"{file.name} ends inside the photo at byte {offset:,}: got {len(data):,} of {size:,} "
            "bytes; the archive changed after it was indexed, run `dvc repro index`"
        )
    return data


def decode(data: bytes, at_least: int | None = None) -> Image.Image:
    """The picture upright, mode RGB, of full size or scaled down while decoding.

    `at_least` px lets libjpeg decode at 1/2, 1/4 or 1/8, the smallest whose short side is no
    shorter; a JPEG only, other formats come in full. Raises BrokenPhotoError.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decode(data, at_least)
    except UnidentifiedImageError:
        # Pillow's own words hold a memory address, another one in each run.
        raise BrokenPhotoError("no picture format that Pillow knows") from None
    except _PILLOW_ERRORS as error:
        raise BrokenPhotoError(f"{type(error).__name__}: {error}") from error


def _decode(data: bytes, at_least: int | None) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(f"{image.width}x{image.height} is over {MAX_PIXELS:,} pixels")
    if at_least is not None:
        image.draft(None, (at_least, at_least))
    image.load()
    return _to_rgb(ImageOps.exif_transpose(image))


def _to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB; 16-bit grey keeps its upper byte, where Pillow's own conversion would clip."""
    if image.mode.startswith("I;16"):
        image = image.convert("I").point(lambda value: value / 257).convert("L")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")


def encode_png(image: Image.Image) -> bytes:
    """PNG with stored, uncompressed pixels: 12.4 KB for 64x64, and no time lost on zlib."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=0)
    return buffer.getvalue()
