"""Real people, cut out of the two images that the ultralytics wheel ships, to plant in scenes.

They are cut at run time: the images are not part of this project. Painted people would not do,
as no person detector sees them.
"""

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from pipeline.sources.synthetic import exact_images, exact_math
from pipeline.sources.synthetic.draws import Draws
from pipeline.sources.synthetic.exact_math import Floats

Image = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]  # top, left, height, width in px, half-open

_REMEDY = "set sources.synthetic.people_share to 0 in params.yaml, or reinstall ultralytics"


# A bust ends at the image's lower edge; who enters is cut off by its right edge (mirrored: left).
Pose = Literal["standing", "bust", "entering"]


@dataclass(frozen=True)
class _Outline:
    """A person in an image: corners (column, row) in px of the image."""

    picture: str
    size: tuple[int, int]  # width, height of the image the corners belong to
    corners: tuple[tuple[int, int], ...]
    pose: Pose


@dataclass(frozen=True, eq=False)
class Cutout:
    """A person alone."""

    colours: Floats  # (height, width, 3) 0..255
    alpha: Floats  # (height, width) 0..1
    pose: Pose
    mirrored: bool = False


# fmt: off
_OUTLINES = (
    _Outline("bus.jpg", (810, 1080), (
        (127, 400), (105, 412), (102, 431), (103, 446), (98, 455), (99, 466), (75, 483), (65, 501),
        (62, 535), (60, 553), (65, 576), (61, 613), (59, 657), (58, 696), (73, 699), (73, 724),
        (75, 754), (72, 791), (61, 809), (58, 848), (55, 869), (53, 884), (77, 895), (103, 899),
        (107, 889), (88, 861), (85, 848), (88, 817), (99, 772), (110, 743), (116, 717), (122, 706),
        (131, 709), (140, 739), (155, 772), (162, 809), (175, 850), (177, 873), (177, 897),
        (200, 898), (243, 884), (242, 876), (218, 869), (203, 854), (201, 835), (196, 802),
        (187, 761), (181, 724), (177, 698), (177, 685), (193, 689), (192, 657), (185, 620),
        (179, 603), (198, 587), (201, 564), (198, 550), (185, 527), (183, 509), (174, 494),
        (151, 470), (155, 446), (158, 431), (158, 409), (144, 402),
    ), "standing"),
    _Outline("bus.jpg", (810, 1080), (
        (266, 416), (278, 407), (296, 409), (304, 422), (309, 444), (304, 457), (302, 474),
        (317, 485), (333, 492), (337, 524), (341, 546), (335, 566), (322, 572), (326, 605),
        (333, 650), (338, 687), (339, 717), (333, 731), (307, 757), (283, 780), (289, 795),
        (299, 815), (294, 820), (283, 813), (283, 822), (287, 839), (294, 850), (291, 857),
        (263, 856), (256, 845), (260, 821), (253, 802), (248, 761), (243, 724), (242, 702),
        (226, 699), (229, 657), (240, 609), (236, 576), (237, 531), (240, 515), (255, 490),
        (274, 475), (268, 453), (265, 438),
    ), "standing"),
    _Outline("bus.jpg", (810, 1080), (
        (800, 403), (790, 420), (789, 440), (794, 458), (798, 465), (793, 477), (778, 498),
        (773, 520), (774, 540), (768, 552), (743, 543), (730, 543), (722, 553), (728, 565),
        (747, 590), (763, 598), (758, 620), (757, 643), (749, 673), (750, 684), (760, 685),
        (758, 703), (745, 730), (743, 753), (727, 793), (715, 827), (700, 833), (675, 823),
        (670, 828), (675, 843), (707, 863), (732, 879), (741, 877), (740, 850), (745, 837),
        (757, 810), (768, 780), (783, 747), (797, 723), (809, 705), (809, 396),
    ), "entering"),
    _Outline("zidane.jpg", (1280, 720), (
        (116, 719), (147, 676), (175, 636), (179, 534), (202, 439), (250, 361), (277, 328),
        (407, 321), (478, 302), (486, 262), (509, 227), (549, 203), (604, 210), (647, 239),
        (663, 274), (663, 321), (661, 353), (647, 376), (667, 384), (671, 404), (746, 433),
        (793, 439), (923, 441), (954, 433), (1002, 420), (1045, 408), (1147, 406), (1151, 417),
        (1084, 428), (1088, 447), (1076, 483), (1021, 477), (966, 502), (927, 512), (872, 528),
        (746, 524), (671, 506), (663, 581), (651, 660), (635, 719),
    ), "bust"),
    _Outline("zidane.jpg", (1280, 720), (
        (769, 719), (769, 676), (754, 581), (755, 526), (754, 400), (769, 345), (813, 294),
        (887, 247), (907, 227), (895, 180), (894, 132), (915, 85), (962, 47), (1013, 46),
        (1057, 77), (1071, 117), (1065, 156), (1045, 219), (1029, 266), (1025, 298), (1057, 329),
        (1076, 376), (1088, 447), (1096, 534), (1135, 699), (1108, 719),
    ), "bust"),
)
# fmt: on


def _assets() -> Path:
    """The folder of ultralytics' images; importing the package itself takes seconds."""
    found = importlib.util.find_spec("ultralytics")
    if found is None or not found.submodule_search_locations:
        raise ValueError(f"people need the package ultralytics, which is not installed: {_REMEDY}")
    return Path(found.submodule_search_locations[0]) / "assets"


def _read(name: str, size: tuple[int, int]) -> Image:
    path = _assets() / name
    if not path.is_file():
        raise ValueError(f"people need the image {path}, which is missing: {_REMEDY}")
    picture = PillowImage.open(path).convert("RGB")
    if picture.size != size:
        raise ValueError(f"{path} is {picture.size} px but must be {size}: {_REMEDY}")
    return np.asarray(picture)


@lru_cache(maxsize=1)
def cutouts() -> tuple[Cutout, ...]:
    """All people, the same order always; a ValueError where the images are missing."""
    return tuple(_cut(outline) for outline in _OUTLINES)


def _cut(outline: _Outline) -> Cutout:
    picture = _read(outline.picture, outline.size)
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.array(outline.corners, np.int32)], 255, cv2.LINE_AA)
    # One px inwards, so that the old background's fringe stays behind.
    mask = np.asarray(cv2.erode(mask, np.ones((3, 3), np.uint8)), np.uint8)
    alpha = exact_images.blur(mask.astype(np.float32), 1.5) / 255
    # No soft edge where the image itself cuts the person off.
    if outline.pose == "bust":
        alpha[-4:] = alpha[-5]
    if outline.pose == "entering":
        alpha[:, -4:] = alpha[:, -5:-4]
    left, top, width, height = cv2.boundingRect((alpha > 0.02).astype(np.uint8))
    place = (slice(top, top + height), slice(left, left + width))
    return Cutout(picture[place].astype(np.float32), alpha[place], outline.pose)


def plant(
    image: Image, rng: Draws, horizon: float, heights: tuple[float, float]
) -> tuple[Image, list[Box]]:
    """`image` with one to three people on its ground, and their boxes.

    horizon: share of the height above the ground; heights: least and greatest, as such shares.
    """
    number = int(rng.choice([1, 2, 3], [0.55, 0.3, 0.15]))
    chosen = sorted(rng.uniform(*heights, number).tolist())
    canvas = image.astype(np.float32)
    boxes: list[Box] = []
    for height in chosen:  # the smallest stand farthest away
        person = _sized(rng, height * image.shape[0], image.shape[1])
        foot = _foot(rng, person, image.shape[0], horizon)
        box = _free_place(rng, person, foot, image.shape[1], boxes)
        if box is None:
            continue
        _draw(canvas, person, box)
        boxes.append(box)
    return np.clip(canvas + 0.5, 0, 255).astype(np.uint8), boxes


def _sized(rng: Draws, height: float, room: int) -> Cutout:
    """A random person, mirrored or not, `height` px high and not wider than the image."""
    chosen = cutouts()[int(rng.integers(len(_OUTLINES)))]
    scale = min(height / chosen.alpha.shape[0], 0.95 * room / chosen.alpha.shape[1])
    rows, columns = (max(round(side * scale), 2) for side in chosen.alpha.shape)
    step = int(rng.choice([-1, 1]))
    alpha = np.ascontiguousarray(chosen.alpha[:, ::step])
    # Colours weighted by alpha, so that none of the old background comes in.
    weighted = np.ascontiguousarray(chosen.colours[:, ::step]) * alpha[..., None]
    small = exact_images.shrink(alpha, rows, columns)
    colours = exact_images.shrink(weighted, rows, columns)
    return Cutout(colours / np.maximum(small, 0.01)[..., None], small, chosen.pose, step < 0)


def _foot(rng: Draws, person: Cutout, height: int, horizon: float) -> int:
    """The row under the person: on the ground, head in the image; a half figure ends with it."""
    if person.pose == "bust":
        return height
    lowest = int(0.985 * height)
    ground = min(horizon + 0.06, 0.93) * height
    first = min(max(ground, person.alpha.shape[0] + 2), lowest)
    # Taller people are nearer, and stand lower in the image.
    near = min(max(person.alpha.shape[0] / height * 1.1 + rng.uniform(-0.1, 0.35), 0), 1)
    return round(float(first + (lowest - first) * near))


def _free_place(rng: Draws, person: Cutout, foot: int, width: int, taken: list[Box]) -> Box | None:
    """A box for the person that hides nobody; None after 20 vain attempts."""
    rows, columns = person.alpha.shape
    for _ in range(20):
        left = int(rng.integers(0, width - columns + 1))
        if person.pose == "entering":
            left = 0 if person.mirrored else width - columns
        box = (foot - rows, left, rows, columns)
        if all(_covered(box, other) < 0.15 for other in taken):
            return box
    return None


def _covered(box: Box, other: Box) -> float:
    """Share of `other` that lies under `box`."""
    rows = min(box[0] + box[2], other[0] + other[2]) - max(box[0], other[0])
    columns = min(box[1] + box[3], other[1] + other[3]) - max(box[1], other[1])
    return max(rows, 0) * max(columns, 0) / (other[2] * other[3])


def _draw(canvas: Floats, person: Cutout, box: Box) -> None:
    """Paint the person into `canvas` in place, as bright as the scene, with a shadow."""
    top, left, height, width = box
    ground = canvas[top + height // 2 : top + height, left : left + width]
    scene = exact_math.mean(ground.reshape(-1, 3), 0)
    grey = float(exact_math.mean(scene))
    brightness = np.clip(0.72 + 0.28 * grey / 105, 0.7, 1.15)
    tint = 1 + 0.18 * (scene / max(grey, 1.0) - 1)
    if person.pose != "bust":
        _cast_shadow(canvas, box)
    colours = np.clip(person.colours * brightness * tint, 0, 255)
    cut = canvas[top : top + height, left : left + width]
    cut += (colours - cut) * person.alpha[..., None]


def _cast_shadow(canvas: Floats, box: Box) -> None:
    """A soft dark patch under the feet."""
    top, left, height, width = box
    foot, middle = top + height - 0.015 * height, left + width / 2
    start = max(int(foot - 0.08 * height), 0)
    rows = np.arange(start, min(int(foot + 0.08 * height) + 1, canvas.shape[0]), dtype=np.float32)
    columns = np.arange(canvas.shape[1], dtype=np.float32)
    away = np.square((columns[None, :] - middle) / (0.45 * width))
    away = away + np.square((rows[:, None] - foot) / (0.022 * height))
    canvas[start : start + rows.size] *= (1 - 0.45 * exact_math.exp(-away))[..., None]
