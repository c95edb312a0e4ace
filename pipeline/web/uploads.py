"""Photos from strangers: limited in bytes, format and pixels before anything is decoded."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.image_files.image_file import upright_exif
from pipeline.photos.decoding import MAX_PIXELS, BrokenPhotoError, read_photo
from pipeline.photos.formats import FORMATS, HEAD_BYTES, PHOTO_ENDINGS, format_of


class Limits(NamedTuple):
    """Of one photo."""

    max_bytes: int = 50_000_000
    max_pixels: int = MAX_PIXELS


# That the page offers; what a file is, its content decides.
SUFFIXES = list(PHOTO_ENDINGS)


def read_upload(path: Path, limits: Limits) -> tuple[np.ndarray, np.ndarray, bytes]:
    """The photo upright, (H, W, 3) uint8 RGB, of full size; where it is transparent, (H, W) bool,
    so that its colour says nothing; and its EXIF, which may be empty.

    Raises ValueError, in words for the page, where it is too large, of no known format, broken, or
    no longer there.
    """
    if not path.is_file():
        raise ValueError("The photo is no longer kept here: choose it once more")
    if path.stat().st_size > limits.max_bytes:
        raise ValueError(
            f"The file has {path.stat().st_size / 1e6:,.0f} MB, at most "
            f"{limits.max_bytes / 1e6:,.0f} MB are taken: save it smaller, for instance as a JPEG"
        )
    data = path.read_bytes()
    if format_of(data[:HEAD_BYTES]) not in FORMATS:
        raise ValueError(
            "The file is no image that this page reads: take a JPEG, PNG, WebP, BMP, TIFF, GIF "
            "or AVIF"
        )
    try:
        photo = read_photo(data, max_pixels=limits.max_pixels)
    except BrokenPhotoError as error:
        raise ValueError(f"The image cannot be read ({error}): take another file") from error
    if photo.image.shape[:2] != photo.size:
        raise ValueError(
            f"The photo has more than {limits.max_pixels:,} pixels: take a smaller one"
        )
    if photo.damage:
        raise ValueError(f"The image cannot be read (damaged: {photo.damage}): take another file")
    unknown = np.zeros(photo.size, bool) if photo.alpha is None else photo.alpha == 0
    return photo.image, unknown, upright_exif(data)
