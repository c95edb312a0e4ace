"""From linear light to the finished image: exposure, film curve, colour, lens and sensor."""

import numpy as np
import numpy.typing as npt

from pipeline.sources.synthetic import exact_images, exact_math
from pipeline.sources.synthetic.draws import Draws
from pipeline.sources.synthetic.exact_math import Floats

_LOG_2 = 0.6931471805599453


def _luma(image: Floats) -> Floats:
    red, green, blue = (image[..., channel] for channel in range(3))
    return np.asarray(0.30 * red + 0.59 * green + 0.11 * blue, np.float32)


def develop(rng: Draws, light: Floats, size: int, key: float = 0.36) -> npt.NDArray[np.uint8]:
    """(n, n, 3) linear light as (size, size, 3) uint8; `key` = brightness of the middle tones."""
    small = exact_images.shrink(light, size, size)
    assert np.isfinite(small).all()
    logs = exact_math.log(np.maximum(_luma(small[::4, ::4]), 1e-3))
    middle = float(exact_math.exp(exact_math.mean(logs)))
    stops = rng.normal(0, 0.28)
    # Dark scenes stay somewhat dark: the camera corrects only part of the way.
    gain = exact_math.power(key / max(middle, 0.02), 0.72) * exact_math.exp(stops * _LOG_2)
    exposed = small * np.float32(gain)
    toned = _stretch(_film(exposed, rng.uniform(0.9, 1.25)), rng.uniform(0.5, 0.95))
    graded = _colour(rng, toned) * _vignette(rng, size)
    return _sensor(rng, graded)


def _film(light: Floats, contrast: float) -> Floats:
    """A shoulder for the highlights, then about sRGB's gamma: 0..1."""
    bounded = light * (1 + light * np.float32(0.09)) / (1 + light * np.float32(0.72))
    shown = np.sqrt(np.clip(bounded, 0, 1))
    curved = shown * shown * (3 - 2 * shown)
    share = np.float32(0.55 * (contrast - 0.6))
    return np.asarray(shown + (curved - shown) * share, np.float32)


def _stretch(image: Floats, share: float) -> Floats:
    """Black and white points pulled `share` of the way to the image's own."""
    few = np.sort(_luma(image[::4, ::4]), axis=None)
    low, high = float(few[few.size // 100]), float(few[-1 - few.size // 200])
    low, high = low * share, 1 + (max(high, 0.55) - 1) * share
    return np.asarray((image - np.float32(low)) / np.float32(high - low), np.float32)


def _colour(rng: Draws, image: Floats) -> Floats:
    """White balance, saturation and a tint of the shadows."""
    warm = rng.normal(0, 0.022)
    balance = np.array([1 + warm, 1, 1 - warm], np.float32)
    grey = _luma(image)[..., None]
    saturation = np.float32(rng.uniform(0.7, 1.08))
    tint = rng.normal(0, 0.012, 3).astype(np.float32)
    return np.asarray(
        (grey + (image - grey) * saturation) * balance + tint * (1 - grey), np.float32
    )


def _vignette(rng: Draws, size: int) -> Floats:
    """(size, size, 1), 1 in the middle."""
    line = np.square(np.linspace(-1, 1, size, dtype=np.float32))
    fall = np.float32(rng.uniform(0.0, 0.13))
    return np.asarray(1 - fall * (line[:, None] + line[None, :]), np.float32)[..., None]


def _sensor(rng: Draws, image: Floats) -> npt.NDArray[np.uint8]:
    """Sharpening by the camera, then noise: mostly of brightness, stronger in the dark."""
    soft = exact_images.blur(image, 1.1)
    image = image + (image - soft) * np.float32(rng.uniform(0.1, 0.45))
    amount = np.float32(rng.uniform(0.003, 0.009))
    grain = rng.standard_normal((*image.shape[:2], 1)) * amount
    return np.asarray(np.clip((image + grain) * 255 + 0.5, 0, 255), np.uint8)
