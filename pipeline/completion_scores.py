"""A generator's completions of the test photos beside classical fills of the same holes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from models.pixels import to_tensor, to_uint8
from models.recipe import seeded
from pipeline import baselines
from pipeline.blending import poisson_blended
from pipeline.color_quantization import quantize
from pipeline.keys import shuffled
from pipeline.metrics import METRICS, hole_metrics
from pipeline.params.evaluate import EvaluateParams
from pipeline.progress import progress
from pipeline.shard_reader import Sample

MODEL = "model"
PHOTOS_AT_ONCE = 64

# The completed picture of each method, by the method's name.
Completed = dict[str, np.ndarray]


def score_completions(
    samples: list[Sample], generator: nn.Module, device: torch.device, params: EvaluateParams
) -> tuple[pd.DataFrame, dict[str, Completed]]:
    """A row for each photo and method in the samples' order; the pictures of the grid by key.

    The grid shows the same photos of mixed categories each time. The others' pictures are not
    kept: five of each of ten thousand photos would fill the memory.
    """
    shown = shuffled([sample.key for sample in samples], seed=0)[: params.num_grid]
    rows: list[dict[str, Any]] = []
    pictures: dict[str, Completed] = {key: {} for key in shown}
    outputs = _model_pictures(samples, generator, device, params)
    with progress("evaluate", len(samples), "photos") as advance:
        for sample, output in zip(samples, outputs, strict=True):
            completed: Completed = {
                name: baselines.complete(name, sample.image, sample.mask)
                for name in params.baselines
            }
            completed[MODEL] = output
            if sample.key in pictures:
                pictures[sample.key] = completed
            for method, picture in completed.items():
                scores = hole_metrics(picture, sample.image, sample.mask)
                facts = {"key": sample.key, "category": sample.category, "method": method}
                rows.append(facts | scores)
            advance(1)
    return pd.DataFrame(rows), pictures


def _model_pictures(
    samples: list[Sample], generator: nn.Module, device: torch.device, params: EvaluateParams
) -> Iterator[np.ndarray]:
    """The generator's completed pictures, HWC uint8; what it draws is always the same."""
    for start in range(0, len(samples), PHOTOS_AT_ONCE):
        part = samples[start : start + PHOTOS_AT_ONCE]
        image = to_tensor(torch.from_numpy(np.stack([sample.image for sample in part])).to(device))
        masks = torch.from_numpy(np.stack([sample.mask for sample in part]))
        mask = masks[:, None].float().to(device)
        with seeded(start, "completions"):
            outputs = to_uint8(generator(image, mask)).cpu().numpy()
        for sample, output in zip(part, outputs, strict=True):
            yield _finished(output, sample, params)


def _finished(output: np.ndarray, sample: Sample, params: EvaluateParams) -> np.ndarray:
    """The raw output as the picture that is measured; its context is the photo's own."""
    painted = quantize(output, params.colors) if params.colors else output
    picture: np.ndarray = np.where(sample.mask[..., None], painted, sample.image)
    return poisson_blended(picture, sample.mask) if params.blend == "poisson" else picture


def summarise(table: pd.DataFrame) -> dict[str, Any]:
    """method -> metric -> mean over photos; PSNR's median too, since means hide its tails."""
    return {
        str(method): {
            **{metric: round(float(rows[metric].mean()), 4) for metric in METRICS},
            "hole_psnr_median": round(float(rows["hole_psnr"].median()), 4),
        }
        for method, rows in table.groupby("method", sort=True)
    }


def grid_rows(samples: list[Sample], pictures: dict[str, Completed]) -> dict[str, list[np.ndarray]]:
    """masked, each method, original of the photos in `pictures`, in its order."""
    by_key = {sample.key: sample for sample in samples}
    chosen = [by_key[key] for key in pictures]
    methods = next(iter(pictures.values()))
    white = np.uint8(255)
    return {
        "masked": [np.where(sample.mask[..., None], white, sample.image) for sample in chosen],
        **{name: [completed[name] for completed in pictures.values()] for name in methods},
        "original": [sample.image for sample in chosen],
    }
