"""What the evaluation needs beside a generator: a scene network, and no weights of others'."""

from pathlib import Path

import torch

from models.scene_network import SceneNetwork
from pipeline.features.scene_features import SceneFeatures, load_scene_features, save_scene_network

NO_WEIGHTS = {"inception_weights_path": "", "lpips_weights_path": ""}


def write_scene_network(folder: Path, width: int = 4) -> SceneFeatures:
    """An untrained one, as the stage `train_features` leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    save_scene_network(folder, SceneNetwork(width, 1), {"width": width, "categories": ["all"]})
    return load_scene_features(folder, torch.device("cpu"))
