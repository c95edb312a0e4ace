"""What every landscape is put together from: sky, far ridges, ground, water, plants."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.sources.synthetic import exact_math
from pipeline.sources.synthetic.draws import Draws
from pipeline.sources.synthetic.exact_math import Floats
from pipeline.sources.synthetic.landscape import noise, skies, terrain, vegetation, water
from pipeline.sources.synthetic.landscape.light import Camera, Light, colour
from pipeline.sources.synthetic.landscape.terrain import Ground, Relief

GRID = 256  # cells along each side of a relief

Albedo = Callable[[Ground], Floats]


@dataclass
class Scene:
    """An image in the making, linear light."""

    rng: Draws
    camera: Camera
    light: Light
    image: Floats  # (size, size, 3)
    air: Floats  # (1, size, 3) what things fade into far away


def begin(rng: Draws, camera: Camera, light: Light, cloudy: bool = False) -> Scene:
    """The sky alone."""
    sky = skies.paint_sky(rng, camera, light, cloudy)
    row = min(max(int(camera.horizon) - 3, 0), camera.size - 1)
    above = np.minimum(exact_math.mean(sky[max(row - 4, 0) : row + 1], 0), 1.3)
    reach = camera.size // 6
    padded = np.pad(above, ((reach, reach), (0, 0)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    air = exact_math.mean(windows, 2)[None].astype(np.float32)
    return Scene(rng, camera, light, sky, air * np.float32(0.92))


def add_ridges(scene: Scene, number: int, height: float, tone: Floats) -> None:
    """Far mountains as outlines, the nearest last; `height` in px of the highest."""
    size = scene.camera.size
    base = scene.camera.horizon + 2
    for i in range(number):
        crest = noise.fractal(scene.rng, size, int(scene.rng.integers(3, 6)), 0.48)[size // 2]
        share = (i + 1) / number
        rise = height * (1.15 - 0.75 * share) * (0.62 + 0.3 * crest)
        _add_ridge(scene, np.maximum(rise, 0), base, tone, 0.82 - 0.5 * share)


def _add_ridge(scene: Scene, rise: Floats, base: float, tone: Floats, lost: float) -> None:
    size = scene.camera.size
    top, bottom = int(max(base - rise.max() - 1, 0)), int(min(base + 3, size))
    if top >= bottom:
        return
    rows = np.arange(top, bottom, dtype=np.float32)[:, None]
    inside = np.clip(rows - (base - rise), 0, 1)[..., None]
    rough = noise.tile(1.5, 7)[top:bottom, :size]
    lit = tone * (0.55 * scene.light.sun + scene.light.sky) * (1 + 0.22 * rough[..., None])
    # Air lies thickest at the foot.
    depth = np.clip((rows - (base - rise)) / (rise + 1), 0, 1)[..., None]
    fade = np.float32(lost) + (0.95 - np.float32(lost)) * depth * 0.6
    colours = lit + (scene.air - lit) * fade
    image = scene.image[top:bottom]
    image += (colours - image) * inside


def add_ground(scene: Scene, relief: Relief, albedo: Albedo) -> Ground:
    """Land as the camera sees it; water is left for `add_water`."""
    ground = terrain.trace(scene.camera, relief, scene.light)
    colours = terrain.shade(ground, albedo(ground), scene.light, scene.air)
    cut = scene.image[ground.top :]
    scene.image[ground.top :] = np.where(ground.hit[..., None], colours, cut)
    return ground


def add_water(
    scene: Scene, ground: Ground, deep: Floats, rough: float, foam: Floats | None = None
) -> None:
    """Water wherever the ground lies below 0; `foam` as `ground`'s arrays, 0..1."""
    wet = ground.water * ground.hit
    rows = np.flatnonzero((wet > 0.5).any(1))
    if rows.size == 0:
        return
    start = int(rows[0])
    top = ground.top + start
    colours = water.surface(scene.rng, scene.camera, scene.light, scene.image, top, deep, rough)
    if foam is not None:
        white = 0.85 * (0.6 * scene.light.sun + scene.light.sky)
        colours = colours + (white - colours) * foam[start:, :, None]
    lost = (1 - exact_math.exp(-ground.z[start:] / np.float32(scene.light.haze)))[..., None]
    colours = colours + (scene.air - colours) * lost
    scene.image[top:] += (colours - scene.image[top:]) * wet[start:, :, None]


def add_trees(
    scene: Scene,
    ground: Ground,
    sprites: tuple[vegetation.Sprite, ...],
    metres: tuple[float, float],
    number: int,
    reach: tuple[float, float],
    leaf: Floats,
) -> None:
    """Up to `number` trees of `metres` height on dry ground at distances `reach` m, far ones first.

    leaf: (3,) colour of a sunlit leaf.
    """
    rng, size = scene.rng, scene.camera.size
    places = rng.integers(0, [ground.z.shape[0], size], (number * 12, 2))
    z = ground.z[places[:, 0], places[:, 1]]
    allowed = ground.hit[places[:, 0], places[:, 1]] & (z > reach[0]) & (z < reach[1])
    allowed &= ground.water[places[:, 0], places[:, 1]] < 0.2
    chosen = places[allowed][:number]
    for row, column in chosen[np.argsort(-ground.z[chosen[:, 0], chosen[:, 1]], kind="stable")]:
        height = rng.uniform(*metres) * scene.camera.focal / ground.z[row, column]
        add_tree(
            scene, sprites, (ground.top + row + 1, column), height, ground.z[row, column], leaf
        )


def add_tree(
    scene: Scene,
    sprites: tuple[vegetation.Sprite, ...],
    foot: tuple[float, float],
    height: float,
    distance: float,
    leaf: Floats,
) -> None:
    """One tree of `height` px."""
    light = scene.light
    lost = np.float32(1 - exact_math.exp(-distance / light.haze))
    air = scene.air[0, int(np.clip(foot[1], 0, scene.camera.size - 1))]
    tint = leaf * scene.rng.uniform(0.75, 1.2, 3).astype(np.float32)
    front = np.float32(0.55 + 0.45 * exact_math.cos(light.azimuth - np.pi))  # back light darkens
    dark = 0.10 * tint * light.sky
    bright = tint * (light.sun * (0.35 + 0.9 * front) + 0.9 * light.sky)
    sprite = sprites[int(scene.rng.integers(len(sprites)))]
    mirror = (light.azimuth > 0) != (scene.rng.random() < 0.15)
    dark, bright = dark + (air - dark) * lost, bright + (air - bright) * lost
    vegetation.plant(scene.image, sprite, foot, height, dark, bright, mirror)


def add_grass(scene: Scene, start: float, blade: float, dark: Floats, bright: Floats) -> None:
    """Grass from row `start` down, blades of about `blade` px in the nearest."""
    rng, size = scene.rng, scene.camera.size
    strips = vegetation.grass_strips()
    lit = 0.75 * scene.light.sun + scene.light.sky
    foot = start
    while foot < size * 1.06 + 0.4 * blade:
        height = 5 + blade * (foot - start) / (size - start)
        tint = rng.uniform(0.95, 1.05, 3).astype(np.float32)
        sprite, place = strips[int(rng.integers(len(strips)))], int(rng.integers(0, 4096))
        vegetation.plant_row(
            scene.image, sprite, round(foot), round(height), place, dark * lit, bright * lit * tint
        )
        # Half of each row stays hidden behind the next.
        foot += 0.45 * height


def shift(rng: Draws) -> float:
    """A random place in a tile, px."""
    return float(rng.uniform(0, noise.TILE))


def blend(first: Floats, second: Floats, share: Floats) -> Floats:
    """(rows, size, 3) from `first` (share 0) to `second` (share 1); share is (rows, size)."""
    return np.asarray(first + (second - first) * share[..., None], np.float32)


def mottled(rng: Draws, ground: Ground, tone: Floats, amount: float = 0.27) -> Floats:
    """`tone` with blotches at three scales, as any ground has."""
    total = np.zeros_like(ground.z)
    for metres, exponent, reach in ((900.0, 1.7, 1e9), (70.0, 1.5, 1500.0), (7.0, 1.1, 220.0)):
        scale, place = noise.TILE / metres, shift(rng)
        found = noise.spread(noise.tile(exponent, 3), ground.x, ground.z, scale, place)
        total += found * exact_math.exp(-ground.z / np.float32(reach))
    factor = np.clip(1 + np.float32(amount) * total, 0.25, 2.2)
    return np.asarray(tone * factor[..., None], np.float32)


def steepness(ground: Ground) -> Floats:
    return np.asarray(exact_math.hypot(ground.slope_x, ground.slope_z), np.float32)


def add_wood_colour(ground: Ground, base: Floats, leaf: Floats) -> Floats:
    """`base` covered by trees where the ground is wooded: bright crowns, dark gaps."""
    depth = 0.30 + 1.15 * ground.crown
    patches = noise.spread(noise.tile(1.3, 8), ground.x, ground.z, 2.2)
    trees = leaf * (depth * (1 + 0.20 * patches))[..., None]
    return blend(base, trees, ground.wood)


GREENS = [(0.37, 0.42, 0.21), (0.42, 0.46, 0.25), (0.32, 0.38, 0.19), (0.50, 0.49, 0.29)]
STRAWS = [(0.68, 0.60, 0.42), (0.61, 0.52, 0.36), (0.55, 0.47, 0.32), (0.48, 0.42, 0.29)]
AUTUMN = [(0.62, 0.40, 0.14), (0.66, 0.50, 0.16), (0.55, 0.26, 0.12), (0.46, 0.44, 0.16)]
LEAVES = [(0.28, 0.36, 0.13), (0.24, 0.33, 0.13), (0.33, 0.40, 0.15)]
NEEDLES = [(0.16, 0.24, 0.13), (0.18, 0.27, 0.15), (0.14, 0.21, 0.14)]
ROCKS = [(0.46, 0.43, 0.40), (0.50, 0.45, 0.38), (0.40, 0.40, 0.42), (0.52, 0.44, 0.36)]


def pick(rng: Draws, colours: list[tuple[float, float, float]]) -> Floats:
    """One of `colours` in linear light, slightly off."""
    chosen = np.array(colours[int(rng.integers(len(colours)))])
    red, green, blue = np.clip(chosen * rng.normal(1, 0.06) * rng.normal(1, 0.02, 3), 0.02, 1)
    return colour(float(red), float(green), float(blue))
