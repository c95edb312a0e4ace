"""The folder for the Hugging Face Hub."""

import json
from pathlib import Path

import pytest

from pipeline.commands.hub import export_hub
from pipeline.config.profiles import render
from pipeline.runtime.checksums import SHARD_SUMS, sha256_of, write_sums
from support.noise_shards import write_shards
from support.trained import save_untrained

pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
FILES = ["README.md", "config.json", "croissant.json", "data_card.md", "generator.safetensors"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    data = tmp_path / "project/data"
    generator = save_untrained(data / "train") / "generator.safetensors"
    write_shards(data / "crop", {"train": 4, "val": 1, "test": 1})
    for split in ("train", "val", "test"):
        tars = (data / "crop" / split).glob("*.tar")
        write_sums(data / "crop" / split / SHARD_SUMS, {tar.name: sha256_of(tar) for tar in tars})
    (data / "report").mkdir()
    (data / "report/model_card.md").write_text("# Model card: ganscape\n")
    (data / "report/data_card.md").write_text("# Data card\n")
    (data / "evaluate").mkdir()
    figures = {"num_photos": 1, "test_sha256": "ab" * 32, "generator_sha256": sha256_of(generator)}
    figures |= {"model": {"hole_psnr": 21.5, "hole_ssim": 0.5}}
    (data / "evaluate/figures.json").write_text(json.dumps(figures))
    (data.parent / "params.yaml").write_text(render("sample"))
    return data.parent


def test_the_card_has_the_metrics_where_the_hub_reads_them(project: Path, tmp_path: Path) -> None:
    from huggingface_hub import ModelCard

    said = export_hub(project, tmp_path / "hub")
    assert sorted(path.name for path in (tmp_path / "hub").iterdir()) == FILES
    assert "hf upload OWNER/NAME" in said
    card = ModelCard.load(tmp_path / "hub/README.md")
    assert card.data.license == "agpl-3.0" and card.data.pipeline_tag == "image-to-image"
    found = {result.metric_type: result.metric_value for result in card.data.eval_results}
    assert found == {"hole_psnr": 21.5, "hole_ssim": 0.5}
    assert card.text.strip() == "# Model card: ganscape"
    photos = json.loads((tmp_path / "hub/croissant.json").read_text())
    assert photos["@type"] == "sc:Dataset" and len(photos["recordSet"]) == 3


def test_figures_of_another_generator_are_refused(project: Path, tmp_path: Path) -> None:
    figures = json.loads((project / "data/evaluate/figures.json").read_text())
    figures["generator_sha256"] = "0" * 64
    (project / "data/evaluate/figures.json").write_text(json.dumps(figures))
    with pytest.raises(ValueError, match="another generator.*dvc repro"):
        export_hub(project, tmp_path / "hub")
    assert not (tmp_path / "hub").exists()


def test_nothing_is_written_over_unless_asked(project: Path, tmp_path: Path) -> None:
    own = tmp_path / "hub/mine.txt"
    own.parent.mkdir()
    own.write_text("mine")
    with pytest.raises(ValueError, match="not empty: add --force"):
        export_hub(project, tmp_path / "hub")
    export_hub(project, tmp_path / "hub", force=True)
    assert own.read_text() == "mine" and (tmp_path / "hub/README.md").is_file()


def test_without_the_extra_it_is_named(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.runtime.extras.find_spec", lambda module: None)
    with pytest.raises(ValueError, match=r"scenefill\[hub\]"):
        export_hub(project, tmp_path / "hub")
