"""Image files as the user has them: what a completion leaves alone comes back bit for bit.

Kept are grey, 16-bit grey, alpha, the stored orientation with its EXIF tag, the resolution in dots
per inch, and the colour profile; the sizes that EXIF names are those of what is written.
Palettes and CMYK become RGB, since the colours of a completion need not be in them. Colours of
another space than sRGB are completed in sRGB, and the completion goes back through the profile.
"""

import io
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps

from pipeline.photos.decoding import open_image, read_photo
from pipeline.photos.icc_profiles import PROFILE, from_srgb
from pipeline.runtime.progress import say

ORIENTATION = 0x0112  # the EXIF tag
# Tags of width and height, in the two places that EXIF has for them.
WHOLE_SIZE = ExifTags.Base.ImageWidth, ExifTags.Base.ImageLength
PIXEL_SIZE = ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight
# What turns an upright image back into the stored one, by the tag's value.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
SIXTEEN_BIT = "I;16"
KEPT_MODES = ("L", "LA", "RGB", "RGBA", SIXTEEN_BIT)
# What the largest cameras of phones take, 108 megapixels, and a little more.
MAX_PIXELS = 120_000_000
TOO_MANY = f"at most {MAX_PIXELS:,} are read whole"
# Known pixels change in a JPEG: as little as may be.
JPEG_QUALITY = 95


@dataclass(frozen=True)
class PictureFile:
    """An image, upright, in the form that its file can be written in again."""

    rgb: np.ndarray  # (H, W, 3) uint8 sRGB: what is completed
    unknown: np.ndarray  # (H, W) bool: transparent, so that its colour says nothing
    values: np.ndarray  # (H, W) or (H, W, channels), uint8 or uint16: what is written
    mode: str  # of `values`: one of KEPT_MODES
    orientation: int  # of the EXIF tag, 1 to 8
    exif: bytes
    profile: bytes  # ICC of `values`, may be empty
    white: float  # of `values`
    dpi: tuple[float, float] | None = None  # dots per inch, across and down, as stored

    @classmethod
    def read(cls, path: Path) -> "PictureFile":
        """ValueError where the file is no whole image, or one of too many pixels.

        Says what the output will not hold.
        """
        data = path.read_bytes()
        with warnings.catch_warnings():
            # Pillow's own limit lies below ours, which is told as an error.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            photo, image = read_photo(data, max_pixels=MAX_PIXELS), open_image(data)
        rgb = photo.image
        if rgb.shape[:2] != photo.size:
            raise ValueError(f"{path} has {photo.size[1]}x{photo.size[0]} px: {TOO_MANY}")
        if photo.damage:
            say(f"{path}: WARNING: the file is damaged ({photo.damage})")
        if note := _note(image):
            say(f"{path}: {note}")
        exif = image.getexif()
        orientation = exif.get(ORIENTATION, 1)
        if orientation not in STORED:
            orientation = 1
        mode = _kept_mode(image)
        if mode == SIXTEEN_BIT and photo.range[0] != 0:
            say(f"{path}: its own range of values becomes 8-bit grey")
            mode = "L"
        profile = b"" if image.mode == "CMYK" else image.info.get("icc_profile") or b""
        if mode == "RGB" and (PROFILE not in photo.traits or not profile):
            values, profile = rgb, profile if PROFILE not in photo.traits else b""
        elif mode == "L" and image.mode not in ("L", "1"):
            values, profile = np.array(Image.fromarray(rgb).convert("L")), b""
        else:
            values = np.array(ImageOps.exif_transpose(_converted(image, mode)))
            values = values.astype(np.uint16) if mode == SIXTEEN_BIT else values
        alpha = photo.alpha
        unknown = np.zeros(rgb.shape[:2], bool) if alpha is None else alpha == 0
        exif_bytes = _exif_bytes(exif)
        if exif and not exif_bytes:
            say(f"{path}: WARNING: its EXIF is damaged, and is left out")
        white = photo.range[1] if mode == SIXTEEN_BIT else 255.0
        dpi = _dpi(image)
        return cls(rgb, unknown, values, mode, orientation, exif_bytes, profile, white, dpi)

    def with_completed(
        self, completed: np.ndarray, new: np.ndarray, top: int = 0, left: int = 0
    ) -> Image.Image:
        """The image to write: `completed` (HWC uint8 RGB) where `new` (HW bool), else its own.

        A completion that is larger has the image at (top, left), and is opaque around it. Alpha
        stays also in holes. In the stored orientation.
        """
        values = np.zeros((*new.shape, *self.values.shape[2:]), self.values.dtype)
        if self.mode in ("LA", "RGBA"):
            values[..., -1] = 255
        height, width = self.values.shape[:2]
        values[top : top + height, left : left + width] = self.values
        made = self._in_file(completed[new][None])[0]
        if self.mode in ("LA", "RGBA"):
            values[..., :-1][new] = made.reshape(len(made), -1)
        else:
            values[new] = made
        image = Image.fromarray(values)
        return image.transpose(STORED[self.orientation]) if self.orientation in STORED else image

    def _in_file(self, colors: np.ndarray) -> np.ndarray:
        """(1, N, 3) uint8 sRGB -> (1, N) or (1, N, 3) in the file's mode and colours."""
        image = from_srgb(Image.fromarray(colors), self.profile)
        if self.mode in ("RGB", "RGBA"):
            return np.array(image.convert("RGB"))
        grey = np.array(image.convert("L"))
        if self.mode != SIXTEEN_BIT:
            return grey
        levels: np.ndarray = np.rint(grey.astype(np.float64) * (self.white / 255))
        return levels.astype(np.uint16)

    def write(self, image: Image.Image, path: Path) -> None:
        """Writes what `with_completed` gave, as the suffix says; whole or not at all."""
        options: Options = {"exif": exif_of_size(self.exif, image.size)} if self.exif else {}
        if self.profile:
            options["icc_profile"] = self.profile
        if self.dpi:
            options["dpi"] = self.dpi
        buffer = io.BytesIO()
        SUFFIXES[path.suffix.lower()](image, buffer, options)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            unfinished.write_bytes(buffer.getvalue())
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)


Options = dict[str, Any]


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    """As the file says it; None where it does not, or where it says only a shape of pixels."""
    found = image.info.get("dpi")
    if not found or min(found) <= 0:
        return None
    return float(found[0]), float(found[1])


def upright_exif(data: bytes) -> bytes:
    """What the camera noted in the file `data`, for the image turned upright; may be empty."""
    tags = open_image(data).getexif()
    if ORIENTATION in tags:
        tags[ORIENTATION] = 1
    return _exif_bytes(tags)


def _exif_bytes(tags: Image.Exif) -> bytes:
    """Empty where there are none, or some that cannot be written."""
    try:
        return tags.tobytes() if tags else b""
    # Pillow raises whatever damaged tags lead it into.
    except Exception:
        return b""


def exif_of_size(exif: bytes, size: tuple[int, int]) -> bytes:
    """`exif` with the width and height that it names set to `size`."""
    tags = Image.Exif()
    tags.load(exif)
    inner = tags.get_ifd(ExifTags.IFD.Exif)
    for ifd, names in ((tags, WHOLE_SIZE), (inner, PIXEL_SIZE)):
        for name, length in zip(names, size, strict=True):
            if name in ifd:
                ifd[name] = length
    return tags.tobytes()


def _save_png(image: Image.Image, file: io.BytesIO, options: Options) -> None:
    # More compression takes several times as long, for a tenth of the bytes.
    image.save(file, format="PNG", compress_level=1, **options)


def _save_webp(image: Image.Image, file: io.BytesIO, options: Options) -> None:
    _need_8_bit(image, "WebP")
    image.save(file, format="WEBP", lossless=True, exact=True, **options)


def _save_jpeg(image: Image.Image, file: io.BytesIO, options: Options) -> None:
    _need_8_bit(image, "JPEG")
    if image.mode in ("LA", "RGBA"):
        raise ValueError("a JPEG cannot hold the image's transparency: write a .png or .webp")
    image.save(file, format="JPEG", quality=JPEG_QUALITY, subsampling=0, **options)


def _need_8_bit(image: Image.Image, name: str) -> None:
    if image.mode == SIXTEEN_BIT:
        raise ValueError(f"a {name} cannot hold the image's 16 bits: write a .png")


# What outputs can be, by the suffix of their names.
SUFFIXES: dict[str, Callable[[Image.Image, io.BytesIO, Options], None]] = {
    ".png": _save_png,
    ".webp": _save_webp,
    ".jpg": _save_jpeg,
    ".jpeg": _save_jpeg,
}


def _kept_mode(image: Image.Image) -> str:
    """The mode that the image is completed in."""
    if image.mode.startswith("I;16") or image.mode == "I":
        return SIXTEEN_BIT
    if image.mode in ("LA", "RGBA"):
        return image.mode
    is_grey = image.mode in ("L", "1")
    if "transparency" in image.info:
        return "LA" if is_grey else "RGBA"
    return "L" if is_grey else "RGB"


def _converted(image: Image.Image, mode: str) -> Image.Image:
    if mode != SIXTEEN_BIT:
        return image.convert(mode)
    # By way of numbers: Pillow's conversions between 16-bit modes clip.
    levels = np.array(image.convert("I")).clip(0, 65535).astype(np.uint16)
    converted = Image.fromarray(levels)
    converted.info = image.info
    converted.getexif().update(image.getexif())
    return converted


def _note(image: Image.Image) -> str:
    """What the output cannot hold of an open, not yet decoded image."""
    tiles = getattr(image, "tile", [])
    if image.mode in ("RGB", "RGBA") and tiles and "16" in str(tiles[0][3]):
        return "16-bit colours become 8-bit ones"
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        return "only the first frame is taken"
    if image.mode == "P":
        return "the palette becomes RGB"
    return "" if image.mode in (*KEPT_MODES, "1", "I;16B") else f"{image.mode} becomes RGB"
