"""Fractal noise: fresh fields for what an image is about, cached tiles for what it is made of.

Fresh fields take a generator; tiles are built once a process from a fixed seed and repeat
seamlessly, so that an image may sample them anywhere.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from pipeline.sources.synthetic import exact_images, exact_math
from pipeline.sources.synthetic.draws import Draws
from pipeline.sources.synthetic.exact_math import Floats, standard

TILE = 512  # px, side of every cached tile
HALF_ROOT = 0.7071067811865476  # the sine of 45 degrees


def fractal(rng: Draws, size: int, cells: int = 4, gain: float = 0.5) -> Floats:
    """Noise (size, size) of mean 0 and deviation 1 with about `cells` features across.

    Smooth below four cells: tiles add the finer detail, and a rough grid would show its cells.
    """
    field = rng.standard_normal((cells, cells))
    amplitude = 1.0
    while field.shape[0] < size // 4:
        side = min(2 * field.shape[0], size // 4)
        amplitude *= gain
        fresh = rng.standard_normal((side, side))
        field = exact_images.enlarge(field, side, side) + np.float32(amplitude) * fresh
    return standard(exact_images.enlarge(field, size, size))


def ridged(rng: Draws, size: int, cells: int = 3, gain: float = 0.5) -> Floats:
    """Noise (size, size) in about 0..1 with sharp crests and wide hollows, as mountains have."""
    field = np.zeros((size, size), np.float32)
    weight = np.ones((size, size), np.float32)
    amplitude = 1.0
    while cells <= size // 4:
        coarse = rng.standard_normal((cells + 2, cells + 2))
        smooth = exact_images.enlarge(coarse, size, size)
        crest = np.square(np.clip(1 - np.abs(smooth), 0, 1)) * weight
        field += np.float32(amplitude) * crest
        # Small crests grow on large ones and leave the valleys smooth.
        weight = np.clip(crest * 1.6, 0.08, 1)
        amplitude *= gain
        cells *= 2
    return field / np.float32(field.max())


def step(low: float, high: float, value: Floats) -> Floats:
    """Smooth 0..1 ramp of `value` between `low` and `high`."""
    t = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def sample(tile: Floats, u: Floats, v: Floats) -> Floats:
    """`tile` at columns `u` and rows `v` in px, wrapped at the edges."""
    return exact_images.remap(tile, _wrap(u), _wrap(v), cv2.BORDER_WRAP)


def spread(tile: Floats, x: Floats, z: Floats, scale: float, shift: float = 0.0) -> Floats:
    """`tile` laid on the ground at `scale` px a metre, turned by 45 degrees: the edges of its px
    would otherwise run straight away from the camera and show."""
    turned = np.float32(scale * HALF_ROOT)
    place = np.float32(shift)
    return sample(tile, (x + z) * turned + place, (z - x) * turned + place)


def _wrap(place: Floats) -> Floats:
    # By floor: numpy's float remainder takes ten times as long.
    place = np.asarray(place, np.float32)
    tiles = np.floor(place * np.float32(1 / TILE))
    return np.asarray(place - tiles * np.float32(TILE), np.float32)


@dataclass(frozen=True, eq=False)
class Bumps:
    """A tile as a heightfield: `slopes` holds height and its slope a px to the right and down."""

    heights: Floats  # (TILE, TILE)
    slopes: Floats  # (TILE, TILE, 3)


def _bumps(heights: Floats) -> Bumps:
    right = (np.roll(heights, -1, 1) - np.roll(heights, 1, 1)) / 2
    down = (np.roll(heights, -1, 0) - np.roll(heights, 1, 0)) / 2
    return Bumps(heights, np.dstack([heights, _on_grid(right), _on_grid(down)]))


@cache
def bumps(exponent: float, seed: int = 0) -> Bumps:
    """`tile` as a heightfield."""
    return _bumps(tile(exponent, seed))


@cache
def crowns(pointed: bool) -> Bumps:
    """`crown_tile` as a heightfield."""
    return _bumps(crown_tile(pointed))


@cache
def _frequencies() -> tuple[Floats, Floats, Floats]:
    """Waves a px down (TILE, 1), right (1, TILE / 2 + 1) and along both; infinite for the mean."""
    rows = (np.arange(TILE) + TILE // 2) % TILE - TILE // 2
    down, right = rows[:, None] / TILE, np.arange(TILE // 2 + 1)[None, :] / TILE
    frequency = exact_math.hypot(down, right)
    frequency[0, 0] = np.finfo(np.float64).max
    return down, right, frequency


@cache
def _waves() -> tuple[Floats, Floats]:
    """(TILE, TILE) cosines and sines of row times column turns in TILE."""
    angles = np.arange(TILE) * (2 * np.pi / TILE)
    turns = np.arange(TILE)[:, None] * np.arange(TILE)[None, :] % TILE
    return exact_math.cos(angles)[turns], exact_math.sin(angles)[turns]


def _field(rng: Draws, amplitudes: Floats) -> Floats:
    """(TILE, TILE) noise of `amplitudes`, laid out as `_frequencies`: the real part of the inverse
    Fourier transform of a random spectrum."""
    real, imaginary = (rng.normal(0, 1, amplitudes.shape) * amplitudes for _ in range(2))
    # Waves along the columns come twice, once from either end of the rows.
    for part in (real, imaginary):
        part[:, [0, -1]] *= HALF_ROOT
    cosines, sines = _waves()
    half = slice(0, amplitudes.shape[1])
    product = exact_math.product
    down_real = product(cosines, real) - product(sines, imaginary)
    down_imaginary = product(sines, real) + product(cosines, imaginary)
    return product(down_real, cosines[half]) - product(down_imaginary, sines[half])


def _on_grid(field: Floats) -> Floats:
    """`field` as `sample` needs it."""
    return exact_math.on_grid(field, exact_images.SINGLE_BITS).astype(np.float32)


@cache
def wave_tile(seed: int = 0) -> Floats:
    """A seamless tile of waves whose crests lie mostly along the columns' direction."""
    rows, columns, frequency = _frequencies()
    facing = np.square(np.square(rows / frequency)) + 0.06
    long = frequency > 6 / TILE  # nothing longer than a sixth of the tile
    field = _field(Draws((12, seed)), facing * long / exact_math.power(frequency, 1.7))
    # Crests are sharper than troughs.
    return _on_grid(standard(exact_math.exp(0.5 * standard(field))))


@cache
def leaf_tile(seed: int = 0) -> Floats:
    """A seamless tile of leaves in front of leaves: brightness 0..1, dark between them."""
    rng = Draws((13, seed))
    canvas = np.zeros((TILE, TILE), np.uint8)
    leaves = 26_000
    places = rng.integers(0, TILE, (leaves, 2))
    # Later leaves lie in front and catch more light.
    tones = np.clip(rng.normal(np.linspace(40, 190, leaves), 34), 5, 255)
    shapes = zip(
        places.tolist(),
        rng.integers(1, 5, leaves).tolist(),
        rng.integers(1, 3, leaves).tolist(),
        rng.uniform(0, 180, leaves).tolist(),
        tones.tolist(),
        strict=True,
    )
    for centre, long, short, turn, tone in shapes:
        cv2.ellipse(canvas, centre, (long, short), turn, 0, 360, tone, -1)
    return _on_grid(canvas / np.float32(255))


@cache
def tile(exponent: float, seed: int = 0) -> Floats:
    """A seamless tile of mean 0 and deviation 1 with the spectrum 1 / frequency ** exponent."""
    *_, frequency = _frequencies()
    return _on_grid(standard(_field(Draws((10, seed)), 1 / exact_math.power(frequency, exponent))))


@cache
def bark_tile() -> Floats:
    """`tile` drawn out downwards, as a stem's bark is."""
    total = np.zeros((TILE, TILE), np.float32)
    for rows in range(-4, 5):
        total += np.roll(tile(0.9, 8), rows, 0)
    return total / np.float32(9)


@cache
def billow_tile(seed: int = 0) -> Floats:
    """A seamless tile of round lumps with sharp creases between them, as cumulus has."""
    total = np.zeros((TILE, TILE), np.float32)
    for octave, exponent in enumerate((2.4, 2.0, 1.6)):
        total += np.abs(tile(exponent, seed * 3 + octave + 20)) / np.float32(1 << octave)
    return _on_grid(standard(-total + 0.9 * tile(2.2, seed + 40)))


@cache
def crown_tile(pointed: bool) -> Floats:
    """A seamless tile of tree crowns seen from above: height 0..1, about 1,400 trees."""
    rng = Draws((11, int(pointed)))
    field = np.zeros((TILE, TILE), np.float32)
    for row, column in _jittered(rng, 38):
        radius = rng.uniform(6, 10) if pointed else rng.uniform(7, 13)
        _add_crown(field, row, column, radius, rng.uniform(0.6, 1.0), pointed)
    rough = 0.1 if pointed else 0.16
    return _on_grid(field * (1 + rough * tile(0.8, 60)))


def _jittered(rng: Draws, cells: int) -> Floats:
    """(cells * cells, 2) positions in px, one a cell, in random order."""
    grid = np.stack(np.meshgrid(np.arange(cells), np.arange(cells)), -1).reshape(-1, 2)
    places = (grid + rng.uniform(0, 1, grid.shape)) * (TILE / cells)
    return rng.permutation(places)


def _add_crown(
    field: Floats, row: float, column: float, radius: float, height: float, pointed: bool
) -> None:
    """Raise `field` in place to one cone (conifer) or dome (broadleaf)."""
    reach = np.arange(-int(radius) - 1, int(radius) + 2)
    rows, columns = int(row) + reach, int(column) + reach
    distance = exact_math.hypot((rows - row)[:, None], (columns - column)[None, :]) / radius
    inside = np.clip(1 - distance, 0, 1)
    crown = height * (inside if pointed else np.sqrt(inside))
    place = np.ix_(rows % TILE, columns % TILE)
    field[place] = np.maximum(field[place], crown)
