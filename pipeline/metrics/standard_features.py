"""The networks with which the field measures, where the user has their weights: Inception, LPIPS.

Nothing of torchmetrics or torch-fidelity is imported before one of them is asked for.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from urllib.error import URLError

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.components.pixels import to_tensor
from pipeline.metrics.intervals import mean_with_ends
from pipeline.runtime.checksums import sha256_of

DOWNLOAD = "download"
PICTURES_AT_ONCE = 64
# px; AlexNet, on which LPIPS rests, has nothing left of a box of 28.
LPIPS_SIDE = 64


@dataclass(frozen=True)
class InceptionFeatures:
    """Inception v3 as of 2015-12-05, whose 2,048 features published FID and KID rest on."""

    network: Any  # torchmetrics' NoTrainInceptionV3
    sha256: str  # of the file
    device: torch.device

    @classmethod
    def load(cls, path: str, device: torch.device) -> "InceptionFeatures":
        """From torch-fidelity's file at `path`, or by its `download`."""
        from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3
        from torchmetrics.image.fid import NoTrainInceptionV3

        name = "evaluate.inception_weights_path"
        file = _weights_file(name, path, URL_INCEPTION_V3)
        with _its_own_weights(name, path):
            network = NoTrainInceptionV3("inception-v3-compat", ["2048"], str(file))
        return cls(network.to(device), sha256_of(file), device)

    @torch.no_grad()
    def of(self, pictures: np.ndarray) -> Tensor:
        """(N, H, W, 3) uint8 -> (N, 2048) float; the network enlarges them to 299 px itself."""
        parts = torch.split(torch.from_numpy(pictures).permute(0, 3, 1, 2), PICTURES_AT_ONCE)
        return torch.cat([self.network(part.to(self.device)) for part in parts])


@dataclass(frozen=True)
class Lpips:
    """Learned perceptual distance of two images (Zhang et al. 2018), on AlexNet."""

    metric: Any  # torchmetrics' LearnedPerceptualImagePatchSimilarity
    sha256: str  # of AlexNet's file
    device: torch.device

    @classmethod
    def load(cls, path: str, device: torch.device) -> "Lpips":
        """From torchvision's file of AlexNet at `path`, or by its `download`.

        The weights on top of it come with torchmetrics.
        """
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
        from torchvision.models import AlexNet_Weights

        name, url = "evaluate.lpips_weights_path", AlexNet_Weights.IMAGENET1K_V1.url
        file = _weights_file(name, path, url)
        with _its_own_weights(name, path), _downloaded_already(file, Path(url).name):
            metric = LearnedPerceptualImagePatchSimilarity(net_type="alex", reduction="none")
        return cls(metric.to(device), sha256_of(file), device)

    @torch.no_grad()
    def between(self, pictures: np.ndarray, originals: np.ndarray) -> tuple[float, float, float]:
        """Mean over the photos and the ends of its 95 % interval; enlarged to LPIPS_SIDE."""
        self.metric.reset()
        for start in range(0, len(pictures), PICTURES_AT_ONCE):
            part = slice(start, start + PICTURES_AT_ONCE)
            self.metric.update(self._enlarged(pictures[part]), self._enlarged(originals[part]))
        return mean_with_ends(self.metric.compute().double().cpu().numpy())

    def _enlarged(self, pictures: np.ndarray) -> Tensor:
        size = (LPIPS_SIDE, LPIPS_SIDE)
        tensor = to_tensor(torch.from_numpy(pictures).to(self.device))
        return functional.interpolate(tensor, size, mode="bilinear").clamp(-1, 1)


def _weights_file(name: str, path: str, url: str) -> Path:
    """The file at `path`, or where torch keeps its downloads, once."""
    if path != DOWNLOAD:
        if not Path(path).is_file():
            raise ValueError(
                f"params.yaml {name} is {path!r}, but no such file: get {Path(url).name} from "
                f"{url}, write {DOWNLOAD!r} where there is a network, or leave it empty"
            )
        return Path(path)
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(url).name
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        prefix = file.stem.rpartition("-")[2]  # torch's custom: the name ends in the sum's start
        try:
            torch.hub.download_url_to_file(url, str(file), prefix, progress=False)
        except (URLError, OSError, RuntimeError) as error:  # no network; another sum
            raise ValueError(
                f"params.yaml {name} is {DOWNLOAD!r}, but {url} could not be had ({error}): write "
                "the path of a copy of it, or leave it empty"
            ) from error
    return file


@contextmanager
def _its_own_weights(name: str, path: str) -> Iterator[None]:
    """A file of something else is an error in the user's words."""
    try:
        yield
    except (UnpicklingError, RuntimeError, EOFError, KeyError, AttributeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"params.yaml {name} is {path!r}, but that file holds other weights ({reason}): give "
            "the file that the network's authors publish"
        ) from error


@contextmanager
def _downloaded_already(file: Path, name: str) -> Iterator[None]:
    """Within the block torch finds `file` under `name` among its downloads.

    torchmetrics loads AlexNet through torchvision, which takes no path.
    """
    before = torch.hub.get_dir()
    with tempfile.TemporaryDirectory() as folder:
        downloads = Path(folder) / "checkpoints"
        downloads.mkdir()
        try:
            (downloads / name).symlink_to(file.resolve())
        except OSError:  # a file system without links
            shutil.copyfile(file, downloads / name)
        torch.hub.set_dir(folder)
        try:
            yield
        finally:
            torch.hub.set_dir(before)
