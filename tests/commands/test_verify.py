"""`scenefill verify` and what it removes, with a cache as DVC keeps it."""

import os
import random
import shutil
from pathlib import Path

import pytest

from pipeline.commands.verify import verify
from pipeline.config import out_sums
from pipeline.runtime.checksums import SHARD_SUMS, sha256_of, write_sums
from pipeline.runtime.code_closure import ROOT
from pipeline.runtime.photo_archive import stored_archive
from support.project import Project
from support.rot import flip

OUT = Path("data/index/funnel.json")
FOLDER = Path("data/train/history")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with outs of two stages, and DVC's cache, into which they are hard links."""
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    for folder in (".dvc", ".git"):
        Path(folder).mkdir()
    cache = tmp_path / ".dvc/cache/files/md5"
    for path in (OUT, FOLDER / "metrics.json", FOLDER / "rows.csv"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{path}\n" * 20)
        md5 = out_sums.md5_of(path)
        (cache / md5[:2]).mkdir(parents=True, exist_ok=True)
        os.link(path, cache / md5[:2] / md5[2:])
    outs = ({"path": str(each), "md5": out_sums.md5_of(each)} for each in (OUT, FOLDER))
    entries = "\n".join(f"    - {{path: {each['path']}, md5: {each['md5']}}}" for each in outs)
    Path("dvc.lock").write_text(f"schema: '2.0'\nstages:\n  all:\n    outs:\n{entries}\n")
    return cache


def num_files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def test_sound_outs_are_counted(cache: Path) -> None:
    lines = verify(Path("data"), remove=False)
    assert lines == "2 outs are what the stages wrote, byte for byte"
    other = Path("data/crop/meta.json")
    other.parent.mkdir()
    other.write_text("{}")
    lines = verify(Path("data"), remove=False)
    assert lines.splitlines()[1].startswith(f"of {other} no sum is recorded")


@pytest.mark.parametrize(("damaged", "out"), [(OUT, OUT), (FOLDER / "rows.csv", FOLDER)])
def test_what_is_damaged_is_removed_and_its_link_in_the_cache(
    damaged: Path, out: Path, cache: Path
) -> None:
    """From the cache DVC would bring it back."""
    flip(damaged, random.Random(0))
    with pytest.raises(ValueError, match=f"^{out} is damaged: not what `{out.parts[1]}` wrote"):
        verify(Path("data"), remove=False)
    assert damaged.exists() and num_files(cache) == 3
    assert verify(Path("data"), remove=True).startswith(f"removed {out}: run `dvc repro`")
    assert not out.exists() and num_files(cache) == 2
    assert "1 outs are what" in verify(Path("data"), remove=False)


def test_a_missing_shard_keeps_nothing_from_being_removed(cache: Path) -> None:
    folder = Path("data/crop/train")
    folder.mkdir(parents=True)
    sums = {f"train-{number:06d}.tar": "0" * 64 for number in range(9)}
    write_sums(folder / SHARD_SUMS, sums)
    for name in ("train-000001.tar", "train-000008.tar"):
        (folder / name).write_text("another")
    said = verify(Path("data"), remove=True)
    assert said.startswith("removed data/crop/train/train-000000.tar, ") and "and 4 more:" in said
    assert [path.name for path in folder.iterdir()] == [SHARD_SUMS]


def test_where_dvc_fails_its_words_are_told(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flip(OUT, random.Random(0))
    Path(".dvc/config").write_text("[core")
    with pytest.raises(ValueError, match="DVC does not say where its cache is: .*config"):
        verify(Path("data"), remove=True)
    assert OUT.exists()


def test_the_archive_of_photos_is_verified(cache: Path) -> None:
    photos = Path("photos.tar")
    photos.write_bytes(b"photos" * 1000)
    sha256 = sha256_of(photos)
    record = Path("data/download/photos.tar.sha256")
    record.parent.mkdir()
    record.write_text(f"{sha256}  photos.tar\n")
    stored_archive(sha256).parent.mkdir(parents=True)
    shutil.move(photos, stored_archive(sha256))
    verify(Path("data"), remove=False)
    flip(stored_archive(sha256), random.Random(0))
    with pytest.raises(ValueError, match=r"tar is damaged: run `dvc repro --force --single-item d"):
        verify(Path("data"), remove=False)


@pytest.mark.slow
def test_what_dvc_takes_for_sound_is_found_and_made_again(tmp_path: Path) -> None:
    """By the real DVC, which goes by size and time, and links damage back from its cache."""
    project = Project(tmp_path / "project")
    project.repro("filter_categories")
    hashes = project.out_hashes()
    index = project.folder / "data/index/index.parquet"
    whole = index.read_bytes()
    flip(index, random.Random(0))
    assert "up to date" in project.run("dvc", "status", "filter_categories")
    said = project.run("python", "-m", "pipeline", "filter_categories", code=1)
    assert "data/index/index.parquet is damaged: not what `index` wrote: run `scenefill ver" in said
    assert "removed data/index/index.parquet" in project.type("scenefill verify --remove")
    assert project.repro("filter_categories") == ["index"]
    assert index.read_bytes() == whole and project.out_hashes() == hashes
    assert "outs are what the stages wrote" in project.type("scenefill verify")


@pytest.mark.slow
def test_a_rotten_list_of_sums_is_not_brought_back(tmp_path: Path) -> None:
    """Nor does a sound shard go in its place, time and again."""
    project = Project(tmp_path / "project")
    project.set("detect_people.enabled", False)
    project.repro("crop")
    hashes = project.out_hashes()
    sums = project.folder / "data/crop/train" / SHARD_SUMS
    whole = sums.read_bytes()
    with sums.open("r+b") as file:  # in place: a link to it is in DVC's cache
        file.write(b"0" if whole[:1] == b"1" else b"1")
    said = project.run("python", "-m", "pipeline", "train_features", code=1)
    assert "data/crop/train/.shards.sha256 is damaged: not what `crop` wrote" in said
    assert "removed data/crop/train/.shards.sha256" in project.type("scenefill verify --remove")
    project.repro("crop")
    assert sums.read_bytes() == whole and project.out_hashes() == hashes
    assert "outs are what the stages wrote" in project.type("scenefill verify")
