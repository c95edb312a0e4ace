"""Time of day and weather as a handful of colours, and the camera that sees them.

Colours are linear light, about 0..1 (lit surfaces may exceed 1 before grading).
"""

from dataclasses import dataclass

import numpy as np

from pipeline.sources.synthetic import exact_math
from pipeline.sources.synthetic.draws import Draws
from pipeline.sources.synthetic.exact_math import Floats


@dataclass(frozen=True)
class Camera:
    """A level pinhole: rows and columns in px, the eye in metres above the water's level."""

    size: int  # px, side of the square image before it is scaled down
    horizon: float  # row
    focal: float  # px
    eye: float  # m

    def rows(self) -> Floats:
        """(size, 1) rows below the horizon (negative = above)."""
        return np.arange(self.size, dtype=np.float32)[:, None] - np.float32(self.horizon)

    def columns(self) -> Floats:
        """(1, size) columns right of the middle."""
        return np.arange(self.size, dtype=np.float32)[None, :] - np.float32(self.size / 2)


@dataclass(frozen=True)
class Light:
    """What the sun and the sky send."""

    sun: Floats  # (3,) colour and strength of direct light
    sky: Floats  # (3,) colour and strength of the sky's light
    zenith: Floats  # (3,)
    horizon: Floats  # (3,)
    azimuth: float  # rad, 0 = straight ahead, positive = right
    elevation: float  # rad above the horizon
    haze: float  # m, distance at which 63 % of a colour is lost to the air
    overcast: float  # 0 = clear, 1 = no sun to be seen

    def direction(self) -> tuple[float, float, float]:
        """Unit vector to the sun: right, up, ahead."""
        flat = exact_math.cos(self.elevation)
        return (
            float(exact_math.sin(self.azimuth) * flat),
            float(exact_math.sin(self.elevation)),
            float(exact_math.cos(self.azimuth) * flat),
        )


def colour(red: float, green: float, blue: float) -> Floats:
    """An sRGB-like triple 0..1 as linear light (gamma 2, close enough and cheap)."""
    return np.square(np.array([red, green, blue], np.float32))


# Sun's elevation in degrees; then zenith, horizon and sun as seen in photographs (sRGB).
_HOURS = (-4, 2, 7, 16, 35, 65)
_ZENITH = [(0.10, 0.16, 0.34), (0.24, 0.33, 0.55), (0.27, 0.43, 0.68), (0.24, 0.45, 0.74)]
_ZENITH += [(0.17, 0.40, 0.74), (0.12, 0.34, 0.68)]
_HORIZON = [(0.72, 0.42, 0.36), (0.98, 0.62, 0.36), (0.95, 0.78, 0.58), (0.84, 0.85, 0.84)]
_HORIZON += [(0.72, 0.83, 0.92), (0.66, 0.80, 0.92)]
_SUN = [(0.30, 0.16, 0.14), (0.95, 0.52, 0.26), (1.25, 0.88, 0.54), (1.40, 1.20, 0.95)]
_SUN += [(1.50, 1.40, 1.25), (1.55, 1.48, 1.38)]

_LOG_HAZE = (9.105, 11.290)  # 9 to 80 km


def draw_light(rng: Draws, low_sun: float = 0.35, dull: float = 0.3) -> Light:
    """A random hour and weather; `low_sun` and `dull` are the shares of each."""
    degrees = rng.uniform(-4, 12) if rng.random() < 0.75 * low_sun else rng.uniform(14, 62)
    overcast = rng.uniform(0.5, 1.0) if rng.random() < dull else rng.uniform(0, 0.25)
    zenith, horizon, sun = (_at(degrees, table) for table in (_ZENITH, _HORIZON, _SUN))
    grey = np.float32(np.clip(0.25 + degrees / 30, 0.25, 1.0))
    zenith = _mix(zenith, colour(0.56, 0.60, 0.66) * grey, overcast * 0.9)
    horizon = _mix(horizon, colour(0.80, 0.82, 0.84) * grey, overcast * 0.85)
    sun = sun * np.float32(1 - 0.92 * overcast)
    sky = (0.7 * zenith + 0.3 * horizon) * np.float32(0.62 + 0.5 * overcast)
    # Back light dazzles in a low sun; by day the sun mostly stands beside or behind.
    reach = 1.2 if degrees < 12 else 2.6
    return Light(
        sun=sun,
        sky=_mix(sky, np.full(3, exact_math.mean(sky), np.float32), 0.35),
        zenith=zenith,
        horizon=horizon,
        azimuth=float(rng.uniform(-reach, reach)),
        elevation=degrees * (np.pi / 180),
        haze=float(exact_math.exp(rng.uniform(*_LOG_HAZE)) * (1 - 0.5 * overcast)),
        overcast=overcast,
    )


def _at(degrees: float, table: list[tuple[float, float, float]]) -> Floats:
    """The colour of `table` at the sun's elevation, linear light."""
    after = next((i for i, hour in enumerate(_HOURS) if hour > degrees), len(_HOURS) - 1)
    share = (degrees - _HOURS[after - 1]) / (_HOURS[after] - _HOURS[after - 1])
    pairs = zip(table[after - 1], table[after], strict=True)
    red, green, blue = (before + (then - before) * share for before, then in pairs)
    return colour(red, green, blue)


def _mix(first: Floats, second: Floats, share: float) -> Floats:
    return np.asarray(first + (second - first) * np.float32(share), np.float32)
