"""Stage: generator + shards -> metrics, a table of every picture, and grids.

No randomness: the holes are those of the shards, latents are drawn from fixed seeds. A generator
that completes holes is measured by the completed 8-bit pictures, beside classical fills of the same
holes; one that makes up pictures by as many of them as there are test photos; one that does both by
both.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from models.generators import Completer, Sampler
from pipeline import manifests
from pipeline.checksums import sha256_of
from pipeline.completion_scores import grid_rows, score_completions, summarise
from pipeline.devices import choose_device, num_threads
from pipeline.generator import load_generator
from pipeline.params.evaluate import EvaluateParams
from pipeline.params.runtime import RuntimeParams
from pipeline.params.section import load
from pipeline.picture_grid import write_grid
from pipeline.resume import fresh_folder
from pipeline.sample_scores import score_samples
from pipeline.shard_reader import read_meta, read_split


def run(data: Path = Path("data")) -> None:
    """Writes data/evaluate/ metrics.json, per_image.parquet and grids/."""
    params = load("evaluate", EvaluateParams)
    runtime = load("runtime", RuntimeParams)
    torch.set_num_threads(num_threads(runtime.threads))
    evaluate(data, params, choose_device(runtime.device))


def evaluate(data: Path, params: EvaluateParams, device: torch.device) -> None:
    """What the generator in data/train can do is what is measured."""
    generator = load_generator(data / "train", device)
    photos = list(read_split(data / "crop", "test"))
    out = data / "evaluate"
    fresh_folder(out)
    figures: dict[str, Any] = {
        "num_photos": len(photos),
        "test_sha256": read_meta(data / "crop")["sha256"]["test"],
        "generator_sha256": sha256_of(data / "train" / "generator.safetensors"),
    }
    tables = []
    if isinstance(generator, Completer):
        table, pictures = score_completions(photos, generator, device, params)
        tables.append(table)
        figures |= summarise(table)
        write_grid(grid_rows(photos, pictures), out / "grids" / "test.png")
    if isinstance(generator, Sampler):
        scores = score_samples(photos, generator, data / "crop", device)
        tables.append(scores.table)
        figures["samples"] = scores.figures
        write_grid(scores.grid_rows(params.num_grid), out / "grids" / "samples.png")
    manifests.write(pd.concat(tables), out / "per_image.parquet")
    (out / "metrics.json").write_text(json.dumps(figures, indent=2) + "\n")
