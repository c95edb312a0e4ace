"""The scene network as files, and what it sees in images."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.components.pixels import to_tensor
from models.scene_network import SceneNetwork
from pipeline.runtime.checksums import sha256_of

WEIGHTS, CONFIG = "features.safetensors", "config.json"
PICTURES_AT_ONCE = 256


@dataclass(frozen=True)
class SceneFeatures:
    """A trained network and the sum of its weights, which stands on every number made with it."""

    network: SceneNetwork
    sha256: str
    device: torch.device

    @torch.no_grad()
    def of(self, pictures: np.ndarray) -> Tensor:
        """(N, H, W, 3) uint8 -> (N, F) float."""
        parts = torch.split(torch.from_numpy(pictures), PICTURES_AT_ONCE)
        return torch.cat([self.network.features(to_tensor(part.to(self.device))) for part in parts])


def save_scene_network(folder: Path, network: SceneNetwork, config: dict[str, Any]) -> None:
    """Writes features.safetensors and config.json; `config` needs `width` and `categories`."""
    weights = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    save_file(weights, folder / WEIGHTS)
    config = config | {"sha256": sha256_of(folder / WEIGHTS)}
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n")


def load_scene_features(folder: Path, device: torch.device) -> SceneFeatures:
    """What the stage `train_features` left in `folder`."""
    if not (folder / CONFIG).is_file():
        raise ValueError(f"{folder / CONFIG} is missing: run `dvc repro train_features` first")
    config = json.loads((folder / CONFIG).read_text())
    sha256 = sha256_of(folder / WEIGHTS)
    if sha256 != config["sha256"]:
        raise ValueError(
            f"{folder / WEIGHTS} is damaged: it has another sum than {CONFIG} beside it says; run "
            "`scenefill verify --remove`, then `dvc repro train_features`"
        )
    network = SceneNetwork(config["width"], len(config["categories"]))
    network.load_state_dict(load_file(folder / WEIGHTS))
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.eval().requires_grad_(False)
    return SceneFeatures(network, sha256, device)
