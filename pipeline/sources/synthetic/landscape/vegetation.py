"""Trees and grass as cut-outs: drawn once a process from a fixed seed, then planted at any size.

A sprite has a brightness and an alpha, both 0..1; its colours come when it is planted. The light
falls on it from the upper left; mirror it for a sun on the right.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.sources.synthetic import exact_images, exact_math
from pipeline.sources.synthetic.draws import Draws
from pipeline.sources.synthetic.exact_math import Floats
from pipeline.sources.synthetic.landscape import noise


@dataclass(frozen=True, eq=False)
class Sprite:
    """(height, width) each."""

    tone: Floats
    alpha: Floats


Canvas = npt.NDArray[np.uint8]  # (height, width, 2): tone, alpha

NUM_EACH = 8  # sprites of each kind


@cache
def conifers() -> tuple[Sprite, ...]:
    return tuple(_conifer(Draws((20, i))) for i in range(NUM_EACH))


@cache
def broadleaves() -> tuple[Sprite, ...]:
    return tuple(_broadleaf(Draws((21, i))) for i in range(NUM_EACH))


@cache
def bare_trees() -> tuple[Sprite, ...]:
    return tuple(_bare(Draws((22, i))) for i in range(NUM_EACH))


@cache
def grass_strips() -> tuple[Sprite, ...]:
    return tuple(_grass(Draws((23, i))) for i in range(4))


def _finish(canvas: Canvas) -> Sprite:
    """Half size, smooth edges."""
    half = exact_images.shrink(canvas, canvas.shape[0] // 2, canvas.shape[1] // 2)
    tone, alpha = np.moveaxis(half / np.float32(255), -1, 0)
    # The canvas is black where nothing is: undo its share in the edges' tone.
    return Sprite(np.ascontiguousarray(tone / np.maximum(alpha, 0.05)), np.ascontiguousarray(alpha))


def _stroke(
    canvas: Canvas, start: tuple[float, float], end: tuple[float, float], tone: float, width: int
) -> None:
    points = [(round(x), round(y)) for x, y in (start, end)]
    cv2.line(canvas, points[0], points[1], (min(max(tone, 4.0), 255.0), 255), max(width, 1))


def _conifer(rng: Draws) -> Sprite:
    height, width = 512, 288
    canvas = np.zeros((height, width, 2), np.uint8)
    middle, spread = width / 2, rng.uniform(95, 140)
    _stroke(canvas, (middle, 14), (middle, height - 1), 50, 6)
    for share in np.sort(rng.uniform(0.02, 0.93, 420)):
        side = rng.choice([-1, 1])
        reach = float(exact_math.power(share, rng.uniform(0.75, 1.0)))
        length = spread * reach * rng.uniform(0.35, 1.0) + 4
        y = 10 + share * (height - 20)
        tip = (middle + side * length, y + length * rng.uniform(0.1, 0.5))
        tone = rng.normal(120 - 42 * side, 40) + 35 * (length / spread)
        _stroke(canvas, (middle + side * length * 0.15, y), tip, tone, int(rng.integers(3, 9)))
    return _finish(canvas)


def _bare(rng: Draws) -> Sprite:
    canvas = np.zeros((640, 640, 2), np.uint8)
    _branch(rng, canvas, (320.0, 640.0), 130.0, -np.pi / 2, 17.0)
    return _finish(canvas)


def _branch(
    rng: Draws,
    canvas: Canvas,
    start: tuple[float, float],
    length: float,
    angle: float,
    width: float,
) -> list[tuple[float, float]]:
    """Draw a branch and all that grow from it; the tips' places."""
    across, down = float(exact_math.cos(angle)), float(exact_math.sin(angle))
    end = (start[0] + length * across, start[1] + length * down)
    _stroke(canvas, start, end, rng.normal(90, 20), round(width))
    if width < 1.6:
        return [end]
    tips = []
    for turn in rng.normal(np.array([-0.45, 0.02, 0.45]), 0.2)[: int(rng.integers(2, 4))]:
        shorter = length * rng.uniform(0.66, 0.86)
        tips += _branch(rng, canvas, end, shorter, angle + turn, width * rng.uniform(0.55, 0.7))
    return tips


def _broadleaf(rng: Draws) -> Sprite:
    canvas = np.zeros((640, 640, 2), np.uint8)
    tips = np.array(_branch(rng, canvas, (320.0, 640.0), 105.0, -np.pi / 2, 19.0))
    number = 6500
    places = tips[rng.integers(0, len(tips), number)] + rng.normal(0, 36, (number, 2))
    low, high = places.min(0), places.max(0)
    across, down = ((places - low) / (high - low)).T
    # Lumps of leaves: light from the upper left, shade below and within.
    lump = noise.tile(2.0, 5)[places[:, 1].astype(int) % 512, places[:, 0].astype(int) % 512]
    tones = rng.normal(150 - 60 * across - 70 * down + 26 * lump, 22)
    order = np.argsort(tones + rng.normal(0, 30, number), kind="stable")
    leaves = zip(
        places[order].astype(np.int64).tolist(),
        rng.integers(3, 9, number).tolist(),
        rng.integers(2, 6, number).tolist(),
        rng.uniform(0, 180, number).tolist(),
        np.clip(tones[order], 5, 255).tolist(),
        strict=True,
    )
    for centre, long, short, turn, tone in leaves:
        cv2.ellipse(canvas, centre, (long, short), turn, 0, 360, (tone, 255.0), -1)
    return _finish(canvas)


def _grass(rng: Draws) -> Sprite:
    """A strip of blades, seamless from side to side, 512 x 96 px when done."""
    height, width = 192, 1024
    canvas = np.zeros((height, width, 2), np.uint8)
    number = 3600
    # Gamma variates of shape 2 and mean 53 px.
    lengths = -26.4 * exact_math.log((1 - rng.random(number)) * (1 - rng.random(number)))
    blades = zip(
        # From far to near, so that no straight edge forms along the feet.
        (np.sort(rng.uniform(0.35, 1.0, number)) * height).tolist(),
        rng.uniform(0, width, number).tolist(),
        lengths.tolist(),
        rng.normal(0, 0.35, number).tolist(),
        rng.normal(80 + lengths * 0.6, 38).tolist(),
        rng.integers(1, 3, number).tolist(),
        strict=True,
    )
    for base, x, length, lean, tone, thick in blades:
        for offset in (-width, 0, width):
            tip = (x + offset + lean * length, base - length)
            _stroke(canvas, (x + offset, base), tip, tone, thick)
    strip = _finish(canvas)
    # The foot fades into the ground.
    rows = np.linspace(0, 1, height // 2, dtype=np.float32)[:, None]
    return Sprite(strip.tone, strip.alpha * noise.step(1.0, 0.6, rows))


def plant(
    image: Floats,
    sprite: Sprite,
    foot: tuple[float, float],
    height: float,
    dark: Floats,
    bright: Floats,
    mirror: bool = False,
) -> None:
    """Draw `sprite` into `image` in place: `foot` = (row, column) of its base's middle, px."""
    width = max(round(height * sprite.tone.shape[1] / sprite.tone.shape[0]), 1)
    size = (width, max(round(height), 1))
    top, left = round(foot[0]) - size[1], round(foot[1]) - width // 2
    rows = slice(max(top, 0), min(top + size[1], image.shape[0]))
    columns = slice(max(left, 0), min(left + width, image.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    cut = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    tone, alpha = (_fitted(part, size, mirror)[cut] for part in (sprite.tone, sprite.alpha))
    colours = dark + (bright - dark) * tone[..., None]
    image[rows, columns] += (colours - image[rows, columns]) * alpha[..., None]


def plant_row(
    image: Floats, sprite: Sprite, foot: int, height: int, shift: int, dark: Floats, bright: Floats
) -> None:
    """Repeat a seamless `sprite` from side to side, its base at row `foot`, in place."""
    width = round(height * sprite.tone.shape[1] / sprite.tone.shape[0])
    top, bottom = max(foot - height, 0), min(foot, image.shape[0])
    if top >= bottom:
        return
    rows = slice(top - foot + height, bottom - foot + height)
    columns = (np.arange(image.shape[1]) + shift) % width
    tone, alpha = (
        _fitted(part, (width, height), False)[rows][:, columns, None]
        for part in (sprite.tone, sprite.alpha)
    )
    image[top:bottom] += (dark + (bright - dark) * tone - image[top:bottom]) * alpha


def _fitted(part: Floats, size: tuple[int, int], mirror: bool) -> Floats:
    source = part[:, ::-1] if mirror else part
    return exact_images.shrink(source, size[1], size[0])
