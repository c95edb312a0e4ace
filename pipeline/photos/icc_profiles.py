"""ICC profiles: colours into sRGB, and back into those of a file."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

# Traits of a photo: its colours went through its profile, or its profile fits or says nothing.
PROFILE, BAD_PROFILE = "profile", "bad_profile"
LAB_SPACE = b""  # in place of a profile
MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
# Levels by which sRGB as others compute it differs from ours.
SRGB_TOLERANCE = 3


def to_srgb(image: Image.Image, profile: bytes) -> tuple[Image.Image, str]:
    """The image in RGB of sRGB, and the trait that says what was done to it; empty for nothing."""
    if image.mode == "LAB":
        return applied(image, LAB_SPACE, "LAB"), PROFILE
    if not profile:
        return image.convert("RGB"), ""
    space = space_of(profile)
    is_grey = image.mode in ("1", "L", "LA", "La")
    fits = space == "RGB" and image.mode != "CMYK" or space == "GRAY" and is_grey
    if not fits and space != image.mode:
        # Viewers take the colours for sRGB then, and so do we.
        return image.convert("RGB"), BAD_PROFILE
    if space == "RGB" and is_srgb(profile):
        return image.convert("RGB"), ""
    return applied(image, profile, MODES[space]), PROFILE


@lru_cache(maxsize=32)
def space_of(profile: bytes) -> str:
    """RGB, GRAY, CMYK or another; empty where the profile cannot be read or turned into sRGB."""
    try:
        opened = ImageCms.getOpenProfile(io.BytesIO(profile))
        space = opened.profile.xcolor_space.strip()
        if space in MODES:
            _transform(profile, MODES[space])
        return space
    except (ImageCms.PyCMSError, OSError, ValueError):
        return ""


@lru_cache(maxsize=32)
def is_srgb(profile: bytes) -> bool:
    """Whether the profile changes no colour by more than SRGB_TOLERANCE levels."""
    if space_of(profile) != "RGB":
        return False
    levels = np.arange(0, 256, 17, dtype=np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(len(levels), -1, 3)
    there = np.asarray(applied(Image.fromarray(grid), profile, "RGB"))
    return bool(np.abs(there.astype(int) - grid).max() <= SRGB_TOLERANCE)


def applied(image: Image.Image, profile: bytes, mode: str) -> Image.Image:
    """The image, taken for one of `mode` in the colours of `profile`, in RGB of sRGB."""
    converted = ImageCms.applyTransform(image.convert(mode), _transform(profile, mode))
    assert converted is not None, "not in place"
    return converted


def from_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """An sRGB image in the colours of `profile`, grey where that is; as it is where it is sRGB."""
    space = space_of(profile) if profile else ""
    if space not in ("RGB", "GRAY") or is_srgb(profile):
        return image
    target = ImageCms.getOpenProfile(io.BytesIO(profile))
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    srgb = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, srgb, target, intent, MODES[space])
    assert converted is not None, "not in place"
    return converted


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    """From `mode` in the colours of `profile` to sRGB."""
    file = io.BytesIO(profile)
    source = ImageCms.createProfile("LAB") if mode == "LAB" else ImageCms.getOpenProfile(file)
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", intent)
