"""Water: a mirror of what stands above it, broken by waves, over the water's own colour."""

import cv2
import numpy as np

from pipeline.sources.synthetic import exact_images, exact_math
from pipeline.sources.synthetic.draws import Draws
from pipeline.sources.synthetic.exact_math import Floats
from pipeline.sources.synthetic.landscape import noise
from pipeline.sources.synthetic.landscape.light import Camera, Light


def surface(
    rng: Draws,
    camera: Camera,
    light: Light,
    above: Floats,
    top: int,
    deep: Floats,
    rough: float,
) -> Floats:
    """(rows, size, 3) water for the rows from `top` down.

    above: (size, size, 3) the finished image above the water; top: the water's highest row, or
    the horizon's; rough: 0 = a mirror, 1 = open sea.
    """
    rows = np.arange(top, camera.size, dtype=np.float32)[:, None]
    below = np.maximum(rows - np.float32(camera.horizon), 0.6)
    z = camera.eye * camera.focal / below  # m
    x = z * camera.columns() / np.float32(camera.focal)
    waves = _waves(rng, x, z, rough)
    source = _mirror(above, top, rows, waves, below, rough)
    # Seen flat, water mirrors; seen steeply, it shows its own colour.
    grazing = exact_math.exp(-below / np.float32(camera.focal) * (2.0 + 2.5 * rough))
    share = np.clip(0.12 + 0.80 * grazing - 0.16 * rough * waves, 0.04, 0.95)[..., None]
    body = deep * (0.25 * light.sun + 0.9 * light.sky) * (1 + 0.25 * rough * waves)[..., None]
    return np.asarray(body + (source - body) * share, np.float32)


def _waves(rng: Draws, x: Floats, z: Floats, rough: float) -> Floats:
    """(rows, size) slopes of the surface, about -2..2, calmer where they cannot be told apart."""
    tile = noise.wave_tile(int(rng.integers(0, 3)))
    shift = rng.uniform(0, 512, 4).tolist()
    metre = rng.uniform(9, 16)  # px of the tile
    turn = np.float32(rng.uniform(-0.35, 0.35))
    z = z + turn * x
    small = noise.sample(tile, x * metre + shift[0], z * metre + shift[1])
    large = noise.sample(tile, x * metre / 7 + shift[2], z * metre / 7 + shift[3])
    fine = exact_math.exp(-z / np.float32(120)) * small + (0.25 + 1.2 * rough) * large
    gusts = noise.sample(noise.tile(2.0, 9), x * 0.9 + shift[2], z * 0.35 + shift[0])
    return np.asarray(fine * (0.75 + 0.25 * gusts), np.float32)


def _mirror(
    above: Floats, top: int, rows: Floats, waves: Floats, below: Floats, rough: float
) -> Floats:
    """`above` turned upside down at row `top`, shaken up and down by the waves."""
    size = above.shape[0]
    reach = np.float32(0.6 + 9 * rough) * (0.3 + below / np.float32(size * 0.35))
    # More water than image above it: squeeze the image.
    squeeze = np.float32(min(1.0, 0.94 * top / (size - top)))
    source = top - 1 - (rows - top) * squeeze + waves * reach - np.float32(18 * rough)
    source = np.where(source > top - 1, 2 * (top - 1) - source, source)
    source = np.clip(source, 0, max(top - 1, 0))
    columns = np.arange(size, dtype=np.float32)[None, :] + waves * reach * np.float32(0.35)
    columns = np.clip(columns, 0, size - 1).astype(np.float32)
    exact = exact_math.on_grid(above, exact_images.DOUBLE_BITS)
    return exact_images.remap(exact, columns, source.astype(np.float32), cv2.BORDER_REPLICATE)
