"""Heightfields seen by a camera: which point of the ground each pixel shows, and how it is lit.

Every column marches away from the eye; a running minimum of the projected row hides what lies
behind a crest, and each pixel then reads its own point of the ground at full resolution.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.sources.synthetic import exact_images, exact_math
from pipeline.sources.synthetic.exact_math import Floats
from pipeline.sources.synthetic.landscape import noise
from pipeline.sources.synthetic.landscape.light import Camera, Light


@dataclass(frozen=True)
class Band:
    """A seamless tile of bumps laid over the relief."""

    bumps: noise.Bumps
    period: float  # m
    height: float  # m
    reach: float = np.inf  # m, fades out beyond
    shift: float = 0.0  # px of the tile, along both sides


@dataclass(frozen=True)
class Relief:
    """The large shapes: a square grid over x in +-extent / 2 and z in 0..extent."""

    heights: Floats  # (n, n) m; row 0 = at the camera
    extent: float  # m
    bands: tuple[Band, ...] = ()
    wood: Floats | None = None  # (n, n) share of trees 0..1
    crowns: Band | None = None
    water: bool = False
    clear: float = 0.18  # share of the extent before the camera that rises slowly


@dataclass(frozen=True)
class Ground:
    """What each pixel from row `top` down shows; arrays are (size - top, size)."""

    top: int
    hit: npt.NDArray[np.bool_]  # False = sky
    x: Floats  # m, right
    z: Floats  # m, ahead
    height: Floats  # m; under water: of the bottom
    slope_x: Floats
    slope_z: Floats
    shadow: Floats  # 0 = in the shade of a hill, 1 = in the sun
    wood: Floats  # 0..1
    crown: Floats  # 0..1 height within the trees, 1 = top
    water: Floats  # 0..1


def trace(camera: Camera, relief: Relief, light: Light, steps: int = 300) -> Ground:
    """March all columns and find the ground's point in each pixel."""
    far = relief.extent * 0.98
    relief = _cleared(camera, relief)
    # The bottom row's distance, were the ground to rise to three quarters of the eye's height.
    near = 0.25 * camera.eye * camera.focal / (camera.size - camera.horizon)
    z = _depths(camera, near, far, steps)
    columns = camera.columns() / np.float32(camera.focal)
    maps = _maps(relief, light)
    heights = _height(relief, maps, z * columns, z + 0 * columns)
    depth, hit, top = _first_hits(camera, heights, z)
    return _surface(camera, relief, maps, depth, hit, top)


def _cleared(camera: Camera, relief: Relief) -> Relief:
    """`relief` without hills right before the camera."""
    share = np.linspace(0, 1, relief.heights.shape[0], dtype=np.float32)[:, None]
    roof = 0.4 * camera.eye + 0.03 * relief.extent * share
    roof = roof + 3 * relief.extent * np.square(noise.step(0.1 * relief.clear, relief.clear, share))
    heights = np.minimum(relief.heights, roof).astype(np.float32)
    # Seen from close by, the grid's cells would show.
    smooth = exact_images.blur(heights, 3.5)
    far = noise.step(0.0, 0.8 * relief.clear, share)
    return replace(relief, heights=smooth + (heights - smooth) * far)


def _depths(camera: Camera, near: float, far: float, steps: int) -> Floats:
    """(steps, 1) distances: even in rows close by, even in ratio far away."""
    ratio = np.linspace(0, 1, steps)
    geometric = near * exact_math.exp(ratio * float(exact_math.log(far / near)))
    even = 1 / (1 / near + (1 / far - 1 / near) * ratio)
    merged = np.sort(np.concatenate([geometric[::2], even[1::2]]))
    return merged.astype(np.float32)[:, None]


def _maps(relief: Relief, light: Light) -> Floats:
    """(n, n, 4): height, slope to the right, slope ahead, sun or shade, each on a grid for
    `_grid`."""
    heights = relief.heights
    cell = np.float32(relief.extent / heights.shape[0])
    ahead, right = np.gradient(heights, cell)
    maps = (heights, right, ahead, _cast(heights, cell, light))
    on_grid = (exact_math.on_grid(np.asarray(part), exact_images.DOUBLE_BITS) for part in maps)
    return np.dstack(list(on_grid))


def _cast(heights: Floats, cell: np.float32, light: Light) -> Floats:
    """(n, n) soft 0..1: turned so that the sun shines along the rows, a running maximum of the
    light's lower edge says what is shaded."""
    side = heights.shape[0]
    right, _, ahead = light.direction()
    turned = _turned(heights, right, ahead, cv2.BORDER_REFLECT)
    elevation = max(light.elevation, 0.12)
    fall = np.float32(exact_math.sin(elevation) / exact_math.cos(elevation)) * cell
    # The sun is at the right: a ray falls by `fall` a column on its way to the left.
    edge = turned + fall * np.arange(side, dtype=np.float32)
    cover = np.maximum.accumulate(edge[:, ::-1], axis=1)[:, ::-1] - edge
    shade = np.clip(cover / (fall * 2 + 1e-3), 0, 1).astype(np.float32)
    back = _turned(shade, right, -ahead, cv2.BORDER_CONSTANT)
    return np.asarray(1 - exact_images.blur(back, 0.8), np.float32)


def _turned(grid: Floats, right: float, ahead: float, border: int) -> Floats:
    """(n, n) turned about its middle so that the direction (`right`, `ahead`) points right."""
    length = float(np.sqrt(right * right + ahead * ahead))
    cosine, sine = np.float32(right / length), np.float32(ahead / length)
    middle = np.float32(grid.shape[0] / 2)
    place = np.arange(grid.shape[0], dtype=np.float32) - middle
    down, across = place[:, None], place[None, :]
    columns = middle + cosine * across - sine * down
    rows = middle + sine * across + cosine * down
    return exact_images.remap(
        exact_math.on_grid(grid, exact_images.DOUBLE_BITS), columns, rows, border
    )


def _grid(relief: Relief, grid: Floats, x: Floats, z: Floats) -> Floats:
    """`grid` of the relief, see `exact_images.remap`, at x and z in m."""
    cells = np.float32(grid.shape[0] / relief.extent)
    return exact_images.remap(
        grid,
        (x + np.float32(relief.extent / 2)) * cells,
        np.broadcast_to(z * cells, x.shape),
        cv2.BORDER_REFLECT,
    )


def _bumps(band: Band, x: Floats, z: Floats, sloped: bool = False) -> Floats:
    """Height of `band` in m at x and z in m; (..., 3) with the slopes right and ahead if asked."""
    tile = band.bumps.slopes if sloped else band.bumps.heights
    found = noise.spread(tile, x, z, noise.TILE / band.period, band.shift)
    # Bumps as large as the foreground would only put the camera underground.
    fading = np.float32(band.height) * (1 - exact_math.exp(z * np.float32(-4 / band.period)))
    if np.isfinite(band.reach):
        fading = fading * exact_math.exp(-z / np.float32(band.reach))
    return np.asarray(found * (fading[..., None] if sloped else fading), np.float32)


def _height(relief: Relief, maps: Floats, x: Floats, z: Floats) -> Floats:
    """Height of everything solid; water is flat at 0."""
    height = _grid(relief, np.ascontiguousarray(maps[..., 0]), x, z)
    land = noise.step(-0.5, 1.5, height) if relief.water else np.float32(1)
    for band in relief.bands:
        height += land * _bumps(band, x, z)
    if relief.crowns is not None and relief.wood is not None:
        height += _wooded(relief, x, z) * _bumps(relief.crowns, x, z)
    return np.maximum(height, 0) if relief.water else height


def _wooded(relief: Relief, x: Floats, z: Floats) -> Floats:
    assert relief.wood is not None
    return noise.step(
        0.35, 0.6, _grid(relief, exact_math.on_grid(relief.wood, exact_images.DOUBLE_BITS), x, z)
    )


def _first_hits(
    camera: Camera, heights: Floats, z: Floats
) -> tuple[Floats, npt.NDArray[np.bool_], int]:
    """Depth (m) and whether there is ground, for the rows from the highest crest down."""
    size, steps = camera.size, len(z)
    rows = np.float32(camera.horizon) + (np.float32(camera.eye) - heights) * camera.focal / z
    crest = np.minimum.accumulate(rows, axis=0)
    top = int(np.clip(np.floor(crest[-1].min()), 0, size - 1))
    # A pixel's first hit = the number of steps whose crest is still below it.
    first_row = np.clip(np.ceil(crest), top, size).astype(np.int32) - top
    height = size - top
    index = first_row * size + np.arange(size, dtype=np.int32)
    counts = np.bincount(index.ravel(), minlength=(height + 1) * size).reshape(height + 1, size)
    below = counts[::-1].cumsum(axis=0)[::-1][1:]  # steps with first_row > this row
    hit = below < steps
    after = np.minimum(below, steps - 1)
    before = np.maximum(after - 1, 0)
    column = np.arange(size)[None, :]
    row = np.arange(top, size, dtype=np.float32)[:, None]
    low, high = rows[before, column], rows[after, column]
    share = np.clip((low - row) / np.maximum(low - high, 1e-3), 0, 1)
    line = z[:, 0]
    depth = line[before] + (line[after] - line[before]) * share
    return depth.astype(np.float32), hit, top


def _surface(
    camera: Camera,
    relief: Relief,
    maps: Floats,
    z: Floats,
    hit: npt.NDArray[np.bool_],
    top: int,
) -> Ground:
    """Heights, slopes and cover in each pixel."""
    x = z * (camera.columns() / np.float32(camera.focal))
    height, right, ahead, shadow = np.moveaxis(_grid(relief, maps, x, z), -1, 0)
    for band in relief.bands:
        found = _bumps(band, x, z, sloped=True)
        height = height + found[..., 0]
        # The tile lies turned by 45 degrees, see `noise.spread`.
        scale = np.float32(noise.TILE / band.period * noise.HALF_ROOT)
        right = right + scale * (found[..., 1] - found[..., 2])
        ahead = ahead + scale * (found[..., 1] + found[..., 2])
    wood = crown = np.zeros_like(z)
    if relief.crowns is not None and relief.wood is not None:
        wood = _wooded(relief, x, z)
        crown = _bumps(relief.crowns, x, z) / np.float32(relief.crowns.height)
    water = noise.step(0.02, -0.02, height) if relief.water else np.zeros_like(z)
    return Ground(top, hit, x, z, height, right, ahead, shadow, wood, crown, water)


def shade(ground: Ground, albedo: Floats, light: Light, air: Floats) -> Floats:
    """(rows, size, 3): `albedo` lit by sun and sky, then lost in the colour of the `air`."""
    right, up, ahead = light.direction()
    length = np.sqrt(1 + np.square(ground.slope_x) + np.square(ground.slope_z))
    facing = (up - ground.slope_x * right - ground.slope_z * ahead) / length
    # Light wraps a little around bumps too small to be modelled.
    sun = np.clip((facing + 0.18) / 1.18, 0, 1) * (0.12 + 0.88 * ground.shadow)
    open_sky = 0.45 + 0.55 / length
    lit = sun[..., None] * light.sun * 1.6 + open_sky[..., None] * light.sky * 1.35
    lost = (1 - exact_math.exp(-ground.z / np.float32(light.haze)))[..., None]
    colours = albedo * lit
    return np.asarray(colours + (air - colours) * lost, np.float32)
