"""Photos from strangers: limited in bytes, format and pixels before anything is decoded."""

from pathlib import Path

import numpy as np

from pipeline.photos.decoding import MAX_PIXELS, BrokenPhotoError, read_photo
from pipeline.photos.formats import FORMATS, HEAD_BYTES, PHOTO_ENDINGS, format_of

MAX_BYTES = 50_000_000
# That the page offers; what a file is, its content decides.
SUFFIXES = list(PHOTO_ENDINGS)


def read_upload(path: Path) -> np.ndarray:
    """The photo upright, (H, W, 3) uint8 RGB, of full size; see `read_photo_upload`."""
    return read_photo_upload(path)[0]


def read_photo_upload(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The photo, and (H, W) bool: where it is transparent, so that its colour says nothing.

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
    if format_of(data[:HEAD_BYTES]) not in FORMATS:
        raise ValueError(
            "The file is no image that this page reads: take a JPEG, PNG, WebP, BMP, TIFF, GIF "
            "or AVIF"
        )
    try:
        photo = read_photo(data)
    except BrokenPhotoError as error:
        raise ValueError(f"The image cannot be read ({error}): take another file") from error
    if photo.image.shape[:2] != photo.size:
        raise ValueError(f"The photo has more than {MAX_PIXELS:,} pixels: take a smaller one")
    if photo.damage:
        raise ValueError(f"The image cannot be read (damaged: {photo.damage}): take another file")
    unknown = np.zeros(photo.size, bool) if photo.alpha is None else photo.alpha == 0
    return photo.image, unknown
