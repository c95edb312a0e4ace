"""Inside a broadleaf wood: stems behind stems, leaves before light, litter on the ground."""

import numpy as np

from pipeline.sources.synthetic import exact_math
from pipeline.sources.synthetic.draws import Draws
from pipeline.sources.synthetic.exact_math import Floats
from pipeline.sources.synthetic.landscape import noise, scenery
from pipeline.sources.synthetic.landscape.light import Camera, colour, draw_light
from pipeline.sources.synthetic.landscape.scenery import Scene, pick, shift

_SEASONS = [
    [(0.42, 0.54, 0.16), (0.34, 0.47, 0.15), (0.50, 0.60, 0.22)],
    [(0.30, 0.42, 0.16), (0.26, 0.38, 0.14), (0.38, 0.46, 0.16)],
    [(0.74, 0.52, 0.16), (0.70, 0.40, 0.12), (0.62, 0.52, 0.18)],
]


def forest(rng: Draws, size: int) -> Scene:
    light = draw_light(rng, 0.25, 0.3)
    horizon = size * rng.uniform(0.5, 0.72)
    camera = Camera(size, float(horizon), float(size), 1.7)
    season = _SEASONS[int(rng.integers(len(_SEASONS)))]
    glow = pick(rng, season) * 1.6 * (light.sky + 0.5 * light.sun) + 0.25 * light.horizon
    scene = Scene(
        rng,
        camera,
        light,
        _depth_of_wood(rng, size, horizon, glow),
        np.broadcast_to(glow, (1, size, 3)),
    )
    _add_floor(scene, pick(rng, season), season)
    layers = 3
    for layer in range(layers):
        near = (layer + 1) / layers
        _add_leaves(scene, near * 0.92, pick(rng, season), glow)
        _add_stems(scene, near, glow)
    _add_leaves(scene, 1.0, pick(rng, season), glow)
    return scene


def _depth_of_wood(rng: Draws, size: int, horizon: float, glow: Floats) -> Floats:
    """Light between far leaves, brightest at some place near the horizon."""
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    centre = rng.uniform(0.2, 0.8) * size
    away = exact_math.hypot((columns - centre) / size, (rows - horizon * 0.75) / (size * 0.8))
    shine = 0.45 + 0.9 * exact_math.exp(-away * 3.2)
    leaves = noise.leaf_tile(0)[:size, :size]
    return np.asarray((shine * (0.65 + 0.6 * leaves))[..., None] * glow, np.float32)


def _add_floor(scene: Scene, leaf: Floats, season: list[tuple[float, float, float]]) -> None:
    """Litter or low green, with spots of sun, in perspective."""
    rng, size, camera = scene.rng, scene.camera.size, scene.camera
    top = int(camera.horizon)
    rise = 6 * noise.fractal(rng, size, 4, 0.4)[0]
    z = np.asarray(1.7 * size / np.maximum(camera.rows()[top:] + rise + 6, 2.0), np.float32)
    x = z * camera.columns() / size
    litter = noise.sample(noise.leaf_tile(1), x * 70 + shift(rng), z * 70)
    spots = noise.sample(noise.tile(1.8, 3), x * 22 + shift(rng), z * 22)
    brown = pick(rng, [(0.42, 0.32, 0.20), (0.50, 0.36, 0.20), (0.36, 0.30, 0.20)])
    green = noise.step(-0.6, 0.6, noise.sample(noise.tile(1.9, 4), x * 14, z * 14 + shift(rng)))
    base: Floats = brown + (leaf * 0.8 - brown) * green[..., None] * np.float32(rng.uniform(0, 1))
    sun = noise.step(0.5, 1.1, spots)[..., None] * scene.light.sun * 1.1
    path = rng.random() < 0.4
    if path:
        bend = rng.uniform(-0.4, 0.4) * np.sqrt(z) + rng.uniform(-0.4, 0.4)
        trodden = noise.step(1.0, 0.7, np.abs(x - bend) + 0.12 * spots)
        base = scenery.blend(base, colour(0.55, 0.47, 0.36) + 0 * base, trodden)
    floor = (
        base
        * (0.35 + 0.95 * litter[..., None])
        * (0.7 * scene.light.sky + 0.1 * scene.light.sun + sun)
    )
    lost = np.clip(z / 60, 0, 0.85)[..., None]
    scene.image[top:] = floor + (scene.air * 0.8 - floor) * lost


def _add_stems(scene: Scene, near: float, glow: Floats) -> None:
    """Stems of one distance: `near` 0 = far, 1 = before the camera."""
    rng, size = scene.rng, scene.camera.size
    number = int(rng.integers(2, 5) + (1 - near) * 16)
    width = size * (0.008 + 0.075 * float(exact_math.power(near, 2.2)))
    foot = (
        scene.camera.horizon
        + (size * 1.05 - scene.camera.horizon) * float(exact_math.power(near, 1.8)) * 0.95
    )
    bark = pick(
        rng, [(0.26, 0.22, 0.18), (0.34, 0.31, 0.27), (0.22, 0.20, 0.18), (0.42, 0.40, 0.36)]
    )
    lost = np.float32(0.72 * exact_math.power(1 - near, 1.2))
    for column in rng.uniform(-0.05, 1.05, number) * size:
        thick = width * rng.uniform(0.45, 1.25)
        _add_stem(scene, column, foot + rng.normal(0, size * 0.02), thick, bark, glow, lost)


def _add_stem(
    scene: Scene,
    column: float,
    foot: float,
    width: float,
    bark: Floats,
    glow: Floats,
    lost: np.float32,
) -> None:
    rng, size = scene.rng, scene.camera.size
    bottom = int(np.clip(foot, 1, size))
    rows = np.arange(bottom, dtype=np.float32)
    up = (foot - rows) / size
    lean, bend = rng.normal(0, 0.07), rng.normal(0, 0.05)
    middle = column + size * (lean * up + bend * up * up)
    half = width / 2 * (1 + 0.5 * exact_math.exp(-up * 22)) * (1 - 0.25 * up)
    left, right = int(max(min(middle - half) - 2, 0)), int(min(max(middle + half) + 2, size))
    if left >= right:
        return
    across = (np.arange(left, right, dtype=np.float32)[None, :] - middle[:, None]) / half[:, None]
    alpha = np.clip((1 - np.abs(across)) * half[:, None] + 0.5, 0, 1)
    side = -1.0 if scene.light.azimuth < 0 else 1.0
    round_light = 0.55 + 0.4 * np.clip(side * across, -1, 1)
    place = int(rng.integers(0, noise.TILE - (right - left)))
    rough = noise.bark_tile()[:bottom, place : place + right - left]
    tone = round_light * (1 + 0.35 * rough)
    lit = bark * tone[..., None] * (scene.light.sky + 0.35 * scene.light.sun)
    colours = lit + (glow * 0.9 - lit) * lost
    image = scene.image[:bottom, left:right]
    image += (colours - image) * alpha[..., None]


def _add_leaves(scene: Scene, near: float, leaf: Floats, glow: Floats) -> None:
    """Boughs of one distance: denser above, some undergrowth below."""
    rng, size = scene.rng, scene.camera.size
    scale = np.float32(2.6 - 1.3 * near)
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32)
    place = rng.uniform(0, 512, 4).tolist()
    tone = noise.sample(
        noise.leaf_tile(int(near * 3) % 2), columns * scale + place[0], rows * scale + place[1]
    )
    mass = noise.sample(
        noise.tile(1.7, 4), columns * scale * 0.9 + place[2], rows * scale * 1.1 + place[3]
    )
    high = 1 - rows / np.float32(scene.camera.horizon)
    away = (rows[:, :1] - scene.camera.horizon - size * 0.12 * near) / (size * 0.07)
    low = exact_math.exp(-away * away)
    bias = 1.5 * high - 1.15 + (0.9 * low - 0.55) * (1 - near)
    alpha = noise.step(0.0, 0.35, mass * 0.75 + bias + (tone - 0.5) * 0.9)
    lit = (
        leaf
        * (0.10 + 1.15 * exact_math.power(tone, 1.4))[..., None]
        * (scene.light.sky + 0.55 * scene.light.sun)
    )
    lost = np.float32(0.6 * (1 - near))
    colours = lit + (glow - lit) * lost
    scene.image += (colours - scene.image) * alpha[..., None]
