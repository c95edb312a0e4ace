"""docs/scale.md: its commands, run as they stand there."""

import csv
import io
import shutil
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.config.out_sums import md5_of
from support.documents import commands
from support.google_bucket import google_bucket
from support.object_store import BUCKET, Way, object_store, put
from support.project import TINY, Project, stages_run

pytestmark = pytest.mark.slow

SMALL = TINY | {"sources.synthetic.num_photos": 60}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "project")
    project.set_all(SMALL)
    project.commit()
    return project


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Three nodes of one core, as processes of this machine."""
    pytest.importorskip("ray", reason="ray is not installed")
    from ray.cluster_utils import Cluster

    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    for _ in range(2):
        nodes.add_node(num_cpus=1)
    yield nodes
    nodes.shutdown()
    monkeypatch.undo()


def test_the_data_stages_leave_the_bytes_of_a_local_run(project: Project, cluster: Any) -> None:
    """`ray start` and `ray stop` of the page would reach all that runs on this machine."""
    (stages,) = (line for line in commands("ray") if not line.startswith("ray "))
    project.type(stages)
    local = project.out_hashes()
    ray = {"runtime.engine": "ray", "runtime.ray.address": cluster.address}
    project.set_all(ray | {"runtime.ray.num_gpus": 0.0})
    assert "didn't change, skipping" in project.run("dvc", "repro", "crop"), "runtime reruns none"
    said = project.run("dvc", "repro", "--force", "crop")
    assert said.count("Ray: 3 nodes, 3 cores") == 4, "download, detect_people, downscale, crop"
    assert project.out_hashes() == local and "data/crop/train" in local


def test_a_sweep_is_one_queue(project: Project) -> None:
    repro, queue, start, show, gather = commands("sweep")
    project.type(repro)
    project.commit()
    assert project.type(queue).count("Queueing with overrides") == 4
    project.type(start)
    deadline = time.monotonic() + 1500
    while (status := project.run("dvc", "queue", "status")).count("Success") < 4:
        assert "Failed" not in status and time.monotonic() < deadline, status
        time.sleep(2)
    rows = list(csv.DictReader(io.StringIO(project.type(show))))
    swept = [
        (row["train.seed"], row["recipes.scenefill.detail"])
        for row in rows
        if row["rev"] not in ("", "workspace") and row["typ"] != "baseline"
    ]
    assert sorted(swept) == [("1", "0.0"), ("1", "1.3"), ("2", "0.0"), ("2", "1.3")]
    project.type(gather)
    with (project.folder / "data/compare/former.csv").open() as table:
        changed = [row["subject"].split(": ")[1].split(", ") for row in csv.DictReader(table)]
    assert sorted(map(sorted, changed)) == [
        [f"recipes.scenefill.detail={detail}", f"train.seed={seed}"]
        for detail in ("0.0", "1.3")
        for seed in (1, 2)
    ]
    runs = {stage: project.folder / f".work/timings/{stage}.jsonl" for stage in ("crop", "train")}
    counts = {stage: len(path.read_text().splitlines()) for stage, path in runs.items()}
    assert counts == {"crop": 1, "train": 4}, "the data stages ran once"


@pytest.fixture
def way() -> Iterator[Way]:
    with object_store() as way:
        yield way


def test_photos_in_a_bucket_leave_the_bytes_of_those_on_a_disk(project: Project, way: Way) -> None:
    """With two workers, while ten connections are cut."""
    project.set_all({"runtime.workers": 2, "filter_categories.categories": "all"})
    project.run("dvc", "repro", "crop")
    on_disk = project.out_hashes()
    (tar,) = (project.folder / ".work/photos").glob("*.tar")
    url = put(tar, "photos.tar")
    tar.unlink()
    project.set_all({"download.source": "folder", "sources.folder.url": url})
    check, repro = commands("bucket")
    project.type(check)
    way.cut(10, after=20_000)
    project.type(repro)
    # Forced: the sum is the same, and DVC runs nothing again for the place.
    for stage in ("index", "detect_people", "downscale"):
        project.run("dvc", "repro", "--force", "--single-item", stage)
    assert way.num_cuts == 10
    in_bucket = project.out_hashes()
    for out in ("data/index/index.parquet", "data/downscale/shards", "data/crop/train"):
        assert in_bucket[out] == on_disk[out], out
    assert not list((project.folder / ".work/photos").glob("*.tar"))
    put(project.folder / "params.yaml", "photos.tar")
    refusal = project.run("dvc", "repro", "--force", "--single-item", "downscale", code=255)
    assert "has changed since `download`" in refusal


def test_a_folder_in_a_bucket_leaves_the_bytes_of_one_on_a_disk(project: Project, way: Way) -> None:
    """The photos are never here as a whole; a photo that is added is refused by its name."""
    project.run("dvc", "repro", "download")
    (tar,) = (project.folder / ".work/photos").glob("*.tar")
    photos = project.folder / "data/photos"
    with tarfile.open(tar) as archive:
        for member in archive:
            path = photos / member.name.partition("/")[2]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.extractfile(member).read())  # type: ignore[union-attr]
    (photos / "sea").mkdir(exist_ok=True)
    (photos / "sea/notes.txt").write_text("no photo")
    tar.unlink()
    chosen = {"download.source": "folder", "sources.folder.path": "data/photos"}
    project.set_all(chosen | {"runtime.workers": 2, "filter_categories.categories": "all"})
    project.run("dvc", "repro", "crop")
    on_disk = project.out_hashes()

    url = f"s3://{BUCKET}/own/"
    for path in photos.rglob("*"):
        if path.is_file():
            put(path, f"own/{path.relative_to(photos)}")
    shutil.rmtree(photos)
    shutil.rmtree(project.folder / ".work/photos")
    project.set_all({"sources.folder.path": "data/none", "sources.folder.url": url})
    check, repro = commands("bucket")
    project.type(check)
    way.cut(10, after=20_000)
    assert stages_run(project.type(repro)) == ["download"], "the same photos"
    assert project.out_hashes() == on_disk
    for stage in ("index", "detect_people", "filter_people", "downscale"):
        project.run("dvc", "repro", "--force", "--single-item", stage)
    assert way.num_cuts == 10
    assert project.out_hashes() == on_disk and "data/crop/train" in on_disk
    here = [path.suffix for path in (project.folder / ".work/photos").iterdir()]
    assert sorted(here) == [".json", ".parquet"]

    photo = project.run("python", "-m", "pipeline", "explain", f"{first_path(project)}")
    assert "bytes from byte" in photo
    put(project.folder / "params.yaml", "own/sea/added.yaml")
    refusal = project.run("dvc", "repro", "--force", "--single-item", "downscale", code=255)
    assert f"{url}sea/added.yaml was added" in refusal


def first_path(project: Project) -> str:
    table = pd.read_parquet(project.folder / "data/index/index.parquet")
    return str(table["path"][0])


def test_a_clone_trains_on_shards_in_a_bucket(project: Project, way: Way, tmp_path: Path) -> None:
    """The bytes of a run from the disk, DVC's record too; and a clone that pulls runs nothing."""
    pytest.importorskip("dvc_s3", reason="the extra buckets is not installed")
    add, push = commands("push-to-bucket")
    project.run("dvc", "repro", "crop")
    project.type(add.replace("BUCKET", BUCKET))
    project.type(push)
    project.commit()
    clone = Project.at(tmp_path / "clone")
    project.run("git", "clone", "--quiet", str(project.folder), str(clone.folder))
    project.run("dvc", "repro", "evaluate")
    project.type(push)
    on_disk = project.out_hashes()

    pull, repro = commands("train-from-bucket")
    clone.type(pull)
    assert "needs data/crop/train" in clone.run(
        "dvc", "repro", "--allow-missing", "train", code=255
    )
    clone.set("runtime.shards", "remote")
    clone.set("runtime.feeding", "stream")
    way.cut(10, after=20_000)
    assert stages_run(clone.type(repro)) == ["evaluate", "train", "train_features"]
    assert way.num_cuts == 10
    assert clone.out_hashes() == on_disk and "data/train/generator.safetensors" in on_disk
    shards = list((project.folder / "data/crop").rglob("*.tar"))
    cached = {path.name for path in (clone.folder / ".dvc/cache").rglob("*")}
    assert shards and not any(md5_of(shard)[2:] in cached for shard in shards)
    assert md5_of(project.folder / "data/crop/meta.json")[2:] in cached
    assert not list(clone.folder.rglob("*.tar"))

    # Everything pulled: nothing is left to do.
    project.commit()
    whole = Project.at(tmp_path / "whole")
    project.run("git", "clone", "--quiet", str(project.folder), str(whole.folder))
    whole.run("dvc", "pull", "--with-deps", "evaluate")
    assert whole.repro("evaluate") == [] and whole.out_hashes() == on_disk


def test_a_clone_trains_on_shards_in_a_bucket_of_googles(project: Project, tmp_path: Path) -> None:
    """As above, by an emulator of Google's server; no shard is kept."""
    pytest.importorskip("dvc_gs", reason="the extra buckets is not installed")
    add, push = commands("push-to-bucket")
    pull, repro = commands("train-from-bucket")
    project.run("dvc", "repro", "crop")
    with google_bucket(BUCKET) as address:
        project.type(add.replace("s3://BUCKET", f"gs://{BUCKET}"))
        project.run("dvc", "remote", "modify", "store", "endpointurl", address)
        project.type(push)
        assert "in sync" in project.run("dvc", "status", "--cloud")
        project.commit()
        clone = Project.at(tmp_path / "clone")
        project.run("git", "clone", "--quiet", str(project.folder), str(clone.folder))
        clone.type(pull)
        clone.set("runtime.shards", "remote")
        assert stages_run(clone.type(repro)) == ["evaluate", "train", "train_features"]
        assert not list(clone.folder.rglob("*.tar"))
        whole = Project.at(tmp_path / "whole")
        project.run("git", "clone", "--quiet", str(project.folder), str(whole.folder))
        whole.run("dvc", "pull", "--with-deps", "crop")
        assert whole.repro("crop") == [] and list(whole.folder.rglob("data/crop/train/*.tar"))
    project.run("dvc", "repro", "evaluate")
    assert clone.out_hashes() == project.out_hashes()
