"""Exported generators without torch: the same images as torch's, and files that do not fit."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from pipeline.api import load
from pipeline.commands.export import export
from pipeline.completion.torch_network import TorchNetwork
from pipeline.export.onnx_network import OnnxNetwork
from support.documents import code
from support.small_generators import write_generator


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_generator(tmp_path_factory.mktemp("model"), "ganscape")


@pytest.fixture(scope="module")
def exported(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator's .onnx."""
    folder = tmp_path_factory.mktemp("onnx")
    export(model, ["onnx"], folder)
    return folder / "generator.onnx"


@pytest.fixture
def copied(exported: Path, tmp_path: Path) -> Path:
    """To damage."""
    for path in exported.parent.iterdir():
        shutil.copyfile(path, tmp_path / path.name)
    return tmp_path / exported.name


def holes(num: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(num)
    windows = random.integers(0, 256, (num, 64, 64, 3), dtype=np.uint8)
    return windows, random.random((num, 64, 64)) < 0.3


def test_windows_are_completed_as_torch_does_it(model: Path, exported: Path) -> None:
    """To a grey level: what is all but halfway between two may be rounded either way."""
    windows, masks = holes(6)
    network, other = OnnxNetwork(exported, threads=1), TorchNetwork(model, "cpu")
    assert (network.image_size, network.recipe) == (other.image_size, other.recipe)
    output = network(windows, masks, 0)
    assert (output.shape, output.dtype) == (windows.shape, np.uint8)
    apart = np.abs(output.astype(int) - other(windows, masks, 0))
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.001


def test_hidden_pixels_have_no_influence(exported: Path) -> None:
    windows, masks = holes(3)
    network = OnnxNetwork(exported, threads=1)
    other = np.where(masks[..., None], 255 - windows, windows)
    np.testing.assert_array_equal(network(other, masks, 0), network(windows, masks, 0))


def test_noise_is_the_seeds(tmp_path: Path) -> None:
    folder = write_generator(tmp_path / "project", "pix2pix", "faithful")
    export(folder, ["onnx"], tmp_path)
    network = OnnxNetwork(tmp_path / "generator.onnx", threads=1)
    windows, masks = holes(2)
    first = network(windows, masks, 1)
    np.testing.assert_array_equal(network(windows, masks, 1), first)
    assert not np.array_equal(network(windows, masks, 2), first)


BY_API = """
from pipeline.api import load
completed = load("generator.onnx").complete(image, mask)
"""
BY_COMMAND = """
from pipeline.cli import app
Image.fromarray(image).save("photo.png")
options = ["--hole", "20,30,25,30", "--model", "generator.onnx", "--output", "completed.png"]
app(["complete", "photo.png", *options], standalone_mode=False)
completed = np.asarray(Image.open("completed.png"))
"""


@pytest.mark.parametrize("complete", [BY_API, BY_COMMAND])
def test_no_torch_is_imported(complete: str, copied: Path) -> None:
    script = f"""
import sys
import numpy as np
from PIL import Image
image = np.random.default_rng(0).integers(0, 256, (90, 130, 3), dtype=np.uint8)
mask = np.zeros((90, 130), bool)
mask[20:45, 30:60] = True
{complete}
assert (completed[~mask] == image[~mask]).all()
assert (completed[mask] != image[mask]).any()
print("modules:", *sorted({{name.split(".")[0] for name in sys.modules}}))
"""
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, cwd=copied.parent, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    loaded = set(run.stdout.partition("modules:")[2].split())
    assert "onnxruntime" in loaded
    assert loaded & {"torch", "torchvision", "onnx", "models", "pandas"} == set()


def test_a_damaged_file(copied: Path) -> None:
    content = bytearray(copied.read_bytes())
    content[len(content) // 2] ^= 1
    copied.write_bytes(content)
    with pytest.raises(ValueError, match=r"has the sha256 .* but generator.onnx.json is of a file"):
        load(copied)


@pytest.mark.parametrize("name", ["generator.onnx", "generator.onnx.json"])
def test_a_missing_file(copied: Path, name: str) -> None:
    (copied.parent / name).unlink()
    with pytest.raises(ValueError, match=f"{name} is missing: .* copy both, or"):
        load(copied)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"sha256": "0"}', '{"sha256": "0", "inputs": [3]}', "[" * 100_000]
    + ['{"sha256": "0", "inputs": [], "outputs": [], "image_size": 1e400, "size_multiple": 1}'],
)
def test_a_sidecar_that_is_none(copied: Path, content: str) -> None:
    copied.with_name("generator.onnx.json").write_text(content)
    with pytest.raises(ValueError, match="is no sidecar of an exported generator"):
        load(copied)


def test_what_only_makes_up_pictures_completes_nothing(tmp_path: Path) -> None:
    export(write_generator(tmp_path / "project", "vanilla"), ["onnx"], tmp_path)
    with pytest.raises(ValueError, match="makes up whole images from noise and completes none"):
        load(tmp_path / "generator.onnx")


def test_devices(exported: Path) -> None:
    with pytest.raises(ValueError, match="device is 'tpu', but an .onnx file runs on auto, cpu or"):
        OnnxNetwork(exported, "tpu")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with pytest.raises(ValueError, match="this onnxruntime has no CUDA: name cpu, or install"):
        OnnxNetwork(exported, "cuda")


@pytest.mark.parametrize(("recipe", "preset"), [("ganscape", "default"), ("pix2pix", "faithful")])
def test_the_example_of_the_docs(recipe: str, preset: str, tmp_path: Path) -> None:
    """As it is written, in a folder with nothing but the exported files and two images."""
    folder = tmp_path / "elsewhere"
    export(write_generator(tmp_path, recipe, preset), ["onnx"], folder / "data/export")
    windows, masks = holes(1)
    Image.fromarray(windows[0]).save(folder / "window.png")
    Image.fromarray(masks[0]).save(folder / "mask.png")
    isolated = [sys.executable, "-I", "-c", code("onnx")]
    subprocess.run(isolated, cwd=folder, check=True, capture_output=True)
    completed = np.asarray(Image.open(folder / "completed.png"))
    output = OnnxNetwork(folder / "data/export/generator.onnx")(windows, masks, 0)
    expected = np.where(masks[..., None], output, windows)[0]
    # Another number of threads may round another way.
    assert np.abs(completed.astype(int) - expected).max() <= 1
    assert (completed != expected).mean() < 0.001
    assert (completed[masks[0]] != windows[0][masks[0]]).any()


def test_a_gpu_that_cannot_be_started_is_an_error(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """onnxruntime would go on by the CPU."""
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    there = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: there)
    could_not = pytest.raises(ValueError, match="could not start CUDAExecutionProvider: name cpu")
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"), could_not:
        OnnxNetwork(exported, "cuda")
