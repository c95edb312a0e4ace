"""Exported generators: the same images as the generator's, for every recipe; and what fails."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from models.components.generators import Completer, Sampler
from models.generator_files import load_generator
from models.registry import RECIPES
from pipeline.commands import export as exporter
from pipeline.commands.export import export
from pipeline.export import formats
from pipeline.export.graph import size_multiple
from pipeline.runtime.checksums import sha256_of
from support.small_generators import write_generator

CPU = torch.device("cpu")
# Small networks gain nothing from more, and lose much on a busy machine.
torch.set_num_threads(1)
COMPLETING = [
    ("ganscape", "default", {}),
    ("ganscape", "faithful", {}),
    ("glcic", "default", {}),
    ("glcic", "faithful", {}),
    ("wgan", "default", {"noise_channels": 0, "diversity_weight": 0.0}),
    ("wgan", "faithful", {}),
    ("outpaint", "default", {}),
    ("outpaint", "faithful", {}),
    ("pix2pix", "default", {}),
    ("scenefill", "default", {"blocks": [1, 1, 1]}),
    ("basquiat", "default", {}),
]
# What make test has the time for; make test-slow has the others.
QUICK = [("ganscape", "default"), ("wgan", "default"), ("pix2pix", "default")]
# Recipe and preset -> distribution and values a photo of what it draws.
DRAWING = {
    ("wgan", "default"): [("standard_normal", [4, 1, 1])],
    ("pix2pix", "faithful"): [("uniform", [32, 4, 4])],
    ("basquiat", "faithful"): [
        ("uniform", shape) for shape in ([32, 2, 2], [32, 4, 4], [16, 8, 8])
    ],
}
MULTIPLES = {"ganscape": 4, "glcic": 4, "wgan": 4}


def sidecar(path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(path.with_name(f"{path.name}.json").read_text())
    return facts


def by_onnxruntime(path: Path, *inputs: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [port["name"] for port in sidecar(path)["inputs"]]
    return session.run(None, dict(zip(names, inputs, strict=True)))[0]


def by_torch_export(path: Path, *inputs: np.ndarray) -> np.ndarray:
    program = torch.export.load(path).module()
    with torch.no_grad():
        return program(*(torch.from_numpy(values) for values in inputs)).numpy()


def holes(batch: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(batch * height + width)
    image = random.uniform(-1, 1, (batch, 3, height, width)).astype(np.float32)
    mask = (random.random((batch, 1, height, width)) < 0.2).astype(np.float32)
    return image, mask


def test_every_recipe_is_tried() -> None:
    tried = {recipe for recipe, *_ in COMPLETING} | {recipe for recipe, _ in DRAWING}
    assert tried | {"dcgan", "vanilla"} == set(RECIPES)


@pytest.mark.parametrize(
    ("recipe", "preset", "options"),
    [
        pytest.param(*each, marks=[pytest.mark.slow] * (each[:2] not in QUICK))
        for each in COMPLETING
    ],
)
def test_the_exported_completes_as_the_generator_does(
    recipe: str, preset: str, options: dict[str, Any], tmp_path: Path
) -> None:
    folder = write_generator(tmp_path / "project", recipe, preset, **options)
    export(folder, ["onnx", "torch"], tmp_path)
    generator = load_generator(folder, CPU)
    sizes = [(64, 64)]
    multiple = sidecar(tmp_path / "generator.onnx")["size_multiple"]
    assert multiple == (32 if (recipe, preset) == ("wgan", "faithful") else MULTIPLES.get(recipe))
    if multiple:
        sizes += [(2 * multiple, 3 * multiple), (96, 64)]
    for batch in (1, 4):
        for height, width in sizes:
            image, mask = holes(batch, height, width)
            with torch.no_grad():
                expected = generator(torch.from_numpy(image), torch.from_numpy(mask)).numpy()
            other = np.where(mask > 0, np.float32("nan"), image)
            for run, name in ((by_onnxruntime, "onnx"), (by_torch_export, "pt2")):
                output = run(tmp_path / f"generator.{name}", image, mask)
                assert output.shape == expected.shape == (batch, 3, height, width)
                assert np.abs(output - expected).max() <= 1e-4
                hidden = run(tmp_path / f"generator.{name}", other, mask)
                np.testing.assert_array_equal(hidden, output)


@pytest.mark.parametrize(("recipe", "preset"), DRAWING)
def test_what_a_generator_draws_is_an_input(
    recipe: str, preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same noise gives the same image, other noise another."""
    folder = write_generator(tmp_path / "project", recipe, preset)
    export(folder, ["onnx", "torch"], tmp_path)
    ports = sidecar(tmp_path / "generator.onnx")["inputs"][2:]
    assert [(port["distribution"], port["shape"][1:]) for port in ports] == DRAWING[recipe, preset]
    image, mask = holes(3, 64, 64)
    random = np.random.default_rng(0)
    noises = [random.random((3, *port["shape"][1:]), dtype=np.float32) for port in ports]
    generator = load_generator(folder, CPU)
    drawn = iter([torch.from_numpy(noise) for noise in noises])
    with monkeypatch.context() as patch, torch.no_grad():
        for name in ("rand", "randn"):
            patch.setattr(torch, name, lambda *shape, **where: next(drawn))
        expected = generator(torch.from_numpy(image), torch.from_numpy(mask)).numpy()
    assert list(drawn) == []
    for run, file in ((by_onnxruntime, "onnx"), (by_torch_export, "pt2")):
        output = run(tmp_path / f"generator.{file}", image, mask, *noises)
        assert np.abs(output - expected).max() <= 1e-4
        others = [1 - noise for noise in noises]
        other = run(tmp_path / f"generator.{file}", image, mask, *others)
        assert np.abs(other - output).max() > 1e-3


@pytest.mark.parametrize("recipe", ["dcgan", "vanilla"])
def test_what_makes_up_pictures_is_exported_as_that(recipe: str, tmp_path: Path) -> None:
    folder = write_generator(tmp_path / "project", recipe)
    said = export(folder, ["all"], tmp_path)
    generator = load_generator(folder, CPU)
    assert isinstance(generator, Sampler)
    assert ("search" in said) == isinstance(generator, Completer) == (recipe == "dcgan")
    for batch in (1, 5):
        latents = np.random.default_rng(batch).standard_normal((batch, 100)).astype(np.float32)
        with torch.no_grad():
            expected = generator.sample(torch.from_numpy(latents)).numpy()
        for run, name in ((by_onnxruntime, "onnx"), (by_torch_export, "pt2")):
            output = run(tmp_path / f"generator.{name}", latents)
            assert output.shape == (batch, 3, 64, 64)
            assert np.abs(output - expected).max() <= 1e-4
    facts = sidecar(tmp_path / "generator.onnx")
    assert facts["what"] == "makes up images"
    assert [port["shape"] for port in facts["inputs"]] == [["batch", 100]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_generator(tmp_path_factory.mktemp("model"), "ganscape")


@pytest.fixture(scope="module")
def exported(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All formats of a small GANscape."""
    folder = tmp_path_factory.mktemp("elsewhere") / "export"
    export(model, ["all"], folder)
    return folder


def test_what_is_left_is_the_files_and_their_sidecars(exported: Path) -> None:
    files = ["generator.onnx", "generator.pt2", "generator.safetensors"]
    expected = sorted([*files, *(f"{name}.json" for name in files), "config.json"])
    assert sorted(path.name for path in exported.iterdir()) == expected


def test_the_sidecar_says_how_to_run_it_and_where_it_comes_from(
    exported: Path, model: Path
) -> None:
    for name in ("generator.onnx", "generator.pt2", "generator.safetensors"):
        facts = sidecar(exported / name)
        assert facts["file"] == name
        assert facts["sha256"] == sha256_of(exported / name)
        image, mask = facts["inputs"]
        assert (image["name"], image["shape"]) == ("image", ["batch", 3, "height", "width"])
        assert (mask["name"], mask["shape"]) == ("mask", ["batch", 1, "height", "width"])
        assert (image["range"], mask["range"]) == ([-1, 1], [0, 1])
        assert mask["meaning"].startswith("1 = complete")
        (output,) = facts["outputs"]
        assert (output["name"], output["range"]) == ("output", [-1, 1])
        assert (facts["image_size"], facts["size_multiple"], facts["size_min"]) == (64, 4, 8)
        assert (facts["recipe"], facts["options"]["width"]) == ("ganscape", 4)
        assert facts["training"] == {"num_images": 0}
        assert facts["generator_sha256"] == sha256_of(model / "generator.safetensors")
        assert facts["data"] == {"num_photos": 3, "test_sha256": "ab" * 32}
        assert facts["parity"]["largest_difference"] <= facts["parity"]["tolerance"] == 1e-4
        assert "Places365" in facts["licence"]["photos"]


def test_figures_of_another_generator_are_left_out(tmp_path: Path) -> None:
    folder = write_generator(tmp_path / "project", "ganscape")
    metrics = folder.parent / "evaluate/figures.json"
    metrics.write_text(json.dumps(json.loads(metrics.read_text()) | {"generator_sha256": "0"}))
    (folder.parents[1] / "params.yaml").unlink()
    export(folder, ["safetensors"], tmp_path / "out")
    facts = sidecar(tmp_path / "out" / "generator.safetensors")
    assert facts["data"] == {}
    assert facts["licence"]["photos"].startswith("not known")


def test_the_files_tell_nothing_of_the_machine(exported: Path) -> None:
    for path in exported.iterdir():
        content = path.read_bytes()
        for word in (b"site-packages", bytes(Path(__file__).parents[2]), bytes(Path.home())):
            assert word not in content, f"{path.name} holds {word!r}"


def test_the_weights_are_copied_and_load(exported: Path, model: Path) -> None:
    for name in ("generator.safetensors", "config.json"):
        assert (exported / name).read_bytes() == (model / name).read_bytes()
    assert size_multiple(load_generator(exported, CPU)) == 4


def test_nothing_is_overwritten_without_force(exported: Path, model: Path) -> None:
    before = {path.name: path.read_bytes() for path in exported.iterdir()}
    with pytest.raises(ValueError, match=r"holds generator.onnx, generator.onnx.json already: add"):
        export(model, ["onnx"], exported)
    assert {path.name: path.read_bytes() for path in exported.iterdir()} == before
    (exported / "generator.onnx").write_bytes(b"")
    export(model, ["onnx"], exported, force=True)
    assert (exported / "generator.onnx").read_bytes() == before["generator.onnx"]


@pytest.mark.parametrize("form", ["onnx", "torch", "safetensors"])
def test_a_file_that_does_something_else_is_not_kept(
    form: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By half of the tolerance it may differ, by twice of it not."""
    true = formats.FORMATS[form]
    for factor, is_kept in ((2.0, False), (0.5, True)):

        def shifted(path: Path, signature: Any, by: float = factor * 1e-4) -> Any:
            run = true.open(path, signature)
            return lambda inputs: run(inputs) + np.float32(by)

        wrong = formats.Format(true.file, formats._write_safetensors, shifted)
        if form != "safetensors":
            wrong = wrong._replace(write=true.write)
        monkeypatch.setitem(exporter.FORMATS, form, wrong)
        if is_kept:
            export(model, [form], tmp_path / "out")
            assert (tmp_path / "out" / true.file).is_file()
        else:
            with pytest.raises(ValueError, match="differs from the generator by 0.0002"):
                export(model, [form], tmp_path / "out")
            assert list((tmp_path / "out").iterdir()) == []


def test_a_hole_that_is_seen_is_not_kept(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = formats.FORMATS["safetensors"]

    def seeing(path: Path, signature: Any) -> Any:
        run = true.open(path, signature)
        return lambda inputs: run(inputs) + np.float32(1e-9) * inputs[0]

    monkeypatch.setitem(exporter.FORMATS, "safetensors", true._replace(open=seeing))
    with pytest.raises(ValueError, match="pixels of the hole have an influence"):
        export(model, ["safetensors"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_wrong_folders_and_formats(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere holds no generator.safetensors and no config"):
        export(tmp_path / "nowhere", ["onnx"], tmp_path / "out")
    with pytest.raises(ValueError, match="format is 'onxx', but must be onnx, torch, safetensors"):
        export(model, ["onxx"], tmp_path / "out")
    with pytest.raises(ValueError, match="is the generator's own folder"):
        export(model, ["onnx"], model / "export")
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="is a file, but --output must be a folder"):
        export(model, ["onnx"], tmp_path / "file")
    assert not (tmp_path / "out").exists()
