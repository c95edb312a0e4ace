"""Towers against the sky: the one category that is no landscape, for the filter to drop."""

import numpy as np

from pipeline.sources.synthetic.draws import Draws
from pipeline.sources.synthetic.exact_math import Floats
from pipeline.sources.synthetic.landscape import noise, scenery
from pipeline.sources.synthetic.landscape.light import Camera, draw_light
from pipeline.sources.synthetic.landscape.scenery import Scene, pick

_WALLS = [(0.50, 0.48, 0.46), (0.60, 0.52, 0.44), (0.36, 0.42, 0.48), (0.44, 0.34, 0.28)]
_WALLS += [(0.66, 0.64, 0.60), (0.26, 0.32, 0.38)]


def skyscraper(rng: Draws, size: int) -> Scene:
    light = draw_light(rng, 0.35, 0.25)
    camera = Camera(size, size * rng.uniform(0.85, 1.0), float(size), 30.0)
    scene = scenery.begin(rng, camera, light)
    number = int(rng.integers(7, 16))
    for i in range(number):
        near = i / (number - 1)
        height = size * rng.uniform(0.3, 0.75) * (0.75 + 0.55 * near)
        width = size * rng.uniform(0.07, 0.16) * (0.8 + 0.9 * near)
        _add_tower(scene, rng.uniform(-0.05, 0.95) * size, width, height, near)
    return scene


def _add_tower(scene: Scene, left: float, width: float, height: float, near: float) -> None:
    """A front and a narrower side wall, one of them in the sun."""
    rng, size, light = scene.rng, scene.camera.size, scene.light
    wall, top = pick(rng, _WALLS), int(max(size - height, 0))
    side = width * rng.uniform(0.25, 0.6)
    sunny = light.azimuth < 0
    storey, bay = rng.uniform(4, 9) * (0.6 + near), rng.uniform(3, 8) * (0.6 + near)
    glass = pick(rng, [(0.16, 0.20, 0.26), (0.30, 0.40, 0.50), (0.12, 0.12, 0.14)])
    for start, wide, facing in ((left, width, sunny), (left + width, side, not sunny)):
        strength = light.sky * 0.9 + light.sun * (0.75 if facing else 0.05)
        _add_wall(scene, (top, start, wide), wall * strength, glass * strength, (storey, bay), near)


def _add_wall(
    scene: Scene,
    place: tuple[int, float, float],
    wall: Floats,
    glass: Floats,
    spacing: tuple[float, float],
    near: float,
) -> None:
    top, start, wide = place
    rng, size = scene.rng, scene.camera.size
    left, right = int(np.clip(start, 0, size)), int(np.clip(start + wide, 0, size))
    if left >= right:
        return
    rows = np.arange(size - top, dtype=np.float32)[:, None] / np.float32(spacing[0])
    columns = np.arange(right - left, dtype=np.float32)[None, :] / np.float32(spacing[1])
    window = ((rows - np.floor(rows)) > 0.35) & ((columns - np.floor(columns)) > 0.3) & (rows > 0.8)
    tones = rng.uniform(0.5, 1.6, (int(rows.max()) + 1, int(columns.max()) + 1)).astype(np.float32)
    tone = tones[rows.astype(np.int32), columns.astype(np.int32)][..., None]
    reflected = glass * tone + scene.air[:, left:right] * 0.18 * tone
    colours = np.where(window[..., None], reflected, wall)
    colours = colours * (1 + 0.05 * noise.tile(1.5, 1)[top:size, left:right, None])
    lost = np.float32(0.45 * (1 - near))
    scene.image[top:size, left:right] = colours + (scene.air[:, left:right] - colours) * lost
