"""Skies: gradient, sun and glow, and layers of cloud lit by the sun."""

from collections.abc import Callable

import cv2
import numpy as np

from pipeline.sources.synthetic import exact_images, exact_math
from pipeline.sources.synthetic.draws import Draws
from pipeline.sources.synthetic.exact_math import Floats
from pipeline.sources.synthetic.landscape import noise
from pipeline.sources.synthetic.landscape.light import Camera, Light

# How far apart a cloud is sampled to tell its sunny side, px of its tile.
_SHIFT = 7.0


def paint_sky(rng: Draws, camera: Camera, light: Light, cloudy: bool = False) -> Floats:
    """(size, size, 3) linear light; rows under the horizon repeat the colours just above it.

    `cloudy`: never without a cloud.
    """
    last = min(int(camera.horizon) + 4, camera.size)
    rise = np.maximum(-camera.rows()[:last], 0) / np.float32(camera.focal)
    across = camera.columns() / np.float32(camera.focal)
    near_sun = _angle_to_sun(rise, across, light)
    sky = _gradient(rise, near_sun, light)
    sky = sky + _glow(near_sun, light)[..., None] * (light.sun + 0.02)
    for paint in _layers(rng, light, cloudy):
        sky = paint(rng, sky, rise, across, near_sun, light)
    rest = camera.size - last
    return np.asarray(cv2.copyMakeBorder(sky, 0, rest, 0, 0, cv2.BORDER_REPLICATE), np.float32)


def _gradient(rise: Floats, near_sun: Floats, light: Light) -> Floats:
    """(size, size, 3) from the horizon's colour to the zenith's; a low sun warms its own side."""
    low = float(np.clip(1 - light.elevation * 4, 0, 1))
    share = (1 - exact_math.exp(-rise * (2.4 + 2.2 * low)))[..., None]
    cool = 0.55 * light.zenith + 0.45 * exact_math.mean(light.horizon).astype(np.float32)
    warm = np.float32(1 - 0.85 * low) + np.float32(0.85 * low) * exact_math.exp(-near_sun * 1.1)
    base = cool + (light.horizon - cool) * warm[..., None]
    return np.asarray(base + (light.zenith - base) * share, np.float32)


def _angle_to_sun(rise: Floats, across: Floats, light: Light) -> Floats:
    """(size, size) about the angle between each ray and the sun, rad."""
    right, up, ahead = light.direction()
    length = np.sqrt(1 + rise * rise + across * across)
    cosine = (across * right + rise * up + ahead) / length
    return np.asarray(np.sqrt(np.maximum(2 - 2 * cosine, 0)), np.float32)


def _glow(angle: Floats, light: Light) -> Floats:
    """Wide glow, narrow glow and disc."""
    clear = np.square(np.float32(1 - light.overcast))
    low = np.float32(np.clip(1.2 - light.elevation * 2, 0.25, 1.2))
    glow = 0.30 * low * exact_math.exp(-angle * 2.6) + 0.9 * exact_math.exp(-angle * 11)
    disc = 14.0 * noise.step(0.021, 0.014, angle) if light.elevation > 0 else np.float32(0)
    return np.asarray(clear * (glow + disc), np.float32)


Layer = Callable[[Draws, Floats, Floats, Floats, Floats, Light], Floats]


def _layers(rng: Draws, light: Light, cloudy: bool) -> list[Layer]:
    """Far layers first."""
    if light.overcast > 0.45:
        return [_deck] if cloudy or rng.random() < 0.8 else []
    # The last kinds are the ones with the most to look at.
    kind = 0.25 + 0.75 * rng.random() if cloudy else rng.random()
    if kind < 0.08:
        return []
    if kind < 0.25:
        return [_veil]
    if kind < 0.55:
        return [_veil, _heaps]
    return [_deck] if kind < 0.72 else [_heaps]


def _veil(
    rng: Draws,
    sky: Floats,
    rise: Floats,
    across: Floats,
    near_sun: Floats,
    light: Light,
) -> Floats:
    """Cirrus: thin streaks, drawn out along one direction."""
    depth = 1 / (rise + 0.16)
    angle = rng.uniform(-0.7, 0.7)
    sine, cosine = np.float32(exact_math.sin(angle)), np.float32(exact_math.cos(angle))
    x, z = across * depth, depth + 0 * across
    along, over = x * cosine + z * sine, z * cosine - x * sine
    u, v = along * 22 + rng.uniform(0, 512), over * 90 + rng.uniform(0, 512)
    bend = noise.sample(noise.tile(2.2, 1), u * 0.7, v * 0.3) * 24
    density = noise.sample(noise.tile(1.6, 2), u + bend, v + bend)
    thick = noise.step(rng.uniform(-0.7, 0.3), 2.2, density) * noise.step(0.0, 0.25, rise + 0 * x)
    tint = _lit(light, near_sun, np.float32(0.8) + 0 * thick)
    return _over(sky, tint, 0.75 * thick)


def _deck(
    rng: Draws,
    sky: Floats,
    rise: Floats,
    across: Floats,
    near_sun: Floats,
    light: Light,
) -> Floats:
    """A broken or closed ceiling seen from below, in perspective."""
    depth = 1 / (rise + 0.07)
    scale = rng.uniform(30, 60)
    u = across * depth * scale + rng.uniform(0, 512)
    v = depth * scale * 1.3 + rng.uniform(0, 512) + 0 * across
    tile = noise.tile(1.75, int(rng.integers(3, 7)))
    density = noise.sample(tile, u, v)
    right, _, ahead = light.direction()
    sunward = noise.sample(tile, u + _SHIFT * right, v + _SHIFT * ahead)
    cover = rng.uniform(-0.2, 0.7) if light.overcast < 0.45 else rng.uniform(0.9, 2.2)
    thick = noise.step(-cover, -cover + 1.1, density)
    lit = np.clip(
        0.5 + 0.55 * (density - sunward) - 0.28 * np.maximum(density + cover - 0.6, 0), 0, 1
    )
    # The ceiling closes to an even band far away.
    far = noise.step(0.14, 0.0, rise + 0 * across)
    return _over(sky, _lit(light, near_sun, lit), thick * (1 - far))


def _heaps(
    rng: Draws,
    sky: Floats,
    rise: Floats,
    across: Floats,
    near_sun: Floats,
    light: Light,
) -> Floats:
    """Cumulus: flat dark bases, bright billowing tops, smaller towards the horizon."""
    tile = noise.billow_tile(int(rng.integers(0, 4)))
    shift = rng.uniform(0, 512, 2).tolist()
    # Logarithm of the height: rows of heaps shrink towards the horizon.
    bands = exact_math.log(rise + 0.06)
    scale = rng.uniform(95, 170)
    u = across / (rise + 0.28) * scale * 0.62 + shift[0]
    v = -bands * scale + shift[1] + 0 * across
    density = noise.sample(tile, u, v)
    over = noise.sample(tile, u, v + 14)  # what is under this point
    sunward = noise.sample(tile, u + _SHIFT * light.direction()[0], v - _SHIFT)
    cover = rng.uniform(-0.75, 0.3)
    thick = noise.step(-cover, -cover + 0.45, density)
    lit = np.clip(0.62 + 0.5 * (density - sunward) + 0.12 * (density - over), 0, 1)
    thick = thick * noise.step(0.0, 0.07, rise + 0 * across)
    return _over(sky, _lit(light, near_sun, lit), thick)


def _lit(light: Light, near_sun: Floats, lit: Floats) -> Floats:
    """(size, size, 3) colour of cloud: `lit` 0 = its shaded side, 1 = its sunny side."""
    shade = 0.45 * light.zenith + 0.30 * light.horizon + 0.06 * light.sun
    bright = 0.35 * light.horizon + 0.62 * light.sun + 0.25 * light.sky + 0.12 * light.overcast
    through = exact_math.exp(-near_sun * 3.0) * np.float32(0.8 * (1 - light.overcast))
    lit = lit[..., None]
    return np.asarray(shade + (bright - shade) * lit + through[..., None] * light.sun, np.float32)


def _over(sky: Floats, tint: Floats, thick: Floats) -> Floats:
    soft = exact_images.blur(thick, 0.7)[..., None]
    return np.asarray(sky + (tint - sky) * soft, np.float32)
