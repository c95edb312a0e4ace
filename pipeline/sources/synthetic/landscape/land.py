"""Dry scenes: mountains, valleys, badlands, dunes, tundra, fields."""

import numpy as np

from pipeline.sources.synthetic import exact_math
from pipeline.sources.synthetic.draws import Draws
from pipeline.sources.synthetic.exact_math import Floats
from pipeline.sources.synthetic.landscape import noise, scenery, vegetation
from pipeline.sources.synthetic.landscape.light import Camera, colour, draw_light
from pipeline.sources.synthetic.landscape.scenery import GRID, Scene, pick, shift
from pipeline.sources.synthetic.landscape.terrain import Band, Ground, Relief


def _ahead() -> Floats:
    """(GRID, 1) share of the way to the far end."""
    return np.linspace(0, 1, GRID, dtype=np.float32)[:, None]


def _across() -> Floats:
    """(1, GRID), -1 = left, 1 = right."""
    return np.linspace(-1, 1, GRID, dtype=np.float32)[None, :]


def _camera(rng: Draws, size: int, low: float, high: float, eye: float) -> Camera:
    horizon, focal = size * rng.uniform(low, high), size * rng.uniform(0.85, 1.25)
    return Camera(size, float(horizon), float(focal), float(eye))


def _settled(heights: Floats) -> Floats:
    """`heights` with 0 where the camera stands."""
    middle = GRID // 2
    return np.asarray(heights - exact_math.mean(heights[:4, middle - 4 : middle + 4]), np.float32)


def _massif(rng: Draws, start: float, full: float, peak: float) -> Floats:
    """Mountains that rise between the shares `start` and `full` of the way, m."""
    crests = noise.ridged(rng, GRID, int(rng.integers(2, 5)), 0.46)
    blocks = np.clip(0.75 + 0.3 * noise.fractal(rng, GRID, 3, 0.4), 0.2, 1.5)
    rise = noise.step(start, full, _ahead() + 0.06 * noise.fractal(rng, GRID, 3, 0.3))
    rolling = 0.012 * noise.fractal(rng, GRID, 6, 0.45)
    return np.asarray(peak * (exact_math.power(crests, 0.85) * blocks * rise + rolling), np.float32)


def _alpine(rng: Draws, peak: float) -> tuple[Relief, Floats]:
    """A relief of some 12 km with woods below the tree line, and its share of trees."""
    heights = _settled(_massif(rng, rng.uniform(0.04, 0.2), rng.uniform(0.45, 0.8), peak))
    line = peak * rng.uniform(0.12, 0.45)
    wood = 0.5 + 0.32 * noise.fractal(rng, GRID, 10, 0.55) + (line - heights) / (line * 4)
    bands = (
        Band(noise.bumps(1.9, 1), 2600, peak * 0.022, shift=shift(rng)),
        Band(noise.bumps(1.7, 2), 320, 2.2, 2500, shift(rng)),
    )
    trees = Band(noise.crowns(rng.random() < 0.75), 520, rng.uniform(9, 16), shift=shift(rng))
    # Nothing grows so near that a single crown would fill the image.
    wood = wood * noise.step(0.03, 0.07, _ahead()) + 0 * heights
    return Relief(heights, 12_000, bands, wood.astype(np.float32), trees), heights


def mountain(rng: Draws, size: int) -> Scene:
    return _mountain(rng, size, snow=rng.uniform(0.0, 0.35))


def mountain_snowy(rng: Draws, size: int) -> Scene:
    return _mountain(rng, size, snow=rng.uniform(0.95, 1.5))


def _mountain(rng: Draws, size: int, snow: float) -> Scene:
    light = draw_light(rng, 0.35, 0.22)
    peak = rng.uniform(1600, 3600)
    camera = _camera(rng, size, 0.45, 0.68, rng.uniform(18, 70))
    relief, _ = _alpine(rng, peak)
    scene = scenery.begin(rng, camera, light)
    line = peak * (0.62 - 0.58 * snow)
    meadow, rock = pick(rng, scenery.GREENS + scenery.STRAWS), pick(rng, scenery.ROCKS)
    needle = pick(rng, scenery.NEEDLES)

    def albedo(ground: Ground) -> Floats:
        steep = scenery.steepness(ground)
        bare = noise.step(0.42, 0.80, steep + (ground.height - 0.4 * peak) / (3 * peak))
        base = scenery.blend(
            scenery.mottled(rng, ground, meadow), scenery.mottled(rng, ground, rock, 0.3), bare
        )
        base = scenery.add_wood_colour(ground, base, needle)
        rough = noise.spread(noise.tile(1.5, 6), ground.x, ground.z, 0.35)
        white = noise.step(-0.05, 0.09, (ground.height - line) / peak + 0.07 * rough)
        white = white * noise.step(2.0, 0.95, steep) * (1 - 0.75 * ground.wood)
        return scenery.blend(base, colour(0.93, 0.95, 0.98), white)

    ground = scenery.add_ground(scene, relief, albedo)
    if rng.random() < 0.6:
        kind = vegetation.conifers() if rng.random() < 0.8 else vegetation.broadleaves()
        number = int(rng.integers(3, 26))
        scenery.add_trees(scene, ground, kind, (9, 20), number, (60, 420), needle * 1.5)
    return scene


def valley(rng: Draws, size: int) -> Scene:
    light = draw_light(rng, 0.4, 0.3)
    peak = rng.uniform(900, 1900)
    camera = _camera(rng, size, 0.32, 0.5, rng.uniform(120, 260))
    middle = rng.uniform(-0.3, 0.3) + 0.25 * exact_math.sin(
        _ahead() * rng.uniform(3, 7) + rng.uniform(0, 6)
    )
    sides = np.abs(_across() - middle * _ahead()) / (0.25 + 0.55 * _ahead())
    crests = noise.ridged(rng, GRID, 3, 0.48)
    wall = exact_math.power(np.clip(sides - 0.16, 0, None), 1.25)
    heights = peak * (wall * (0.35 + 0.9 * crests) + 0.01 * noise.fractal(rng, GRID, 8, 0.5))
    river = bool(rng.random() < 0.45)
    heights = heights - heights.min() - (0.004 if river else 0) * peak
    wood = (
        0.42 + 0.4 * noise.fractal(rng, GRID, 9, 0.6) + 0.25 * noise.step(0.02, 0.2, heights / peak)
    )
    bands = (Band(noise.bumps(1.9, 3), 2200, peak * 0.02, shift=shift(rng)),)
    trees = Band(noise.crowns(rng.random() < 0.4), 480, rng.uniform(9, 15), shift=shift(rng))
    relief = Relief(heights.astype(np.float32), 9000, bands, wood.astype(np.float32), trees, river)
    scene = scenery.begin(rng, camera, light)
    meadow, rock = pick(rng, scenery.GREENS), pick(rng, scenery.ROCKS)
    leaf = pick(rng, scenery.LEAVES + scenery.NEEDLES + scenery.AUTUMN[:2])

    def albedo(ground: Ground) -> Floats:
        bare = noise.step(0.65, 1.0, scenery.steepness(ground))
        fields = noise.spread(noise.tile(2.0, 8), ground.x, ground.z, 0.25)
        grass = scenery.mottled(rng, ground, meadow)
        grass = scenery.blend(
            grass, grass * np.array([1.5, 1.2, 0.9], np.float32), noise.step(0.2, 0.5, fields)
        )
        base = scenery.blend(grass, scenery.mottled(rng, ground, rock, 0.3), bare)
        return scenery.add_wood_colour(ground, base, leaf)

    ground = scenery.add_ground(scene, relief, albedo)
    scenery.add_water(scene, ground, colour(0.16, 0.30, 0.32), 0.05)
    return scene


def badlands(rng: Draws, size: int) -> Scene:
    light = draw_light(rng, 0.4, 0.12)
    peak = rng.uniform(220, 480)
    camera = _camera(rng, size, 0.3, 0.52, rng.uniform(45, 130))
    raw = noise.ridged(rng, GRID, 5, 0.55) * noise.step(0.02, 0.2, _ahead())
    mesas = noise.step(0.25, 0.42, raw + 0.10 * noise.fractal(rng, GRID, 5, 0.4))
    heights = _settled(peak * (0.55 * raw + 0.45 * mesas * noise.step(0.05, 0.4, _ahead())))
    bands = (
        Band(noise.bumps(1.8, 4), 700, 7, shift=shift(rng)),
        Band(noise.bumps(1.5, 5), 60, 0.5, 500, shift(rng)),
    )
    scene = scenery.begin(rng, camera, light)
    layers = _strata(rng)

    def albedo(ground: Ground) -> Floats:
        bend = noise.spread(noise.tile(2.0, 6), ground.x, ground.z, 0.4)
        level = (ground.height + 2.5 * bend) / peak * 96 + 32
        base = layers[np.clip(level, 0, 191).astype(np.int32)]
        flat = noise.step(0.35, 0.15, scenery.steepness(ground))
        dust = scenery.mottled(rng, ground, colour(0.64, 0.50, 0.38))
        shrubs = noise.spread(noise.tile(1.0, 7), ground.x, ground.z, 5)
        dust = scenery.blend(
            dust, colour(0.36, 0.35, 0.22) + 0 * dust, noise.step(1.0, 1.6, shrubs)
        )
        rough = scenery.mottled(rng, ground, np.ones(3, np.float32), 0.18)
        return scenery.blend(base * rough, dust, flat * 0.9)

    scenery.add_ground(scene, Relief(heights, 3200, bands, clear=0.1), albedo)
    return scene


def _strata(rng: Draws) -> Floats:
    """(192, 3) colours of the rock by height."""
    palette = [(0.66, 0.44, 0.33), (0.80, 0.64, 0.50), (0.56, 0.36, 0.29), (0.86, 0.76, 0.64)]
    palette += [(0.70, 0.52, 0.40), (0.62, 0.54, 0.48)]
    layers = np.stack([pick(rng, palette) for _ in range(int(rng.integers(9, 22)))])
    edges = np.sort(rng.integers(0, 192, len(layers) - 1))
    return np.asarray(layers[np.searchsorted(edges, np.arange(192))], np.float32)


def desert(rng: Draws, size: int) -> Scene:
    light = draw_light(rng, 0.7, 0.06)
    dune = rng.uniform(45, 100)
    camera = _camera(rng, size, 0.25, 0.48, dune * rng.uniform(1.0, 1.6))
    turn = rng.uniform(-0.9, 0.9)
    extent = 1800.0
    along = _ahead() * exact_math.cos(turn) + _across() / 2 * exact_math.sin(turn)
    bend = noise.fractal(rng, GRID, 3, 0.35)
    phase = along * rng.uniform(5, 10) + 0.42 * bend + rng.uniform(0, 1)
    saw = phase - np.floor(phase)
    lee = rng.uniform(0.68, 0.8)  # a long rise to windward, a short fall to leeward
    windward = exact_math.power(saw / lee, 1.6)
    crest = np.where(saw < lee, windward, exact_math.power((1 - saw) / (1 - lee), 1.15))
    size_of = np.clip(0.6 + 0.35 * noise.fractal(rng, GRID, 4, 0.4), 0.1, 1.4)
    heights = dune * crest * size_of * noise.step(0.0, 0.12, _ahead())
    heights = np.asarray(heights + dune * 0.2 * noise.fractal(rng, GRID, 3, 0.35), np.float32)
    bands = (Band(noise.bumps(2.2, 2), 160, 0.5, 500, shift(rng)),)
    scene = scenery.begin(rng, camera, light)
    sand = pick(rng, [(0.88, 0.73, 0.54), (0.84, 0.66, 0.48), (0.90, 0.80, 0.66)])
    angle = rng.uniform(-0.6, 0.6)
    sine, cosine = np.float32(exact_math.sin(angle)), np.float32(exact_math.cos(angle))

    def albedo(ground: Ground) -> Floats:
        base = scenery.mottled(rng, ground, sand * 1.3, 0.04)
        wander = noise.spread(noise.tile(2.0, 4), ground.x, ground.z, 12)
        lines = exact_math.sin((ground.z * cosine + ground.x * sine) * 7 + 2.4 * wander)
        lines = lines * exact_math.exp(-ground.z / 30) * 0.16
        return np.asarray(base * (1 + lines)[..., None], np.float32)

    scenery.add_ground(scene, Relief(heights, extent, bands, clear=0.06), albedo)
    return scene


def tundra(rng: Draws, size: int) -> Scene:
    light = draw_light(rng, 0.4, 0.5)
    camera = _camera(rng, size, 0.34, 0.6, rng.uniform(2.5, 12))
    hills = _massif(rng, 0.25, 0.9, rng.uniform(150, 700))
    hollow = noise.fractal(rng, GRID, 14, 0.5)
    heights = _settled(hills + 2.2 * hollow) + np.float32(rng.uniform(0.5, 2.6))
    bands = (
        Band(noise.bumps(1.7, 5), 500, 1.6, 4000, shift(rng)),
        Band(noise.bumps(1.3, 6), 26, 0.22, 200, shift(rng)),
    )
    relief = Relief(heights.astype(np.float32), 5000, bands, water=True)
    scene = scenery.begin(rng, camera, light)
    moss = pick(rng, scenery.STRAWS + [(0.50, 0.38, 0.26), (0.52, 0.34, 0.26), (0.42, 0.40, 0.22)])
    other = pick(rng, [(0.44, 0.40, 0.24), (0.50, 0.36, 0.26), (0.60, 0.54, 0.38)])
    snow = rng.uniform(-0.6, 1.6)

    def albedo(ground: Ground) -> Floats:
        patch = noise.spread(noise.tile(1.4, 8), ground.x, ground.z, 3)
        base = scenery.blend(
            scenery.mottled(rng, ground, moss, 0.3),
            scenery.mottled(rng, ground, other, 0.3),
            noise.step(-0.4, 0.6, patch),
        )
        stones = noise.spread(noise.tile(0.9, 9), ground.x, ground.z, 26)
        stones = noise.step(1.7, 2.1, stones) * exact_math.exp(-ground.z / 160)
        base = scenery.blend(base, colour(0.50, 0.50, 0.50) + 0 * base, stones)
        drift = noise.spread(noise.tile(1.9, 4), ground.x, ground.z, 0.8)
        white = noise.step(1.5 - snow, 1.9 - snow, drift + ground.height / 260)
        return scenery.blend(base, colour(0.92, 0.94, 0.97), white)

    ground = scenery.add_ground(scene, relief, albedo)
    scenery.add_water(scene, ground, colour(0.14, 0.22, 0.28), 0.12)
    return scene


def field(rng: Draws, size: int) -> Scene:
    light = draw_light(rng, 0.45, 0.3)
    camera = _camera(rng, size, 0.36, 0.6, rng.uniform(1.6, 4.5))
    scene = scenery.begin(rng, camera, light)
    if rng.random() < 0.55:
        tone = pick(rng, scenery.NEEDLES)
        scenery.add_ridges(scene, int(rng.integers(1, 4)), size * rng.uniform(0.05, 0.22), tone)
    heights = _settled(6 * noise.fractal(rng, GRID, 4, 0.4) * noise.step(0.02, 0.4, _ahead()))
    wood = 0.28 * noise.fractal(rng, GRID, 9, 0.6) + noise.step(0.2, 0.9, _ahead())
    wood = wood * noise.step(0.13, 0.2, _ahead()) + 0 * heights
    trees = Band(noise.crowns(rng.random() < 0.3), 330, rng.uniform(8, 15), shift=shift(rng))
    bands = (Band(noise.bumps(1.6, 5), 40, 0.18, 300, shift(rng)),)
    relief = Relief(heights, 900, bands, wood.astype(np.float32), trees)
    grass = pick(rng, scenery.GREENS + scenery.STRAWS)
    leaf = pick(rng, scenery.LEAVES + scenery.AUTUMN[:1])
    bare = rng.random() < 0.15

    def albedo(ground: Ground) -> Floats:
        base = scenery.mottled(rng, ground, grass, 0.25)
        return scenery.add_wood_colour(ground, base, leaf)

    ground = scenery.add_ground(scene, relief, albedo)
    kind = vegetation.bare_trees() if bare else vegetation.broadleaves()
    scenery.add_trees(scene, ground, kind, (7, 16), int(rng.integers(2, 14)), (40, 260), leaf * 1.8)
    _add_meadow(scene, grass)
    return scene


def _add_meadow(scene: Scene, grass: Floats) -> None:
    """Grass before the camera and, at times, flowers in it."""
    rng, size = scene.rng, scene.camera.size
    start = scene.camera.horizon + size * rng.uniform(0.03, 0.08)
    blade = size * rng.uniform(0.06, 0.22)
    scenery.add_grass(scene, start, blade, grass * 0.5, grass * 1.45)
    _add_patches(scene, int(start))
    if rng.random() < 0.45:
        _add_flowers(scene, start)


def _add_patches(scene: Scene, start: int) -> None:
    """Lusher and poorer places in the meadow from row `start` down."""
    camera = scene.camera
    below = np.maximum(camera.rows()[start:], 1)
    z = camera.eye * camera.focal / below + 0 * camera.columns()
    x = z * camera.columns() / np.float32(camera.focal)
    patches = noise.spread(noise.tile(1.6, 3), x, z, 12, shift(scene.rng))
    scene.image[start:] *= np.clip(1 + 0.24 * patches, 0.4, 1.7)[..., None]


def _add_flowers(scene: Scene, start: float) -> None:
    rng, size = scene.rng, scene.camera.size
    petals = [(0.85, 0.18, 0.14), (0.92, 0.84, 0.25), (0.93, 0.92, 0.90), (0.58, 0.38, 0.75)]
    petal = pick(rng, petals) * (scene.light.sun * 0.8 + scene.light.sky)
    shares = exact_math.power(rng.random(int(rng.integers(60, 420))), 0.6)
    rows = (start + (size - 1 - start) * shares).astype(np.int32)
    columns = rng.integers(0, size - 4, rows.size)
    for row, column, share in zip(rows.tolist(), columns.tolist(), shares.tolist(), strict=True):
        side = 1 + int(share * 3 * rng.random() + 0.4)
        scene.image[row : row + side, column : column + side] = petal * np.float32(
            rng.uniform(0.5, 1.1)
        )
