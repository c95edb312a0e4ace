"""Scenes with water, and the sky alone."""

import numpy as np

from pipeline.sources.synthetic import exact_math
from pipeline.sources.synthetic.draws import Draws
from pipeline.sources.synthetic.exact_math import Floats
from pipeline.sources.synthetic.landscape import noise, scenery, vegetation
from pipeline.sources.synthetic.landscape.light import Camera, colour, draw_light
from pipeline.sources.synthetic.landscape.scenery import GRID, Scene, pick, shift
from pipeline.sources.synthetic.landscape.terrain import Band, Ground, Relief

SEAS = [(0.08, 0.26, 0.36), (0.10, 0.34, 0.38), (0.06, 0.18, 0.30), (0.14, 0.26, 0.28)]


def _plane() -> tuple[Floats, Floats]:
    """(GRID, GRID) shares ahead 0..1 and across -1..1."""
    ahead, across = np.meshgrid(
        np.linspace(0, 1, GRID, dtype=np.float32),
        np.linspace(-1, 1, GRID, dtype=np.float32),
        indexing="ij",
    )
    return ahead, across


def _camera(rng: Draws, size: int, low: float, high: float, eye: float) -> Camera:
    horizon, focal = size * rng.uniform(low, high), size * rng.uniform(0.85, 1.25)
    return Camera(size, float(horizon), float(focal), float(eye))


def lake(rng: Draws, size: int) -> Scene:
    light = draw_light(rng, 0.4, 0.3)
    camera = _camera(rng, size, 0.42, 0.64, rng.uniform(2.5, 14))
    scene = scenery.begin(rng, camera, light)
    peak = rng.uniform(150, 1000)
    if rng.random() < 0.4:
        scenery.add_ridges(scene, 2, size * rng.uniform(0.1, 0.3), pick(rng, scenery.ROCKS) * 0.6)
    relief = _basin(rng, peak)
    needle = pick(rng, scenery.NEEDLES + scenery.LEAVES + scenery.AUTUMN[:1])
    meadow, rock = pick(rng, scenery.GREENS + scenery.STRAWS), pick(rng, scenery.ROCKS)
    line = peak * rng.uniform(0.3, 1.6)

    def albedo(ground: Ground) -> Floats:
        bare = noise.step(0.5, 0.9, scenery.steepness(ground))
        base = scenery.blend(
            scenery.mottled(rng, ground, meadow), scenery.mottled(rng, ground, rock, 0.3), bare
        )
        base = scenery.blend(base, rock + 0 * base, noise.step(1.3, 0.3, ground.height))
        base = scenery.add_wood_colour(ground, base, needle)
        white = noise.step(0.9, 1.1, ground.height / line) * noise.step(
            1.2, 0.6, scenery.steepness(ground)
        )
        return scenery.blend(base, colour(0.93, 0.95, 0.98), white)

    ground = scenery.add_ground(scene, relief, albedo)
    kind = vegetation.conifers() if rng.random() < 0.6 else vegetation.broadleaves()
    scenery.add_trees(
        scene, ground, kind, (8, 18), int(rng.integers(0, 22)), (35, 700), needle * 1.4
    )
    scenery.add_water(scene, ground, pick(rng, SEAS) * 0.8, float(rng.choice([0.01, 0.04, 0.12])))
    return scene


def _basin(rng: Draws, peak: float) -> Relief:
    """A lake before hills, with a near shore at times."""
    ahead, across = _plane()
    edge = rng.uniform(0.12, 0.42) + 0.09 * noise.fractal(rng, GRID, 4, 0.5)
    land = np.clip(ahead - edge, -0.2, None)
    side = rng.choice([-1.0, 1.0])
    land = np.maximum(
        land, np.clip(side * across - rng.uniform(0.05, 0.5) - edge * 0.4, -0.2, None) * 0.5
    )
    if rng.random() < 0.5:
        # In metres the near shore reaches some tens ahead.
        land = np.maximum(
            land, rng.uniform(0.004, 0.016) - ahead + 0.004 * noise.fractal(rng, GRID, 20, 0.5)
        )
    crests = noise.ridged(rng, GRID, int(rng.integers(2, 5)), 0.46)
    heights = np.where(
        land > 0, peak * land * (0.4 + 1.7 * exact_math.power(crests, 0.75)) + 60 * land, 120 * land
    )
    wood = 0.55 + 0.3 * noise.fractal(rng, GRID, 9, 0.5) + (0.45 * peak - heights) / peak
    wood = wood * noise.step(0.02, 0.05, ahead)
    bands = (Band(noise.bumps(1.9, 1), 1800, peak * 0.012, shift=shift(rng)),)
    trees = Band(noise.crowns(rng.random() < 0.7), 420, rng.uniform(10, 18), shift=shift(rng))
    return Relief(
        heights.astype(np.float32), 6000, bands, wood.astype(np.float32), trees, water=True
    )


def _surf(rng: Draws, ground: Ground, deepest: float, lines: float) -> Floats:
    """Foam by the depth of the water: lines of breakers, lace at the edge."""
    depth = np.maximum(-ground.height, 0) / np.float32(deepest)
    bend = noise.sample(noise.tile(1.9, 5), ground.x * 4 + shift(rng), ground.z * 4)
    lace = noise.sample(noise.tile(1.2, 6), ground.x * 24, ground.z * 24 + shift(rng))
    phase = depth * lines + 0.22 * bend
    saw = phase - np.floor(phase)
    crest = (
        noise.step(0.84, 0.98, saw)
        * noise.step(1.0, 0.6, depth)
        * noise.step(-1.4, 0.6, lace + bend)
    )
    edge = noise.step(0.16, 0.02, depth + 0.03 * bend) * noise.step(-0.9, 0.9, lace)
    return np.asarray(np.clip(crest + 0.85 * edge, 0, 1), np.float32)


def _whitecaps(rng: Draws, ground: Ground, amount: float) -> Floats:
    lace = noise.sample(noise.tile(1.3, 7), ground.x * 9, ground.z * 14 + shift(rng))
    swell = noise.sample(noise.wave_tile(1), ground.x * 2.2 + shift(rng), ground.z * 2.2)
    caps = noise.step(2.7 - amount, 3.4 - amount, swell + 0.6 * lace)
    return np.asarray(
        caps * noise.step(900, 100, ground.z) * noise.step(6, 40, ground.z), np.float32
    )


def beach(rng: Draws, size: int) -> Scene:
    light = draw_light(rng, 0.45, 0.2)
    camera = _camera(rng, size, 0.28, 0.52, rng.uniform(2.0, 7))
    scene = scenery.begin(rng, camera, light)
    if rng.random() < 0.5:
        scenery.add_ridges(
            scene,
            int(rng.integers(1, 3)),
            size * rng.uniform(0.03, 0.13),
            pick(rng, scenery.NEEDLES),
        )
    ahead, across = _plane()
    extent = 500.0
    # Metres from the water's edge, positive on land.
    bay = 2.5 * noise.fractal(rng, GRID, 14, 0.45) + 50 * noise.fractal(rng, GRID, 4, 0.35) * ahead
    slant = rng.choice([-1.0, 1.0]) * rng.uniform(0.1, 2.2)
    inland = rng.uniform(5, 22) + slant * across * extent / 2 - ahead * extent + bay
    heights = 0.055 * inland + 0.25 * np.clip(inland - 45, 0, 60)
    bands = (Band(noise.bumps(1.6, 3), 30, 0.06, 150, shift(rng)),)
    wood = noise.step(3.0, 7.0, heights + 1.5 * noise.fractal(rng, GRID, 20, 0.5))
    trees = Band(noise.crowns(False), 260, 7, shift=shift(rng))
    relief = Relief(heights.astype(np.float32), extent, bands, wood, trees, water=True)
    sand = pick(
        rng, [(0.85, 0.76, 0.61), (0.90, 0.84, 0.73), (0.72, 0.64, 0.54), (0.80, 0.69, 0.52)]
    )
    leaf = pick(rng, scenery.LEAVES)

    def albedo(ground: Ground) -> Floats:
        wet = noise.step(0.30, 0.02, ground.height)
        base = scenery.mottled(rng, ground, sand, 0.10)
        base = scenery.blend(base, base * np.array([0.42, 0.42, 0.46], np.float32), wet)
        weed = noise.spread(noise.tile(1.1, 4), ground.x, ground.z, 8)
        line = noise.step(0.12, 0.0, np.abs(ground.height - 0.75)) * noise.step(0.6, 1.4, weed)
        base = scenery.blend(base, colour(0.25, 0.21, 0.16) + 0 * base, line)
        return scenery.add_wood_colour(ground, base, leaf)

    ground = scenery.add_ground(scene, relief, albedo)
    foam = _surf(rng, ground, rng.uniform(1.5, 3.5), rng.uniform(3, 7))
    scenery.add_water(
        scene, ground, pick(rng, SEAS + [(0.20, 0.52, 0.54)]), rng.uniform(0.25, 0.6), foam
    )
    return scene


def coast(rng: Draws, size: int) -> Scene:
    light = draw_light(rng, 0.45, 0.3)
    camera = _camera(rng, size, 0.26, 0.5, rng.uniform(14, 60))
    scene = scenery.begin(rng, camera, light)
    ahead, across = _plane()
    extent, cliff = 2600.0, rng.uniform(25, 110)
    side = rng.choice([-1.0, 1.0])
    headlands = 0.15 * noise.fractal(rng, GRID, 5, 0.5) * (0.15 + ahead)
    inland = side * across * rng.uniform(0.5, 1.0) + headlands - 0.18 * ahead - 0.012
    stacks = noise.step(1.9, 2.6, noise.fractal(rng, GRID, 22, 0.4)) * noise.step(-0.3, 0.0, inland)
    wall = noise.step(0.0, 0.07, inland) * (0.75 + 0.25 * noise.fractal(rng, GRID, 6, 0.5))
    heights = cliff * np.maximum(wall, 0.5 * stacks) + 90 * np.clip(inland, 0, None)
    heights = np.where((inland > 0) | (stacks > 0.05), heights, 30 * inland)
    bands = (Band(noise.bumps(2.0, 4), 300, cliff * 0.045, shift=shift(rng)),)
    relief = Relief(heights.astype(np.float32), extent, bands, water=True)
    rock, turf = (
        pick(rng, scenery.ROCKS + [(0.60, 0.46, 0.34), (0.30, 0.28, 0.28)]),
        pick(rng, scenery.GREENS + scenery.STRAWS),
    )

    def albedo(ground: Ground) -> Floats:
        bare = noise.step(0.3, 0.7, scenery.steepness(ground))
        level = exact_math.sin(ground.height * 0.35 + ground.x * 0.02) * 0.10
        stone: Floats = scenery.mottled(rng, ground, rock, 0.3) * (1 + level)[..., None]
        stone = scenery.blend(stone, stone * 0.35, noise.step(2.5, 0.5, ground.height))
        return scenery.blend(scenery.mottled(rng, ground, turf), stone, bare)

    ground = scenery.add_ground(scene, relief, albedo)
    foam = np.clip(
        _surf(rng, ground, rng.uniform(1.0, 3.5), 2.5) + _whitecaps(rng, ground, 0.4), 0, 1
    )
    scenery.add_water(scene, ground, pick(rng, SEAS), rng.uniform(0.35, 0.8), foam)
    return scene


def ocean(rng: Draws, size: int) -> Scene:
    light = draw_light(rng, 0.5, 0.3)
    camera = _camera(rng, size, 0.25, 0.66, rng.uniform(3, 14))
    scene = scenery.begin(rng, camera, light)
    if rng.random() < 0.3:
        scenery.add_ridges(scene, 1, size * rng.uniform(0.02, 0.10), pick(rng, scenery.ROCKS) * 0.5)
    heights = np.full((GRID, GRID), -30, np.float32)
    rocks = np.asarray(noise.fractal(rng, GRID, 24, 0.5), np.float32)
    ahead, _ = _plane()
    if rng.random() < 0.4:
        heights = np.where(rocks > 2.0, 9 * (rocks - 2.0), heights) * noise.step(0.0, 0.02, ahead)
    bands = (Band(noise.bumps(1.5, 4), 60, 1.0, shift=shift(rng)),)
    relief = Relief(heights.astype(np.float32), 4000, bands, water=True)
    stone = pick(rng, scenery.ROCKS) * 0.6

    def albedo(ground: Ground) -> Floats:
        return scenery.mottled(rng, ground, stone, 0.3)

    ground = scenery.add_ground(scene, relief, albedo)
    rough = rng.uniform(0.3, 1.1)
    foam = _whitecaps(rng, ground, rng.uniform(-0.6, 0.9) * rough)
    scenery.add_water(scene, ground, pick(rng, SEAS), rough, foam)
    return scene


def sky(rng: Draws, size: int) -> Scene:
    light = draw_light(rng, 0.5, 0.25)
    camera = _camera(rng, size, 0.88, 1.04, 40)
    scene = scenery.begin(rng, camera, light, cloudy=True)
    tone = pick(rng, scenery.NEEDLES + scenery.ROCKS) * 0.5
    scenery.add_ridges(scene, int(rng.integers(1, 4)), size * rng.uniform(0.02, 0.12), tone)
    below = slice(int(camera.horizon) + 2, size)
    land = scene.image[below]
    rough = noise.tile(1.2, 2)[: land.shape[0], :size, None]
    land[:] = 1.6 * tone * (0.8 * light.sun + light.sky) * (1 + 0.3 * rough)
    for _ in range(int(rng.integers(0, 16))):
        foot = (camera.horizon + rng.uniform(3, 0.1 * size), rng.uniform(0, size))
        kind = vegetation.conifers() if rng.random() < 0.4 else vegetation.broadleaves()
        scenery.add_tree(
            scene, kind, foot, size * rng.uniform(0.03, 0.12), 300, pick(rng, scenery.LEAVES)
        )
    return scene
