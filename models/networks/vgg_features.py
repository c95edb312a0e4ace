"""What VGG19, trained on ImageNet, sees in an image: five layers of rising abstraction.

Its weights are not the project's: they come through torchvision, or from a file of yours.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from urllib.error import URLError

import torch
from torch import Tensor, nn
from torchvision.models import VGG19_Weights
from torchvision.models.vgg import cfgs, make_layers

from models.components.pixels import to_unit

# relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1 among the layers of torchvision's VGG19.
RELUS = (1, 6, 11, 20, 29)
NUM_ENTRIES = 17  # of torchvision's list of layers: up to conv5_1
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

HELP = "give the path of a copy of VGG19's weights, or choose features: discriminator"


class VggFeatures(nn.Module):
    """Frozen. An image's features at RELUS; `layers` are VGG19's, or those of a stand-in."""

    mean: Tensor
    std: Tensor

    def __init__(self, layers: nn.Sequential, relus: tuple[int, ...] = RELUS) -> None:
        super().__init__()
        self.layers, self.relus = layers, relus
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))
        self.requires_grad_(False).eval()

    def forward(self, image: Tensor) -> list[Tensor]:
        """(N, 3, S, S) in [-1, 1] -> one feature map for each of `relus`."""
        values = (to_unit(image) - self.mean) / self.std
        found = []
        for index, layer in enumerate(self.layers):
            values = layer(values)
            if index in self.relus:
                found.append(values)
        return found


def empty_layers() -> nn.Sequential:
    """VGG19's up to relu5_1, 12,944,960 parameters, untrained and without memory."""
    with torch.device("meta"):
        layers: nn.Sequential = make_layers(cfgs["E"][:NUM_ENTRIES], batch_norm=False)
    for layer in layers:
        if isinstance(layer, nn.ReLU):
            layer.inplace = False  # what it overwrites is among the features
    return layers


def load_vgg_features(path: str, sha256: str) -> VggFeatures:
    """From the file `path`, a state dict of torchvision's VGG19 or of its features alone, whose
    SHA-256 must be `sha256`; without a path through torchvision's download, which has its own sum.

    A ValueError where they cannot be had: another loss in their place would be another system.
    """
    weights = _own_weights(Path(path), sha256) if path else _downloaded_weights()
    layers = empty_layers()
    wanted = layers.state_dict()
    found = {name.removeprefix("features."): value for name, value in weights.items()}
    for name, value in wanted.items():
        if name not in found or found[name].shape != value.shape:
            raise ValueError(
                f"{path or 'the download'} has no `features.{name}` of shape "
                f"{tuple(value.shape)}, so it is no VGG19 of torchvision: {HELP}"
            )
    layers.load_state_dict({name: found[name].float() for name in wanted}, assign=True)
    return VggFeatures(layers)


def _own_weights(path: Path, sha256: str) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise ValueError(f"weights_path is {str(path)!r}, but no such file: {HELP}")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise ValueError(
            f"weights_sha256 is {sha256!r}, but {path} has {found}: write that where the file is "
            "the one that you mean"
        )
    try:
        weights: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(f"{path} is no file of torch's weights ({error}): {HELP}") from error
    if not isinstance(weights, Mapping):
        raise ValueError(f"{path} holds a {type(weights).__name__}, but must hold a state dict")
    return weights


def _downloaded_weights() -> Mapping[str, Tensor]:
    """548 MB once, kept where torch keeps its downloads."""
    try:
        weights: Mapping[str, Tensor] = VGG19_Weights.IMAGENET1K_V1.get_state_dict(
            progress=False, check_hash=True
        )
    except (URLError, RuntimeError) as error:  # no network; a file with another sum
        raise ValueError(
            f"VGG19's weights could not be downloaded ({error}): write their file to weights_path "
            "and its sum to weights_sha256, or choose features: discriminator"
        ) from error
    return weights
