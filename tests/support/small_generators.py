"""Small generators as training leaves them, without training."""

import json
from pathlib import Path
from typing import Any

import torch

from models.generator_files import save_generator
from models.registry import build_generator
from pipeline.runtime.checksums import sha256_of


def write_generator(project: Path, recipe: str, preset: str = "default", **options: Any) -> Path:
    """Into a project's data/train, which is returned; also the evaluation of it, and params.yaml.

    No layer begins at zero, so that each has an influence.
    """
    folder = project / "data" / "train"
    folder.mkdir(parents=True)
    options = {"preset": preset, "width": 4} | options
    with torch.random.fork_rng():
        torch.manual_seed(1)
        generator = build_generator(recipe, options, 64)
        for weight in generator.parameters():
            if not weight.any():
                torch.nn.init.normal_(weight, std=0.1)
    config = {"recipe": recipe, "options": options, "image_size": 64, "num_images": 0}
    save_generator(folder, generator, config)
    figures = {
        "num_photos": 3,
        "test_sha256": "ab" * 32,
        "generator_sha256": sha256_of(folder / "generator.safetensors"),
        "biharmonic": {"hole_psnr": 20.0},
    }
    (project / "data/evaluate").mkdir()
    (project / "data/evaluate/figures.json").write_text(json.dumps(figures))
    (project / "params.yaml").write_text("download: {source: places365_val}\n")
    return folder
