"""Photos from strangers: limited in bytes, format and pixels before anything is decoded."""

from pathlib import Path

import numpy as np

from pipeline.photos.decoding import BrokenPhotoError, pixels

MAX_BYTES = 50_000_000
# Endings that the page offers, and how the files begin. No other of Pillow's many decoders is let
# near what somebody uploads.
SUFFIXES = [".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"]
STARTS = (b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"RIFF", b"BM", b"II*\x00", b"MM\x00*", b"GIF8")


def read_upload(path: Path) -> np.ndarray:
    """The photo upright, (H, W, 3) uint8 RGB, of full size.

    Raises ValueError, in words for the page, where it is too large, of no known format, broken, or
    no longer there.
    """
    if not path.is_file():
        raise ValueError("The photo is no longer kept here: choose it once more")
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(
            f"The file has {path.stat().st_size / 1e6:,.0f} MB, at most {MAX_BYTES / 1e6:.0f} MB "
            "are taken: save it smaller, for instance as a JPEG"
        )
    data = path.read_bytes()
    if not data.startswith(STARTS):
        raise ValueError(
            "The file is no picture that this page reads: take a JPEG, PNG, WebP, BMP, TIFF or GIF"
        )
    try:
        return pixels(data)
    except BrokenPhotoError as error:
        raise ValueError(f"The picture cannot be read ({error}): take another file") from error
