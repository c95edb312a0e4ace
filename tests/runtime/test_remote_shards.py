"""Shards that are only in DVC's remote, of a real S3 server on loopback."""

import json
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.out_sums import md5_of
from pipeline.runtime import remote_shards
from pipeline.runtime.checksums import SHARD_SUMS, recorded_sum, sha256_of, write_sums
from pipeline.runtime.remote_shards import RemoteFolder
from pipeline.shards.reader import read_fields, read_meta, shard_folder, shards_of
from support.noise_shards import write_shards
from support.object_store import BUCKET, Way, object_store

CROP = Path("data/crop")
COUNTS = {"train": 18, "val": 5}

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def way() -> Iterator[Way]:
    pytest.importorskip("dvc_s3", reason="the extra buckets is not installed")
    with object_store() as way:
        yield way


@pytest.fixture(scope="module")
def on_disk(way: Way, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose shards were pushed."""
    from dvc.repo import Repo

    folder = tmp_path_factory.mktemp("here")
    crop = write_shards(folder / CROP, COUNTS)
    for split in COUNTS:
        tars = sorted((crop / split).glob("*.tar"))
        write_sums(crop / split / SHARD_SUMS, {path.name: sha256_of(path) for path in tars})
    meta = read_meta(crop) | {"sha256": {split: recorded_sum(crop / split) for split in COUNTS}}
    (crop / "meta.json").write_text(json.dumps(meta))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        repo = Repo.init(no_scm=True)
        with repo.config.edit() as config:
            config["core"] |= {"analytics": False, "remote": "store"}
            config["remote"]["store"] = {"url": f"s3://{BUCKET}/store"}
        repo = Repo()
        repo.add([str(CROP / split) for split in COUNTS])
        assert repo.push() == 5 + 2 + 2 + 2, "shards, lists of sums, lists of the folders"
        repo.close()
    return folder


@pytest.fixture
def clone(on_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One without the shards and without DVC's cache; the current folder."""
    (tmp_path / ".dvc").mkdir()
    shutil.copy(on_disk / ".dvc/config", tmp_path / ".dvc")
    (tmp_path / CROP).mkdir(parents=True)
    for path in (on_disk / CROP).iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path / CROP)
    monkeypatch.chdir(tmp_path)
    remote_shards._file_system.cache_clear()
    yield tmp_path
    remote_shards._file_system.cache_clear()


def samples(crop_dir: Any, split: str) -> list[dict[str, Any]]:
    """Without the place that they were read from."""
    read = read_fields(shards_of(crop_dir, split))
    return [{k: v for k, v in fields.items() if k != "__url__"} for fields in read]


def test_the_samples_are_those_on_a_disk_and_nothing_is_kept(on_disk: Path, clone: Path) -> None:
    there = shard_folder(CROP, "remote")
    for split, num in COUNTS.items():
        assert samples(there, split) == samples(on_disk / CROP, split)
        assert len(samples(there, split)) == num
    assert not list(clone.rglob("*.tar"))
    kept = sum(path.stat().st_size for path in clone.rglob("*") if path.is_file())
    assert kept < min(path.stat().st_size for path in on_disk.rglob("train-*.tar"))


@pytest.mark.slow
def test_many_threads_read_at_once(on_disk: Path, clone: Path) -> None:
    shards = RemoteFolder(CROP).shards("train")
    with ThreadPoolExecutor(8) as threads:
        read = list(threads.map(lambda shard: shard.open().read(), shards * 6))
    assert read == [(on_disk / shard.path).read_bytes() for shard in shards] * 6


@pytest.mark.slow
def test_cut_connections_lose_nothing(on_disk: Path, clone: Path, way: Way) -> None:
    before = way.num_cuts
    way.cut(10, after=2_000)
    assert samples(RemoteFolder(CROP), "train") == samples(on_disk / CROP, "train")
    assert way.num_cuts - before == 10


def object_of(on_disk: Path, path: Path) -> str:
    """Where `dvc push` has put the file."""
    md5 = md5_of(on_disk / path)
    return f"{BUCKET}/store/files/md5/{md5[:2]}/{md5[2:]}"


def test_a_missing_and_a_damaged_shard_are_named(on_disk: Path, clone: Path, way: Way) -> None:
    import s3fs

    first, second, *_ = RemoteFolder(CROP).shards("train")
    system = s3fs.S3FileSystem()
    place = object_of(on_disk, first.path)
    system.pipe_file(place, first.open().read()[:-1] + b"x")
    with pytest.raises(ValueError, match=r"train-000000.tar is damaged in DVC's remote"):
        first.open()
    system.rm_file(place)
    with pytest.raises(ValueError, match=r"train-000000.tar is not in DVC's remote: run `dvc push"):
        first.open()
    system.put_file(str(on_disk / first.path), place)
    assert first.open().read() and second.open().read()


def test_shards_of_another_meta_json_are_refused(clone: Path) -> None:
    meta = clone / CROP / "meta.json"
    meta.write_text(meta.read_text().replace(read_meta(CROP)["sha256"]["train"], "0" * 64))
    with pytest.raises(ValueError, match="is of other shards than data/crop/meta.json"):
        RemoteFolder(CROP).shards("train")


def test_no_remote_and_no_extra_are_said(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = clone / ".dvc/config"
    config.write_text(config.read_text().replace("s3://", "gs://"))
    monkeypatch.setitem(sys.modules, "dvc_gs", None)
    with pytest.raises(ValueError, match=r"dvc.gs.*pip install 'scenefill\[buckets\]'"):
        RemoteFolder(CROP).shards("train")
    config.write_text("[core]\n    no_scm = true\n")
    remote_shards._file_system.cache_clear()
    with pytest.raises(ValueError, match=r"is not in DVC's remote: .*`dvc remote list`"):
        RemoteFolder(CROP).shards("train")
