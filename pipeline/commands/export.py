"""Trained generators as files for elsewhere, each with a sidecar that says how to run it.

A file gets its name only when it has been read back and does what the generator does.
"""

import json
import os
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from models.components.generators import Completer
from models.generator_files import SUMS
from pipeline.export.formats import FORMATS, Format, Trained, by_torch, load_trained
from pipeline.export.parity import TOLERANCE, check_parity
from pipeline.export.sidecar import sidecar_path
from pipeline.export.signature import described
from pipeline.params.section import read
from pipeline.report.sources import SOURCES
from pipeline.runtime.checksums import sha256_of
from pipeline.runtime.extras import require_extra
from pipeline.runtime.progress import say

WEIGHTS = ("generator.safetensors", "config.json")


def export(model: Path, formats: Sequence[str], output: Path, *, force: bool = False) -> str:
    """Writes the generator in the folder `model` into the folder `output`; says what it wrote.

    formats: onnx, torch, safetensors or all. ValueError where there is no generator, where a file
    is there already without `force`, and where a written file does something else.
    """
    chosen = _chosen(formats)
    if FORMATS["onnx"] in chosen:
        modules = ("onnx", "onnxscript", "onnxruntime")
        require_extra("export", *modules, what="the format onnx")
    _check_folders(model, output)
    names = [name for each in chosen for name in _files(each)]
    there = [name for name in names if (output / name).exists()]
    if there and not force:
        raise ValueError(
            f"{output} holds {', '.join(there)} already: add --force to overwrite, or name another "
            "folder with --output"
        )
    trained = load_trained(model)
    output.mkdir(parents=True, exist_ok=True)
    lines = [_write(trained, each, output) for each in chosen]
    if isinstance(trained.graph.generator, Completer) and not trained.signature.completes:
        lines.append(
            f"{trained.config['recipe']} completes holes by a search that takes gradients, which "
            "no graph holds: .onnx and .pt2 make up images; to complete, load the weights "
            "(format safetensors)"
        )
    return "\n".join(lines)


def _chosen(formats: Sequence[str]) -> list[Format]:
    """Each once, in FORMATS' order."""
    for name in formats:
        if name not in (*FORMATS, "all"):
            raise ValueError(f"format is {name!r}, but must be {', '.join(FORMATS)} or all")
    return [each for name, each in FORMATS.items() if name in formats or "all" in formats]


def _files(form: Format) -> list[str]:
    """All that the format leaves."""
    beside = ["config.json"] if form.file in WEIGHTS else []
    return [form.file, *beside, sidecar_path(Path(form.file)).name]


def _check_folders(model: Path, output: Path) -> None:
    missing = [name for name in WEIGHTS if not (model / name).is_file()]
    if missing:
        raise ValueError(
            f"{model} holds no {' and no '.join(missing)}: train a generator with "
            "`dvc repro train`, or name the folder of one with --model"
        )
    if output.exists() and not output.is_dir():
        raise ValueError(f"{output} is a file, but --output must be a folder")
    if output.resolve().is_relative_to(model.resolve()):
        raise ValueError(
            f"{output} is the generator's own folder, which `dvc repro` makes anew: name another "
            "with --output"
        )


def _write(trained: Trained, form: Format, output: Path) -> str:
    """One file and its sidecar, moved to `output` when they are right."""
    say(f"export: {form.file}")
    with tempfile.TemporaryDirectory(dir=output, prefix=".export-") as name:
        scratch = Path(name)
        path = scratch / form.file
        form.write(trained, path)
        difference = check_parity(
            by_torch(trained.graph), form.open(path, trained.signature), trained.signature
        )
        facts = _facts(trained, path, difference)
        sidecar_path(path).write_text(json.dumps(facts, indent=2) + "\n")
        for each in _files(form):
            os.replace(scratch / each, output / each)
    size = (output / form.file).stat().st_size
    return f"{output / form.file}: {size / 1e6:.2f} MB, differs by at most {difference:.1g}"


def _facts(trained: Trained, path: Path, difference: float) -> dict[str, Any]:
    """The sidecar."""
    config = trained.config
    weights = sha256_of(trained.folder / "generator.safetensors")
    return {
        "file": path.name,
        "sha256": sha256_of(path),
        "what": "completes holes" if trained.signature.completes else "makes up images",
        **described(trained.signature),
        "recipe": config["recipe"],
        "options": config["options"],
        "training": {
            name: value
            for name, value in config.items()
            if name not in ("recipe", "options", "image_size", SUMS)
        },
        "generator_sha256": weights,
        "data": _data(trained.folder, weights),
        "parity": {"tolerance": TOLERANCE, "largest_difference": difference},
        "versions": {
            name: version(name)
            for name in ("scenefill", "torch", "onnx")
            if name != "onnx" or path.suffix == ".onnx"
        },
        "licence": {"code": "AGPL-3.0-only", "photos": _terms(trained.folder)},
    }


def _data(folder: Path, weights: str) -> dict[str, Any]:
    """Sums of what it was measured on, where data/evaluate beside it is of this generator."""
    metrics = folder.parent / "evaluate" / "figures.json"
    if not metrics.is_file():
        return {}
    figures = json.loads(metrics.read_text())
    if figures.get("generator_sha256") != weights:
        return {}
    names = ("num_photos", "test_sha256", "features_sha256", "code_sha256", "model", "samples")
    return {name: figures[name] for name in names if name in figures}


def _terms(folder: Path) -> str:
    """Of the photos it was trained on, as far as the params.yaml of its project says."""
    params = folder.parent.parent / "params.yaml"
    source = read(params)["download"]["source"] if params.is_file() else None
    if source not in SOURCES:
        return "not known: those of the photos that it was trained on hold"
    return f"{SOURCES[source].name}: {SOURCES[source].terms}"
