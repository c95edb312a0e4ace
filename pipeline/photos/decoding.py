"""Photos as bytes in an archive and as images in memory: the one place where they are decoded.

What comes in is converted by the rules below, and what was done is told (`Photo.traits`):

- Formats are those of pipeline/photos/formats.py, told by content. No other decoder sees the bytes.
- Colours become sRGB, through the file's own ICC profile, or what else it states of its colours
  (pipeline/photos/stated_colors.py); what changes no colour by more than SRGB_TOLERANCE levels is
  sRGB already, and the pixels stay as they are. HDR is an UnreadableModeError.
- Deeper grey is scaled by the file's own range where it states one (TIFF's SMin/SMaxSampleValue),
  and is a negative where it says so (WhiteIsZero).
  Else whole numbers count as 8, 10, 12, 14 or 16 bits, the fewest that hold all of them, and
  fractions as 0 to 1. Numbers that fit neither are an UnreadableModeError.
- Transparent parts are laid on white; `Photo.alpha` says where they are.
- A JPEG that libjpeg warns of is decoded as far as it goes: `Photo.damage` has the words.

Whatever a decoder raises, or that it computes for more than DECODE_SECONDS, is a BrokenPhotoError;
but where memory is short, it is a MemoryError: the photo may be whole.
"""

import io
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
import simplejpeg
from PIL import AvifImagePlugin, Image, ImageFile, ImageOps, UnidentifiedImageError

from pipeline.photos.formats import HEAD_BYTES, format_of
from pipeline.photos.icc_profiles import BAD_PROFILE, PROFILE, applied, is_srgb, space_of, to_srgb
from pipeline.photos.stated_colors import UnknownColorsError, profile_of
from pipeline.runtime.system_faults import is_memory_short

# 8000 x 8000, some 400 MB while one is decoded. A JPEG of more is decoded at 1/2, 1/4 or 1/8.
MAX_PIXELS = 64_000_000
# What a decoder may compute; a photo of MAX_PIXELS takes some two seconds.
DECODE_SECONDS = 60
# What is free while a photo is decoded, or its decoder may have failed for want of it: all copies
# of its pixels, and the tables and threads of the decoder. Only address space is asked for.
BYTES_PER_PIXEL, DECODER_BYTES = 16, 1 << 27
# A progressive photo has a dozen; each is a pass over all of its pixels.
MAX_SCANS = 100

# Or the decoder's threads compute beside what _time_limit counts; each worker has a core anyway.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

PILLOW_NAMES = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "bmp": "BMP",
    "tiff": "TIFF",
    "gif": "GIF",
    "avif": "AVIF",
}

JPEG_START = b"\xff\xd8"
# What follows the marker byte of a JPEG's segments: the size (Huffman-coded, baseline, extended and
# progressive), EXIF or XMP, an ICC profile, the start of the image data.
MARKER, START_OF_FRAME, APP1, APP2, START_OF_SCAN = 0xFF, (0xC0, 0xC1, 0xC2), 0xE1, 0xE2, 0xDA
PROGRESSIVE = 0xC2
ICC_START = b"ICC_PROFILE\0"

# White, in as many bits as cameras and scanners give.
WHITES = (2**8 - 1, 2**10 - 1, 2**12 - 1, 2**14 - 1, 2**16 - 1)
# TIFF's SMinSampleValue and SMaxSampleValue. Its Min- and MaxSampleValue are the values that occur,
# and by the standard nothing to display by.
LOWEST, HIGHEST = 340, 341
PHOTOMETRIC, WHITE_IS_ZERO = 262, 0
ORIENTATION = 0x0112  # the EXIF tag; 5 to 8 turn the photo on its side

# Traits: what was done to the colours.
DEEP, TRANSPARENT = "deep", "transparent"
TRAITS = (PROFILE, BAD_PROFILE, DEEP, TRANSPARENT)

EIGHT_BIT = (0.0, 255.0)


class BrokenPhotoError(ValueError):
    """The bytes are no photo that can be decoded in full."""

    status = "broken"


class UnreadableModeError(BrokenPhotoError):
    """It can be decoded, but what its numbers mean is not known."""

    status = "unreadable_mode"


class Photo(NamedTuple):
    """A decoded photo."""

    image: np.ndarray  # upright, HWC uint8 sRGB
    size: tuple[int, int]  # height and width (px) of the whole photo, upright
    damage: str  # what libjpeg warned of; empty for a whole photo
    alpha: np.ndarray | None  # (H, W) uint8 as `image`; None where all of it is opaque
    traits: tuple[str, ...]  # sorted
    range: tuple[float, float]  # the file's own values of black and white


def decode(data: bytes, at_least: int | None = None) -> Image.Image:
    """The image of `pixels`, mode RGB."""
    return Image.fromarray(pixels(data, at_least))


def pixels(data: bytes, at_least: int | None = None) -> np.ndarray:
    """The image of `read_photo` alone."""
    return read_photo(data, at_least).image


def read_photo(
    data: bytes, at_least: int | None = None, max_pixels: int | None = MAX_PIXELS
) -> Photo:
    """The photo, of full size or scaled down while decoding. Raises BrokenPhotoError.

    `at_least` px lets libjpeg decode at 1/2, 1/4 or 1/8, the smallest whose short side is no
    shorter; a JPEG only, other formats come in full. More than `max_pixels` are never decoded: a
    baseline JPEG is scaled down to them, others are refused. None: no limit.
    """
    kind = _kind(data)
    damage = ""
    if kind == "jpeg":
        header = _jpeg_header(data)
        if header.is_progressive and data.count(b"\xff\xda") > MAX_SCANS:
            raise BrokenPhotoError(f"a progressive JPEG of more than {MAX_SCANS} scans")
        if header.is_plain:
            image, damage = _plain_jpeg(data, header, at_least, max_pixels)
            if image is not None:
                traits: tuple[str, ...] = ()
                if header.profile:
                    wide = Image.fromarray(image)
                    image, traits = np.array(applied(wide, header.profile, "RGB")), (PROFILE,)
                return Photo(image, (header.height, header.width), "", None, traits, EIGHT_BIT)
        else:
            # The smallest scale: all bytes are read, few pixels are made.
            damage = _warning_of(data, min_factor=8)
    photo = _with_pillow(data, PILLOW_NAMES[kind], at_least, max_pixels)
    return photo._replace(damage=damage)


def _kind(data: bytes) -> str:
    kind = format_of(data[:HEAD_BYTES])
    if kind is None or kind not in PILLOW_NAMES:
        what = "HEIC, which is not read" if kind == "heic" else "none of the formats that are read"
        raise BrokenPhotoError(f"its content is {what} ({', '.join(PILLOW_NAMES)})")
    return kind


class _JpegHeader(NamedTuple):
    """What stands before the image data of a JPEG."""

    height: int = 0
    width: int = 0
    is_progressive: bool = False
    is_plain: bool = False  # grey or colours, and no metadata that could turn it
    profile: bytes = b""  # ICC, where it is not sRGB


def _jpeg_header(data: bytes) -> _JpegHeader:
    header = _JpegHeader()
    is_plain, profile, at = True, b"", len(JPEG_START)
    while at + 10 <= len(data) and data[at] == MARKER:
        kind, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if kind == START_OF_SCAN:
            return header._replace(is_plain=is_plain and header.is_plain, profile=profile)
        if kind == APP1:
            is_plain = False
        elif kind == APP2 and data.startswith(ICC_START, at + 4):
            # Behind the mark stand the number of this piece and that of all.
            profile = data[at + 18 : at + 2 + length]
            is_plain = is_plain and data[at + 17] == 1 and space_of(profile) == "RGB"
            profile = b"" if is_srgb(profile) else profile
        elif kind in START_OF_FRAME:
            height, width = (int.from_bytes(data[at + n : at + n + 2]) for n in (5, 7))
            is_colour = data[at + 9] in (1, 3)
            header = _JpegHeader(height, width, kind == PROGRESSIVE, is_colour)
        at += 2 + length
    return header._replace(is_plain=False)


def _plain_jpeg(
    data: bytes, header: _JpegHeader, at_least: int | None, max_pixels: int | None = MAX_PIXELS
) -> tuple[np.ndarray | None, str]:
    """The pixels of a plain JPEG without a fault, else None; and what libjpeg warned of.

    Both libraries are libjpeg-turbo and give the same pixels; without Pillow around it a small
    photo takes two thirds of the time. Pillow judges whatever is odd.
    """
    height, width = header.height, header.width
    step = _step(header, at_least, max_pixels)
    if step is None or height * width == 0:
        return None, ""
    scaled = -(-height // step), -(-width // step)
    least = {"min_height": scaled[0], "min_width": scaled[1]} if step > 1 else {}
    try:
        plain: np.ndarray = simplejpeg.decode_jpeg(data, "RGB", **least)
    except ValueError as error:
        return None, _warning(data, str(error), **least)
    return (plain if plain.shape[:2] == scaled else None), ""


def _warning_of(data: bytes, **options: int) -> str:
    try:
        simplejpeg.decode_jpeg(data, "RGB", **options)
    except ValueError as error:
        return _warning(data, str(error), **options)
    return ""


def _warning(data: bytes, words: str, **options: int) -> str:
    """The words where libjpeg only warns; where it fails as well, Pillow has the say."""
    if "memory" in words.lower():
        raise MemoryError(words)
    if words.startswith("Corrupt JPEG data"):
        return words
    try:
        simplejpeg.decode_jpeg(data, "RGB", strict=False, **options)
    except ValueError:
        return ""
    return words


def _step(header: _JpegHeader, at_least: int | None, max_pixels: int | None) -> int | None:
    """By how much the decoder divides the sides; None where no step is enough for `max_pixels`.

    The rule of Pillow's `draft`. A progressive JPEG takes its memory at full size.
    """
    height, width = header.height, header.width
    steps = [step for step in (8, 4, 2) if at_least and min(height, width) >= step * at_least]
    step = steps[0] if steps else 1
    if max_pixels is None or height * width <= max_pixels:
        return step
    if header.is_progressive:
        return None
    fitting = (each for each in (2, 4, 8) if -(-height // each) * -(-width // each) <= max_pixels)
    least = next(fitting, None)
    return None if least is None else max(step, least)


def _with_pillow(
    data: bytes, name: str, at_least: int | None, max_pixels: int | None = MAX_PIXELS
) -> Photo:
    try:
        with warnings.catch_warnings(), _time_limit():
            warnings.simplefilter("ignore")
            return _decode(data, name, at_least, max_pixels)
    except BrokenPhotoError:
        raise
    except UnidentifiedImageError:
        # Pillow's own words hold a memory address, another one in each run.
        raise BrokenPhotoError(f"no {name} that Pillow can read") from None
    # Decoders raise whatever malformed bytes lead them into; their documentation names one type.
    except Exception as error:
        _require_memory(data, name, max_pixels)
        raise BrokenPhotoError(f"{type(error).__name__}: {error}") from error


def _require_memory(data: bytes, name: str, max_pixels: int | None) -> None:
    """MemoryError where a decoder may have failed for want of it; few say so in their errors."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            width, height = _opened(data, name).size
    except Exception:  # nothing was decoded
        width = height = 0
    num_pixels = min(width * height, max_pixels or MAX_PIXELS)
    if is_memory_short(num_pixels * BYTES_PER_PIXEL + DECODER_BYTES):
        raise MemoryError(f"no memory to decode {num_pixels:,} pixels")


@contextmanager
def _time_limit() -> Iterator[None]:
    """TimeoutError after DECODE_SECONDS of this thread's computing, once the decoder is in Python.

    On a busy machine, or one that slept meanwhile, a photo is no other than elsewhere. Only a
    process's main thread can be told so, which is where workers and commands decode.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    end = time.thread_time() + DECODE_SECONDS

    def stop(number: int, frame: FrameType | None) -> None:
        if (rest := end - time.thread_time()) > 0:
            signal.setitimer(signal.ITIMER_REAL, rest)
        else:
            raise TimeoutError(f"it takes more than {DECODE_SECONDS} s to decode")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, DECODE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def open_image(data: bytes) -> Image.Image:
    """The file, its header read and nothing decoded, by the one decoder of its format.

    For what only the file tells, such as its mode; BrokenPhotoError as `read_photo`.
    """
    name = PILLOW_NAMES[_kind(data)]
    try:
        return _opened(data, name)
    except UnreadableModeError:
        raise
    except Exception as error:
        raise BrokenPhotoError(f"no {name} that Pillow can read") from error


def _opened(data: bytes, name: str) -> ImageFile.ImageFile:
    """Pillow's image, with the profile that it counts by, and with a transparent colour of 8 bits.

    Of 16-bit colours Pillow keeps the upper bytes, and compares them with the lower ones.
    """
    image = Image.open(io.BytesIO(data), formats=[name])
    embedded = image.info.get("icc_profile") or b""
    try:
        is_grey = image.mode in ("1", "L", "LA") or image.mode.startswith("I")
        profile = profile_of(data, name.lower(), embedded, is_grey=is_grey)
    except UnknownColorsError as error:
        raise UnreadableModeError(str(error)) from None
    if profile != embedded:
        image.info["icc_profile"] = profile
    clear = image.info.get("transparency")
    if isinstance(clear, tuple) and _is_deep_color(image):
        image.info["transparency"] = tuple(value >> 8 for value in clear)
    return image


def _is_deep_color(image: ImageFile.ImageFile) -> bool:
    """Of an image that is not loaded: 16 bits a colour, of which Pillow keeps the upper bytes."""
    depth = str(image.tile[0].args) if image.tile else ""
    return image.mode in ("RGB", "RGBA") and "16" in depth


def _decode(data: bytes, name: str, at_least: int | None, max_pixels: int | None) -> Photo:
    image = _opened(data, name)
    width, height = image.size
    if name == "JPEG":
        header = _JpegHeader(height, width, "progressive" in image.info)
        step = _step(header, at_least, max_pixels)
        if step is not None and step > 1:
            image.draft(None, (width // step, height // step))
    if max_pixels is not None and image.width * image.height > max_pixels:
        raise ValueError(f"{image.width}x{image.height} is over {max_pixels:,} pixels")
    is_deep_colour = _is_deep_color(image)
    image.load()
    size = (height, width)
    if image.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8):
        size = (width, height)
    upright = ImageOps.exif_transpose(image)
    if is_deep_colour and np.asarray(upright)[..., :3].max() < 16:
        raise UnreadableModeError("of the 16 bits of its colours the upper four are empty")
    tags = getattr(image, "tag_v2", {})
    photo = _photo_of(upright, image.info.get("icc_profile") or b"", tags)
    traits = {*photo.traits, DEEP} if is_deep_colour else photo.traits
    return photo._replace(size=size, traits=tuple(sorted(traits)))


def _photo_of(image: Image.Image, profile: bytes, tags: Mapping[int, Any]) -> Photo:
    """An upright image by the rules above, with the `tags` of a TIFF; `size` is its own."""
    traits, own_range = [], EIGHT_BIT
    alpha: np.ndarray | None = None
    if image.mode == "F" or image.mode.startswith("I"):
        clear = image.info.get("transparency")
        if clear is not None:
            alpha = np.where(np.asarray(image) == clear, 0, 255).astype(np.uint8)
        image, own_range = _eight_bit(image, tags)
        traits.append(DEEP)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
    if alpha is not None and (alpha == 255).all():
        alpha = None
    rgb, trait = to_srgb(image, profile)
    traits += [trait] if trait else []
    if alpha is not None:
        traits.append(TRANSPARENT)
        white = Image.new("RGB", rgb.size, "white")
        rgb = Image.composite(rgb, white, Image.fromarray(alpha))
    pixels = np.array(rgb)
    return Photo(pixels, pixels.shape[:2], "", alpha, tuple(sorted(traits)), own_range)


def _eight_bit(
    image: Image.Image, tags: Mapping[int, Any]
) -> tuple[Image.Image, tuple[float, float]]:
    """Deep grey as mode L, and the file's values of black and white; see the module's text."""
    values = np.asarray(image)
    if not np.isfinite(values).all():
        raise UnreadableModeError("some of its values are no finite numbers")
    stated = [np.ravel(tags[tag])[0] for tag in (LOWEST, HIGHEST) if tag in tags]
    if len(stated) == 2 and stated[0] < stated[1]:
        low, high = map(float, stated)
    else:
        low, whites = 0.0, WHITES if values.dtype.kind in "iu" else (1.0,)
        if values.min() < low or values.max() > whites[-1]:
            raise UnreadableModeError(
                f"its values, {values.min():g} to {values.max():g}, are beyond 0 to "
                f"{whites[-1]:g}, and it states no range of its own"
            )
        high = float(next(white for white in whites if values.max() <= white))
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:  # which Pillow heeds in 8 bits only
        low, high = high, low
    if (low, high) == (0.0, 65535.0) and values.dtype.kind in "iu":
        wide = Image.fromarray(values.astype(np.int32)).point(lambda value: value / 257)
        return wide.convert("L"), (low, high)
    levels = (values.astype(np.float64) - low) * (255 / (high - low))
    return Image.fromarray(np.rint(levels.clip(0, 255)).astype(np.uint8)), (low, high)
