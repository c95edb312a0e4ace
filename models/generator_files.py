"""A trained generator as files: weights in safetensors, the rest in config.json.

The config holds the sums of both, so that a file that has rotted or was half copied is told. What
strangers made may have right sums: nothing is allocated before it fits the weights that are there,
and those are finite.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from models.registry import build_generator

WEIGHTS, CONFIG = "generator.safetensors", "config.json"
SUMS = "sha256"  # in the config: of the weights' file, and of the rest of the config
MAX_CONFIG_BYTES = 1 << 20
MAX_IMAGE_SIZE = 1024  # px
# Trained weights and the variances of batch norms stay far below.
MAX_WEIGHT = 1e8
AGAIN = "copy the folder again, or make it anew with `dvc repro train`"


class _Stored(BaseModel):
    """What a config must have; the options are checked by their recipe."""

    model_config = ConfigDict(strict=True, extra="allow")

    recipe: str
    options: dict[str, Any]
    image_size: int = Field(ge=1, le=MAX_IMAGE_SIZE)
    sha256: dict[str, str]


def save_generator(folder: Path, generator: nn.Module, config: dict[str, Any]) -> None:
    """Writes generator.safetensors and config.json; `config` needs `recipe` and `options`."""
    # Contiguous, as the file format asks: channels_last is an order in memory alone.
    weights = {
        name: weight.detach().cpu().contiguous() for name, weight in generator.state_dict().items()
    }
    save_file(weights, folder / WEIGHTS)
    sums = {WEIGHTS: _sum_of_file(folder / WEIGHTS), CONFIG: _sum_of_config(config)}
    (folder / CONFIG).write_text(json.dumps(config | {SUMS: sums}, indent=2) + "\n")


def load_generator(folder: Path, device: torch.device) -> nn.Module:
    """What the stage `train` left in `folder`, in inference mode on `device`.

    A Completer, a Sampler or both: see models/components/generators.py. ValueError where a file is
    damaged, or weights and config do not fit together.
    """
    config = read_config(folder)
    weights_path = folder / WEIGHTS
    if _sum_of_file(weights_path) != config[SUMS].get(WEIGHTS):
        raise ValueError(
            f"{weights_path} is damaged or of another training than {CONFIG} beside it: {AGAIN}"
        )
    recipe, size = config["recipe"], config["image_size"]
    try:
        # Without memory, for the shapes alone: options may ask for more than there is.
        with torch.device("meta"):
            planned = build_generator(recipe, config["options"], size).state_dict()
    except (ValueError, RuntimeError, TypeError, OverflowError, MemoryError) as error:
        raise ValueError(f"{folder / CONFIG} describes no generator: {error}") from None
    _check_weights(weights_path, {name: list(each.shape) for name, each in planned.items()})
    generator = build_generator(recipe, config["options"], size)
    # Built from the options and then filled: the file holds numbers, no code.
    generator.load_state_dict(load_file(weights_path))
    generator.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return generator.eval().requires_grad_(False)


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a trained generator, as it was written; ValueError where it is damaged."""
    path = folder / CONFIG
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise ValueError(f"it has more than {MAX_CONFIG_BYTES:,} bytes")
        config: dict[str, Any] = json.loads(path.read_text())
        _Stored.model_validate(config)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:3]
        )
        raise ValueError(
            f"{path} is no config of a trained generator ({faults[:300]}): {AGAIN}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({str(error)[:200]}): {AGAIN}") from None
    if config[SUMS].get(CONFIG) != _sum_of_config(config):
        raise ValueError(f"{path} is damaged: its own sum does not fit it; {AGAIN}")
    return config


def _check_weights(path: Path, planned: dict[str, list[int]]) -> None:
    """ValueError unless the file has the planned weights, all of them finite."""
    try:
        with safe_open(path, framework="pt") as file:
            found = {name: file.get_slice(name).get_shape() for name in file.keys()}
            if found != planned:
                names = [*planned, *(name for name in found if name not in planned)]
                odd = next(name for name in names if planned.get(name) != found.get(name))
                raise ValueError(
                    f"{path} does not fit {CONFIG} beside it: {odd[:100]} has the shape "
                    f"{found.get(odd)} and should have {planned.get(odd)}; {AGAIN}"
                )
            for name in found:
                weight = file.get_tensor(name)
                if not bool((weight.abs() <= MAX_WEIGHT).all()):  # NaN is no less
                    raise ValueError(
                        f"{path} holds weights that are no finite numbers up to {MAX_WEIGHT:g}, "
                        f"such as in {name}: no training leaves such; get it from somewhere else"
                    )
    except SafetensorError as error:
        raise ValueError(f"{path} is no file of weights ({str(error)[:200]}): {AGAIN}") from None


def _sum_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sum_of_config(config: dict[str, Any]) -> str:
    rest = {name: value for name, value in config.items() if name != SUMS}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
