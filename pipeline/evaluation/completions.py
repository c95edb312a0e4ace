"""Generators' completions of the test photos beside other fills of the same holes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from models.components.pixels import to_tensor, to_uint8
from models.recipe import seeded
from pipeline.evaluation import image_scores
from pipeline.evaluation.image_scores import Scored, Task, completed, one_thread, score
from pipeline.params.evaluate import EvaluateParams
from pipeline.photos.keys import shuffled
from pipeline.runtime.progress import progress, say
from pipeline.runtime.workers import Workers, in_order
from pipeline.shards.reader import Sample

PHOTOS_AT_ONCE = 64  # that a generator completes
PHOTOS_A_CALL = 8  # that a worker scores: some tenth of a second

# The completed image of each method, by the method's name; `original` is the photo.
Pictures = dict[str, np.ndarray]


@dataclass(frozen=True)
class Completions:
    """What was measured, and what it takes to see it again."""

    table: pd.DataFrame  # a row for each photo and method, in the samples' order
    boxes: dict[str, np.ndarray]  # method, and `original`, -> (N, B, B, 3) uint8
    tasks: dict[str, Task]  # by key
    params: EvaluateParams

    def pictures(self, key: str) -> Pictures:
        """The photo's completed images, made again: all of them would fill the memory."""
        task = self.tasks[key]
        white = np.uint8(255)
        masked = np.where(task.mask[..., None], white, task.image)
        return {"masked": masked, **completed(task, self.params), "original": task.image}

    def shown(self) -> list[str]:
        """The keys of the grid: the same photos of mixed categories each time."""
        return shuffled(self.tasks, seed=0)[: self.params.num_grid]


def score_completions(
    samples: list[Sample],
    generators: Mapping[str, nn.Module],
    device: torch.device,
    params: EvaluateParams,
    workers: Workers,
) -> Completions:
    """All methods on all photos: the baselines, then `generators` by name, in their order.

    The raw outputs are kept with the photos, in as much memory for each generator as the photos
    take.
    """
    tasks: dict[str, Task] = {}
    others = _others(samples) if "other_photo" in params.baselines else {}

    # This process completes the photos, a stack at a time; workers score what it has completed.
    def calls() -> Iterator[partial[list[Scored]]]:
        for start in range(0, len(samples), PHOTOS_AT_ONCE):
            stack = _completed(samples[start : start + PHOTOS_AT_ONCE], generators, device, start)
            stack = [replace(task, other=others.get(task.key)) for task in stack]
            tasks.update((task.key, task) for task in stack)
            for first in range(0, len(stack), PHOTOS_A_CALL):
                yield partial(score, stack[first : first + PHOTOS_A_CALL], params)

    # The scores of a photo become a row for each method.
    rows: list[dict[str, Any]] = []
    boxes: dict[str, list[np.ndarray]] = {}
    with (
        progress("evaluate", len(samples), "photos") as advance,
        closing(in_order(calls(), workers, image_scores.__name__, one_thread)) as results,
    ):
        for result in results:
            for scored in result:
                for method, metrics in scored.scores.items():
                    rows.append(scored.facts | {"method": method} | metrics)
                for name, box in scored.boxes.items():
                    boxes.setdefault(name, []).append(box)
            advance(len(result))
    stacked = {name: np.stack(parts) for name, parts in boxes.items()}
    return Completions(pd.DataFrame(rows), stacked, tasks, params)


def _completed(
    samples: Sequence[Sample],
    generators: Mapping[str, nn.Module],
    device: torch.device,
    start: int,
) -> list[Task]:
    """The photos from `start` on with the raw outputs of all generators, NHWC uint8.

    What a generator draws is always the same.
    """
    image = to_tensor(torch.from_numpy(np.stack([sample.image for sample in samples])).to(device))
    masks = torch.from_numpy(np.stack([sample.mask for sample in samples]))
    outputs: dict[str, np.ndarray] = {}
    for name, generator in generators.items():
        with seeded(start, "completions"):
            output = generator(image, masks[:, None].float().to(device))
        outputs[name] = to_uint8(output).cpu().numpy()
    return [
        Task(
            sample.key,
            sample.category,
            sample.image,
            sample.mask,
            sample.box,
            {name: images[number] for name, images in outputs.items()},
            None,
        )
        for number, sample in enumerate(samples)
    ]


def _others(samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    """For each photo another test photo: the next in an order by key; none of them twice."""
    if len(samples) == 1:
        say("evaluate: one test photo has no other beside it: `other_photo` is left out")
        return {}
    images = {sample.key: sample.image for sample in samples}
    order = shuffled(images, seed=0)
    following = [*order[1:], order[0]]
    return {key: images[other] for key, other in zip(order, following, strict=True)}


def grid_rows(pictures: Sequence[Pictures], names: Sequence[str]) -> dict[str, list[np.ndarray]]:
    """A row for each of `names`, a column a photo."""
    return {name: [each[name] for each in pictures] for name in names}
