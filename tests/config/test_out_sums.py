"""What stages wrote and something else has changed since, found before it is read."""

import json
import random
import re
import shutil
from pathlib import Path

import pytest
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.meta import Meta
from dvc_data.hashfile.tree import Tree

from pipeline.cli import STAGES
from pipeline.config import out_sums
from pipeline.config.preconditions import Line
from pipeline.runtime.checksums import SHARD_SUMS, sha256_of, write_sums
from pipeline.runtime.code_closure import ROOT
from support.rot import flip


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Line:
    """A project in which every stage has run, without DVC; every out has something in it."""
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    line = Line()
    for stage in STAGES:
        for out in map(Path, line.outs(stage)):
            out.parent.mkdir(parents=True, exist_ok=True)
            if out.suffix:
                out.write_text(f"what {out} holds\n" * 9)
                continue
            (out / "within").mkdir(parents=True)
            for name in ("b.csv", "a.csv", "within/a.csv"):
                (out / name).write_text(f"what {out} holds as {name}\n" * 9)
        out_sums.record(stage)
    shards = Path("data/crop/train")
    shutil.rmtree(shards)
    shards.mkdir()
    for name in ("train-000000.tar", "train-000001.tar"):
        (shards / name).write_bytes(name.encode() * 99)
    write_sums(shards / SHARD_SUMS, {path.name: sha256_of(path) for path in shards.iterdir()})
    return line


def test_one_bit_is_found_in_whatever_a_stage_reads(line: Line) -> None:
    draws = random.Random(0)
    tried = 0
    for stage in STAGES:
        inputs = list(line.inputs(stage))
        out_sums.require_sound(inputs)
        for out in map(Path, inputs):
            for file in [out] if out.is_file() else list(out.rglob("*.*")):
                before = file.read_bytes()
                flip(file, draws)
                with pytest.raises(ValueError, match="damaged") as error:
                    out_sums.require_sound(inputs)
                assert str(out) in str(error.value) and "run `scenefill verify" in str(error.value)
                file.write_bytes(before)
                tried += 1
    assert tried > 60


def test_files_that_went_or_came_are_found(line: Line) -> None:
    Path("data/crop/train/train-000001.tar").unlink()
    Path("data/crop/train/train-000002.tar").touch()
    Path("data/train/history/new.csv").touch()
    assert list(out_sums.damaged_files(["data/crop/train", "data/train/history"])) == [
        "data/crop/train/train-000001.tar",
        "data/crop/train/train-000002.tar",
        "data/train/history",
    ]


@pytest.mark.parametrize("place", [0, 70, -2])
def test_a_rotten_list_of_sums_is_not_laid_on_the_shards(line: Line, place: int) -> None:
    """A digit of a sum, or a letter of a name: where DVC knows the folder, it can be told."""
    folder = Path("data/crop/train")
    entry = f"{{path: {folder}, hash: md5, md5: {out_sums.md5_of(folder)}, size: 1}}"
    Path("dvc.lock").write_text(f"schema: '2.0'\nstages:\n  crop:\n    outs: [{entry}]\n")
    sums = folder / SHARD_SUMS
    text = sums.read_text()
    place %= len(text)
    sums.write_text(text[:place] + ("0" if text[place] == "1" else "1") + text[place + 1 :])
    assert list(out_sums.damaged_files([str(folder)])) == [str(sums)]
    (folder / "train-000001.tar").write_bytes(b"rotten as well")
    assert str(folder / "train-000001.tar") in list(out_sums.damaged_files([str(folder)]))


def test_what_dvc_has_recorded_is_sound_too(line: Line) -> None:
    out = Path("data/index/funnel.json")
    out.write_text("of another run, that DVC brought back\n")
    assert list(out_sums.damaged_files([str(out)])) == [str(out)]
    entry = f"{{path: {out}, hash: md5, md5: {out_sums.md5_of(out)}, size: 1}}"
    Path("dvc.lock").write_text(f"schema: '2.0'\nstages:\n  index:\n    outs: [{entry}]\n")
    assert list(out_sums.damaged_files([str(out)])) == []


def test_a_folder_is_summed_as_dvc_does(line: Line) -> None:
    folder = Path("data/train/history")
    tree = Tree()
    for path in folder.rglob("*.csv"):
        info = HashInfo("md5", out_sums.md5_of(path))
        tree.add(path.relative_to(folder).parts, Meta(), info)
    tree.digest()
    assert tree.hash_info is not None and len(tree) == 3
    assert out_sums.md5_of(folder) == tree.hash_info.value


def test_damaged_records_are_named(line: Line) -> None:
    record = out_sums.RECORDS / "index.json"
    record.write_text(record.read_text()[:-9])
    with pytest.raises(ValueError, match=re.escape(f"{record} is damaged: run `rm {record}`")):
        out_sums.require_sound(["data/index/funnel.json"])
    record.write_text(json.dumps({}))
    out_sums.require_sound(["data/index/funnel.json"])  # there is nothing to compare it with
    out = "stages: {index: {outs: [{path: data/index/funnel.json, md5: 12ab}]}}"
    for half in ("", "stages: [", "stages: {index: }", out):
        Path("dvc.lock").write_text(half)
        with pytest.raises(ValueError, match="dvc.lock is damaged: run `git checkout dvc.lock`"):
            out_sums.require_sound(["data/index/funnel.json"])
