"""Time of day and weather as a handful of colours, and the camera that sees them.

Colours are linear light, about 0..1 (lit surfaces may exceed 1 before grading).
"""

from dataclasses import dataclass

import numpy as np

from pipeline.sources.synthetic.landscape.noise import Floats


@dataclass(frozen=True)
class Camera:
    """A level pinhole: rows and columns in px, the eye in metres above the water's level."""

    size: int  # px, side of the square picture before it is scaled down
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
        flat = np.cos(self.elevation)
        return (
            float(np.sin(self.azimuth) * flat),
            float(np.sin(self.elevation)),
            float(np.cos(self.azimuth) * flat),
        )


def colour(red: float, green: float, blue: float) -> Floats:
    """An sRGB-like triple 0..1 as linear light (gamma 2, close enough and cheap)."""
    return np.array([red, green, blue], np.float32) ** 2


# Sun's elevation in degrees; then zenith, horizon and sun as seen in photographs (sRGB).
_HOURS = np.array([-4, 2, 7, 16, 35, 65], np.float64)
_ZENITH = [(0.10, 0.16, 0.34), (0.24, 0.33, 0.55), (0.27, 0.43, 0.68), (0.24, 0.45, 0.74)]
_ZENITH += [(0.17, 0.40, 0.74), (0.12, 0.34, 0.68)]
_HORIZON = [(0.72, 0.42, 0.36), (0.98, 0.62, 0.36), (0.95, 0.78, 0.58), (0.84, 0.85, 0.84)]
_HORIZON += [(0.72, 0.83, 0.92), (0.66, 0.80, 0.92)]
_SUN = [(0.30, 0.16, 0.14), (0.95, 0.52, 0.26), (1.25, 0.88, 0.54), (1.40, 1.20, 0.95)]
_SUN += [(1.50, 1.40, 1.25), (1.55, 1.48, 1.38)]


def draw_light(rng: np.random.Generator, low_sun: float = 0.35, dull: float = 0.3) -> Light:
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
        sky=_mix(sky, np.full(3, sky.mean(), np.float32), 0.35),
        zenith=zenith,
        horizon=horizon,
        azimuth=float(rng.uniform(-reach, reach)),
        elevation=float(np.deg2rad(degrees)),
        haze=float(np.exp(rng.uniform(np.log(9e3), np.log(8e4))) * (1 - 0.5 * overcast)),
        overcast=float(overcast),
    )


def _at(degrees: float, table: list[tuple[float, float, float]]) -> Floats:
    """The colour of `table` at the sun's elevation, linear light."""
    columns = np.array(table).T
    red, green, blue = (float(np.interp(degrees, _HOURS, column)) for column in columns)
    return colour(red, green, blue)


def _mix(first: Floats, second: Floats, share: float) -> Floats:
    return np.asarray(first + (second - first) * np.float32(share), np.float32)
