"""Stage: generator + test shards -> metrics, a table of every picture, and a grid.

No randomness: the holes are those of the shards, and a generator that draws noise draws the same
each time. Measured is the completed 8-bit picture, beside classical fills of the same holes.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from models.pixels import to_tensor, to_uint8
from models.recipe import seeded
from pipeline import baselines, manifests
from pipeline.checksums import sha256_of
from pipeline.color_quantization import quantize
from pipeline.devices import choose_device, num_threads
from pipeline.generator import load_generator
from pipeline.keys import shuffled
from pipeline.metrics import METRICS, hole_metrics
from pipeline.params.evaluate import EvaluateParams
from pipeline.params.runtime import RuntimeParams
from pipeline.params.section import load
from pipeline.picture_grid import write_grid
from pipeline.progress import progress
from pipeline.resume import fresh_folder
from pipeline.shard_reader import Sample, read_meta, read_split

MODEL = "model"
PHOTOS_AT_ONCE = 64

# The completed picture of each method, by the method's name.
Completed = dict[str, np.ndarray]


def run(data: Path = Path("data")) -> None:
    """Writes data/evaluate/ metrics.json, per_image.parquet and grids/."""
    params = load("evaluate", EvaluateParams)
    runtime = load("runtime", RuntimeParams)
    torch.set_num_threads(num_threads(runtime.threads))
    device = choose_device(runtime.device)
    generator = load_generator(data / "train", device)
    samples = list(read_split(data / "crop", "test"))
    table, pictures = evaluate(samples, generator, device, params)
    facts = {
        "num_photos": len(samples),
        "test_sha256": read_meta(data / "crop")["sha256"]["test"],
        "generator_sha256": sha256_of(data / "train" / "generator.safetensors"),
    }
    out = data / "evaluate"
    fresh_folder(out)
    manifests.write(table, out / "per_image.parquet")
    (out / "metrics.json").write_text(json.dumps(facts | summarise(table), indent=2) + "\n")
    write_grid(grid_rows(samples, pictures), out / "grids" / "test.png")


def evaluate(
    samples: list[Sample], generator: nn.Module, device: torch.device, params: EvaluateParams
) -> tuple[pd.DataFrame, dict[str, Completed]]:
    """A row for each photo and method in the samples' order; the pictures of the grid by key.

    The grid shows the same photos of mixed categories each time. The others' pictures are not
    kept: five of each of ten thousand photos would fill the memory.
    """
    shown = shuffled([sample.key for sample in samples], seed=0)[: params.num_grid]
    rows: list[dict[str, Any]] = []
    pictures: dict[str, Completed] = {key: {} for key in shown}
    outputs = _model_pictures(samples, generator, device, params.colors)
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
    samples: list[Sample], generator: nn.Module, device: torch.device, num_colors: int
) -> Iterator[np.ndarray]:
    """The generator's completed pictures, HWC uint8; `num_colors` of its output, 0: all."""
    for start in range(0, len(samples), PHOTOS_AT_ONCE):
        part = samples[start : start + PHOTOS_AT_ONCE]
        image = to_tensor(torch.from_numpy(np.stack([sample.image for sample in part])).to(device))
        masks = torch.from_numpy(np.stack([sample.mask for sample in part]))
        mask = masks[:, None].float().to(device)
        with seeded(start, "evaluate"):
            outputs = to_uint8(generator(image, mask)).cpu().numpy()
        for sample, output in zip(part, outputs, strict=True):
            painted = quantize(output, num_colors) if num_colors else output
            yield np.where(sample.mask[..., None], painted, sample.image)


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
