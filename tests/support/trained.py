"""A generator as training leaves it, though nothing was learnt."""

from pathlib import Path

import torch

from models.generator_files import save_generator
from models.registry import build_generator


def save_untrained(folder: Path, recipe: str = "ganscape") -> Path:
    """Of width 8, 64 px; the same weights each time."""
    folder.mkdir(parents=True, exist_ok=True)
    options = {"preset": "default", "width": 8}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = build_generator(recipe, options, 64)
    config = {"recipe": recipe, "options": options, "image_size": 64, "box_size": 28}
    save_generator(folder, generator, config)
    return folder
