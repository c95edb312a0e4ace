"""Inception and LPIPS from files in the published form, with random weights in them."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.metrics.standard_features import InceptionFeatures, Lpips
from pipeline.runtime.checksums import sha256_of

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def inception_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """As torch-fidelity's: a state dict of its network."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    folder = tmp_path_factory.mktemp("inception")
    empty, path = folder / "empty.pth", folder / "inception.pth"
    with pytest.MonkeyPatch.context() as patch:
        torch.manual_seed(0)
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        torch.save({}, empty)
        network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(empty))
    torch.save(network.state_dict(), path)
    yield path
    path.unlink()  # 91 MB


@pytest.fixture(scope="module")
def alexnet_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """As torchvision's."""
    from torchvision.models import alexnet

    path = tmp_path_factory.mktemp("alexnet") / "mine.pth"
    torch.manual_seed(0)
    torch.save(alexnet(weights=None).state_dict(), path)
    yield path
    path.unlink()  # 233 MB


@pytest.fixture(scope="module")
def boxes() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, 28, 28, 3), dtype=np.uint8)


def test_inception_s_features_are_those_of_torchmetrics(
    inception_file: Path, boxes: np.ndarray
) -> None:
    from torchmetrics.image.fid import FrechetInceptionDistance

    look = InceptionFeatures.load(str(inception_file), CPU)
    assert look.sha256 == sha256_of(inception_file)
    features = look.of(boxes)
    assert features.shape == (6, 2048)
    metric = FrechetInceptionDistance(feature_extractor_weights_path=str(inception_file))
    pictures = torch.from_numpy(boxes).permute(0, 3, 1, 2)
    assert torch.equal(features, metric.inception(pictures))


def test_lpips_is_that_of_torchmetrics_with_the_file_s_weights(
    alexnet_file: Path, boxes: np.ndarray
) -> None:
    before = torch.hub.get_dir()
    lpips = Lpips.load(str(alexnet_file), CPU)
    assert torch.hub.get_dir() == before
    assert lpips.sha256 == sha256_of(alexnet_file)
    weights = torch.load(alexnet_file, weights_only=True)["features.0.weight"]
    assert any(torch.equal(weight, weights) for weight in lpips.metric.parameters())
    assert lpips.between(boxes, boxes) == (0, 0, 0)
    near = np.clip(boxes.astype(int) + 10, 0, 255).astype(np.uint8)
    distances = [lpips.between(each, boxes) for each in (near, boxes[::-1].copy())]
    assert 0 < distances[0][0] < distances[1][0]
    assert all(low <= value <= high for value, low, high in distances)


@pytest.mark.parametrize(
    ("look", "name", "published"),
    [
        (InceptionFeatures, "inception", "weights-inception-2015-12-05-6726825d.pth"),
        (Lpips, "lpips", "alexnet-owt-7be5be79.pth"),
    ],
)
def test_a_missing_or_wrong_file_is_told(
    look: type[InceptionFeatures] | type[Lpips],
    name: str,
    published: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where = f"evaluate.{name}_weights_path"
    with pytest.raises(ValueError, match=f"{where} .*no such file: get {published}"):
        look.load(str(tmp_path / "absent.pth"), CPU)
    for number, content in enumerate(({"other": torch.zeros(1)}, None)):
        path = tmp_path / f"wrong{number}.pth"
        torch.save(content, path) if content else path.write_bytes(b"no weights")
        with pytest.raises(ValueError, match=f"{where} .*other weights"):
            look.load(str(path), CPU)

    def no_network(*arguments: object, **named: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    with pytest.raises(ValueError, match="could not be had .no network.: write the path"):
        look.load("download", CPU)


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    code = "import sys, pipeline.stages.evaluate; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {module.split(".")[0] for module in run.stdout.split()}
    assert loaded & {"torchmetrics", "torch_fidelity"} == set()
