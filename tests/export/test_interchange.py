"""The shards and the generator as other libraries take them: the real ones, where installed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.runtime.checksums import SHARD_SUMS, sha256_of, write_sums
from support.noise_shards import write_shards

RDFLIB = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
COUNTS = {"train": 6, "val": 2, "test": 1}


@pytest.fixture(scope="module")
def crop_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_shards(tmp_path_factory.mktemp("crop"), COUNTS)
    for split in COUNTS:
        tars = sorted((folder / split).glob("*.tar"))
        assert tars
        write_sums(folder / split / SHARD_SUMS, {tar.name: sha256_of(tar) for tar in tars})
    return folder


def shards(crop_dir: Path) -> list[str]:
    return [str(path) for path in sorted((crop_dir / "train").glob("*.tar"))]


def test_plain_webdataset(crop_dir: Path) -> None:
    import webdataset

    samples = list(
        webdataset.WebDataset(shards(crop_dir), shardshuffle=False)
        .decode("pil")
        .to_tuple("__key__", "image.png", "mask.png", "json")
    )
    assert len(samples) == COUNTS["train"]
    key, image, mask, facts = samples[0]
    assert key == "photo-000" and image.size == mask.size == (32, 32)
    assert facts["category"] == "field" and len(facts["box"]) == 4


@pytest.mark.slow
def test_hugging_face_datasets(crop_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="datasets is not installed")
    script = (
        "import sys, datasets\n"
        "found = datasets.load_dataset('webdataset', data_files={'train': sys.argv[2:]},\n"
        "    split='train', cache_dir=sys.argv[1])\n"
        "print(len(found), found[0]['__key__'], found[0]['image.png'].size,\n"
        "    found[0]['json']['category'])\n"
    )
    # In a process of its own: it sets up caches and threads as it is imported.
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "cache"), *shards(crop_dir)],
        env=os.environ | offline,
        capture_output=True,
        text=True,
    )
    assert run.stdout.split("\n")[0] == "6 photo-000 (32, 32) field", run.stderr


@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning")
def test_torchdata(crop_dir: Path) -> None:
    pytest.importorskip("torchdata", reason="torchdata is not installed")
    import webdataset
    from torchdata.stateful_dataloader import StatefulDataLoader

    source = webdataset.WebDataset(shards(crop_dir), shardshuffle=False).decode("torchrgb")
    batches = list(StatefulDataLoader(source.to_tuple("image.png"), batch_size=3))
    assert [tuple(batch[0].shape) for batch in batches] == [(3, 3, 32, 32)] * 2


def test_croissant_reads_the_shards_that_it_describes(crop_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    from pipeline.export.croissant import croissant

    path = crop_dir / "croissant.json"
    path.write_text(json.dumps(croissant(crop_dir, "noise: smooth", "CC0-1.0")))
    script = (
        "import sys, mlcroissant\n"
        "described = mlcroissant.Dataset(sys.argv[1])\n"
        "assert not described.metadata.issues.errors\n"
        "records = list(described.records('image'))\n"
        "print(len(records), len({record['image/key'] for record in records}),\n"
        "    {record['image/content'].size for record in records})\n"
    )
    # In a process of its own, whose home is the cache's.
    run = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        env=os.environ | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert run.stdout == "9 6 {(32, 32)}\n", run.stderr


@RDFLIB
def test_croissant_notices_a_shard_of_other_bytes(crop_dir: Path, tmp_path: Path) -> None:
    mlc = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    from pipeline.export.croissant import croissant

    values = croissant(crop_dir, "noise", "CC0-1.0")
    sums = {file["@id"]: file["sha256"] for file in values["distribution"] if "sha256" in file}
    assert sums == {
        f"{split}/{path.name}": sha256_of(path)
        for split in COUNTS
        for path in (crop_dir / split).glob("*.tar")
    }
    assert mlc.Dataset(jsonld=values).metadata.name == "scenefill-noise"
