"""Scores of one test photo's completions: what the workers of the evaluation do; no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.completion.blends import blended
from pipeline.inpainting import baselines
from pipeline.inpainting.quantization import quantize
from pipeline.metrics.image_metrics import completion_metrics, context_psnr
from pipeline.params.evaluate import EvaluateParams
from pipeline.shards.rectangle import Rectangle

# How many px wide the windows are in which a photo's contrast is taken.
CONTRAST_WINDOW = 5


@dataclass(frozen=True)
class Task:
    """A test photo with all that its scores depend on."""

    key: str
    category: str
    image: np.ndarray  # HWC uint8
    mask: np.ndarray  # HW bool, True = complete
    box: Rectangle
    outputs: Mapping[str, np.ndarray]  # generator -> its raw output, HWC uint8
    other: np.ndarray | None  # the image that `other_photo` is filled from


@dataclass(frozen=True)
class Scored:
    """What was made of a task."""

    facts: dict[str, str | int | bool | float]  # of the photo and its hole
    scores: dict[str, dict[str, float]]  # method -> metric -> value
    boxes: dict[str, np.ndarray]  # method, and `original`, -> the box of its image, HWC uint8


def score(tasks: Sequence[Task], params: EvaluateParams) -> list[Scored]:
    """In the tasks' order."""
    return [_score_one(task, params) for task in tasks]


def one_thread() -> None:
    """Each worker is one: OpenCV would start more in every one of them."""
    cv2.setNumThreads(1)


def _score_one(task: Task, params: EvaluateParams) -> Scored:
    pictures = completed(task, params)
    found = completion_metrics(list(pictures.values()), task.image, task.mask, task.box)
    scores = dict(zip(pictures, found, strict=True))
    for method, metrics in scores.items():
        output = task.outputs.get(method)
        metrics["context_psnr"] = (
            float("nan") if output is None else context_psnr(output, task.image, task.mask)
        )
    shown = pictures | {"original": task.image}
    boxes = {
        name: picture[task.box.rows, task.box.columns].copy() for name, picture in shown.items()
    }
    return Scored(facts_of(task), scores, boxes)


def completed(task: Task, params: EvaluateParams) -> dict[str, np.ndarray]:
    """The image of each method, HWC uint8: the baselines, then the generators."""
    pictures = {
        name: baselines.complete(name, task.image, task.mask, task.other)
        for name in params.baselines
        if name != "other_photo" or task.other is not None
    }
    generated = {name: _finished(output, task, params) for name, output in task.outputs.items()}
    return pictures | generated


def _finished(output: np.ndarray, task: Task, params: EvaluateParams) -> np.ndarray:
    """The raw output as the image that is measured; its context is the photo's own."""
    painted = quantize(output, params.colors) if params.colors else output
    picture: np.ndarray = np.where(task.mask[..., None], painted, task.image)
    return blended(picture, task.mask, params.blend)


def facts_of(task: Task) -> dict[str, str | int | bool | float]:
    """Category, size and place of the hole, texture of the truth in it.

    Height and width (px) are those of the rectangle around all of the hole, area its own pixels;
    texture in grey levels.
    """
    rows, columns = (np.flatnonzero(task.mask.any(axis=axis)) for axis in (1, 0))
    height, width = task.mask.shape
    return {
        "key": task.key,
        "category": task.category,
        "hole_height": int(rows[-1] - rows[0] + 1),
        "hole_width": int(columns[-1] - columns[0] + 1),
        "hole_area": int(task.mask.sum()),
        "touches_border": bool(
            rows[0] == 0 or columns[0] == 0 or rows[-1] == height - 1 or columns[-1] == width - 1
        ),
        "texture": local_contrast(task.image, task.mask),
    }


def local_contrast(image: np.ndarray, mask: np.ndarray) -> float:
    """Mean over the hole of the standard deviation of brightness in a small window; grey levels."""
    grey = image.mean(axis=2)
    size = (CONTRAST_WINDOW, CONTRAST_WINDOW)
    means = [cv2.blur(values, size, borderType=cv2.BORDER_REFLECT) for values in (grey, grey**2)]
    variance = np.maximum(means[1] - means[0] ** 2, 0)
    return float(np.sqrt(variance[mask]).mean())
