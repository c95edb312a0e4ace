"""The hole as it is drawn on the page, in pixels of the photo.

The page shows a photo of many pixels smaller and draws on what it shows. The drawing is scaled up
to the photo, never the photo down to the drawing.
"""

import base64
import binascii
import io
from typing import Any

import numpy as np
from PIL import Image

from pipeline.photos.decoding import BrokenPhotoError, pixels
from pipeline.photos.formats import PNG_START
from pipeline.photos.png import encode_png

# px, longer side of what the page draws on.
SHOWN_SIDE = 2048
PNG_URI = "data:image/png;base64,"
# Characters; a drawing takes a hundredth of it.
MAX_DRAWN = 12_000_000


def shown_size(height: int, width: int) -> tuple[int, int]:
    """Height and width at which the page shows a photo: no larger than it is."""
    scale = min(1.0, SHOWN_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def read_mask(drawn: Any, height: int, width: int) -> np.ndarray:
    """(height, width) bool, True = complete, of a drawing (a data URI of a PNG, white = complete).

    Raises ValueError, in words for the page, where nothing is drawn or it is no drawing on a photo
    of that size.
    """
    if not drawn:
        raise ValueError("Nothing is marked: draw on the photo what is to be completed")
    shown = _decoded(drawn)
    if shown.shape != shown_size(height, width):
        raise ValueError("What is marked belongs to another photo: draw it anew")
    # Bilinear, so that a slanted edge stays one and gets no stairs.
    scaled = Image.fromarray(shown).resize((width, height), Image.Resampling.BILINEAR)
    mask: np.ndarray = np.asarray(scaled) > 127
    if not mask.any():
        raise ValueError("Nothing is marked: draw on the photo what is to be completed")
    return mask


def _decoded(drawn: Any) -> np.ndarray:
    """(H, W) uint8."""
    refusal = "What is marked could not be read: draw it anew"
    if not isinstance(drawn, str) or not drawn.startswith(PNG_URI) or len(drawn) > MAX_DRAWN:
        raise ValueError(refusal)
    try:
        data = base64.b64decode(drawn[len(PNG_URI) :], validate=True)
        if not data.startswith(PNG_START):
            raise ValueError(refusal)
        return pixels(data)[..., 0]
    except (binascii.Error, BrokenPhotoError) as error:
        raise ValueError(refusal) from error


def mask_uri(mask: np.ndarray) -> str:
    """A drawing that marks `mask` (H, W) bool, for the page to show."""
    height, width = shown_size(*mask.shape)
    scaled = Image.fromarray(mask).convert("L").resize((width, height), Image.Resampling.BILINEAR)
    return PNG_URI + base64.b64encode(encode_png(np.asarray(scaled) > 127)).decode()


def picture_uri(photo: np.ndarray) -> str:
    """`photo` (H, W, 3) uint8 at the size at which the page shows it.

    JPEG where it is shown smaller; a small one exactly, since every pixel of it is seen.
    """
    height, width = shown_size(*photo.shape[:2])
    buffer = io.BytesIO()
    if (height, width) == photo.shape[:2] and max(height, width) <= 512:
        Image.fromarray(photo).save(buffer, "PNG")
        kind = "png"
    else:
        Image.fromarray(photo).resize(
            (width, height), Image.Resampling.LANCZOS, reducing_gap=2.0
        ).save(buffer, "JPEG", quality=92)
        kind = "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
