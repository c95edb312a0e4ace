"""A trained generator as a folder in the form of the Hugging Face Hub, to upload as it is."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.export.croissant import croissant
from pipeline.params.section import read
from pipeline.report.sources import SOURCES
from pipeline.runtime.checksums import sha256_of
from pipeline.runtime.extras import require_extra

WEIGHTS = ("generator.safetensors", "config.json")
# Of data/evaluate: figure of the model -> name, whether more is better is in the card's table.
METRICS = {
    "hole_psnr": "PSNR inside the hole (dB)",
    "hole_ssim": "SSIM inside the hole",
    "hole_l1": "L1 inside the hole",
    "kid_scene": "KID of the boxes, on the scene network's features",
}
TASK, TASK_NAME = "image-to-image", "completing holes"


def export_hub(project: Path, output: Path, *, force: bool = False) -> str:
    """Writes the project's generator, cards and Croissant file into `output`; says what it wrote.

    README.md is the model card with its metrics. No photo is in the folder: the Croissant file
    describes the shards, and belongs beside them. ValueError where the figures are another
    generator's, and where `output` holds something already without `force`.
    """
    require_extra("hub", "huggingface_hub", "mlcroissant", what="--hub")
    if output.exists() and (not output.is_dir() or any(output.iterdir())) and not force:
        raise ValueError(
            f"{output} is there already and is not empty: add --force to write over it, or name "
            "another folder"
        )
    data = project / "data"
    figures = json.loads((data / "evaluate" / "figures.json").read_text())
    if figures["generator_sha256"] != sha256_of(data / "train" / WEIGHTS[0]):
        raise ValueError(
            f"the figures in {data / 'evaluate'} are of another generator than {data / 'train'} "
            "holds: run `dvc repro`"
        )
    source = SOURCES[read(project / "params.yaml")["download"]["source"]]
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".hub-") as name:
        scratch = Path(name)
        for weights in WEIGHTS:
            shutil.copyfile(data / "train" / weights, scratch / weights)
        card = (data / "report" / "model_card.md").read_text()
        (scratch / "README.md").write_text(_with_metadata(card, figures, source.name, data))
        shutil.copyfile(data / "report" / "data_card.md", scratch / "data_card.md")
        described = croissant(data / "crop", source.name, source.terms)
        text = json.dumps(described, indent=2, ensure_ascii=False)
        (scratch / "croissant.json").write_text(text + "\n")
        output.mkdir(exist_ok=True)
        written = sorted(path.name for path in scratch.iterdir())
        for each in written:
            (scratch / each).replace(output / each)
    return (
        f"{output}: {', '.join(written)}\n"
        f"upload it with: hf upload OWNER/NAME {output} .  (photos' terms: {source.terms})"
    )


def _with_metadata(card: str, figures: dict[str, Any], photos: str, data: Path) -> str:
    """The card below the front matter that the Hub reads."""
    from huggingface_hub import EvalResult, ModelCardData

    config = json.loads((data / "train" / "config.json").read_text())
    results = [
        EvalResult(
            task_type=TASK,
            task_name=TASK_NAME,
            dataset_type="webdataset",
            dataset_name=f"{photos}, {figures['num_photos']:,} test photos",
            dataset_split="test",
            dataset_revision=figures["test_sha256"],
            metric_type=metric,
            metric_name=name,
            metric_value=value,
        )
        for metric, name, value in _measured(figures)
    ]
    metadata = ModelCardData(
        license="agpl-3.0",
        library_name="scenefill",
        pipeline_tag=TASK,
        tags=["image-inpainting", "gan", config["recipe"]],
        model_name=f"scenefill-{config['recipe']}",
        eval_results=results or None,
    )
    return f"---\n{metadata.to_yaml()}\n---\n\n{card}"


def _measured(figures: dict[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Metric, its name and value, of those that were measured."""
    for metric, name in METRICS.items():
        if metric in figures.get("model", {}):
            yield metric, name, figures["model"][metric]
