"""The hole kind `free_form`: strokes of a round brush, as in DeepFill v2 (Yu et al. 2019).

A stroke zigzags: its segments leave the stroke's own direction by turns to the left and right.
"""

from bisect import bisect_right
from itertools import pairwise
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pydantic import Field

from pipeline.holes.drawn_holes import DrawnHoles, Masks
from pipeline.holes.draws import Draws
from pipeline.holes.options import HoleOptions


class FreeFormOptions(HoleOptions):
    """The section `holes.free_form` of params.yaml; lengths are fractions of the photo's side."""

    WHERE: ClassVar[str] = "holes.free_form"

    strokes_min: int = Field(ge=1, le=64, description="fewest strokes in a photo")
    strokes_max: int = Field(ge=1, le=64, description="most strokes in a photo")
    vertices_max: int = Field(
        ge=1, le=64, description="most vertices that a stroke goes through after its start"
    )
    length_max: float = Field(gt=0, le=1, description="longest segment, fraction of the side")
    angle_max: float = Field(
        ge=0, le=180, description="degrees by which segments leave their stroke's direction"
    )
    width_min: float = Field(gt=0, le=0.3, description="thinnest brush, fraction of the side")
    width_max: float = Field(gt=0, le=0.3, description="thickest brush, fraction of the side")
    share_max: float = Field(
        ge=0.15, lt=1, description="of the photo's pixels; strokes end before they cover more"
    )


OPTIONS = FreeFormOptions

WHITE = 255


class Segment(NamedTuple):
    """A straight piece of a stroke, with round ends; px."""

    start: tuple[int, int]  # x, y
    end: tuple[int, int]
    radius: int


def draw(draws: Draws, num: int, image_size: int, options: FreeFormOptions) -> DrawnHoles:
    """Numbers, lengths, angles and widths uniform; the focus is what the hole takes up."""
    most = int(options.share_max * image_size**2)
    photos = _draw_segments(draws, num, image_size, options)
    masks = np.stack([_mask_of(segments, image_size, most) for segments in photos])
    focus = np.array([_extent(mask) for mask in masks])
    return DrawnHoles(masks, np.empty((num, 0, 4), dtype=np.int64), focus)


def _draw_segments(
    draws: Draws, num: int, image_size: int, options: FreeFormOptions
) -> list[list[Segment]]:
    """Those of each photo, stroke by stroke."""
    # As many as there may be are drawn: what one number is changes no other.
    strokes = (num, options.strokes_max)
    segments = (*strokes, options.vertices_max)
    turns = np.radians(options.angle_max) * draws.uniform(segments)
    turns[..., 1::2] *= -1
    angles = 2 * np.pi * draws.uniform(strokes)[..., None] + turns
    lengths = options.length_max * draws.uniform(segments)
    steps = lengths[..., None] * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    starts = draws.uniform((*strokes, 1, 2))
    places = np.concatenate([starts, starts + steps.cumsum(axis=2)], axis=2)
    vertices = (_folded(places) * image_size).astype(np.int64)
    widths = options.width_min + (options.width_max - options.width_min) * draws.uniform(strokes)
    radii = (widths * image_size / 2).astype(np.int64)
    num_strokes = draws.integers(options.strokes_min, options.strokes_max, num)
    num_segments = draws.integers(1, options.vertices_max, strokes)
    return [
        [
            Segment((start[0], start[1]), (end[0], end[1]), int(radii[photo, stroke]))
            for stroke in range(num_strokes[photo])
            for start, end in pairwise(
                vertices[photo, stroke, : num_segments[photo, stroke] + 1].tolist()
            )
        ]
        for photo in range(num)
    ]


def _folded(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Into [0, 1): a stroke that would leave the photo is mirrored back into it."""
    folded: NDArray[np.float64] = 1 - np.abs(places % 2 - 1)
    # 1 itself is a pixel too far.
    return np.minimum(folded, np.nextafter(1, 0))


def _mask_of(segments: list[Segment], image_size: int, most: int) -> Masks:
    """(S, S): the first of `segments`, as many as cover at most `most` px."""

    def num_pixels(number: int) -> int:
        return int(_painted(segments[:number], image_size).sum())

    mask = _painted(segments, image_size)
    if mask.sum() <= most:
        return mask
    number = bisect_right(range(len(segments) + 1), most, key=num_pixels) - 1
    if number:
        return _painted(segments[:number], image_size)
    # A dot, which the limits of the options keep below `most`: there always is a hole.
    first = segments[0]
    return _painted([first._replace(end=first.start)], image_size)


def _painted(segments: list[Segment], image_size: int) -> Masks:
    picture = Image.new("L", (image_size, image_size))
    pen = ImageDraw.Draw(picture)
    for start, end, radius in segments:
        pen.line((*start, *end), fill=WHITE, width=2 * radius + 1)
        for x, y in (start, end):
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=WHITE)
    mask: Masks = np.asarray(picture) == WHITE
    return mask


def _extent(mask: Masks) -> list[int]:
    """[top, left, height, width] of the smallest rectangle around the hole."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    return [top, left, int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left]
