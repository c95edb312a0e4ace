import io
import tarfile
from pathlib import Path

import webdataset

from pipeline.shards.writer import ShardWriter, shard_name

FIELDS = {"image.png": b"x" * 700, "json": b"{}", "mask.png": b""}


def write(path: Path, keys: list[str]) -> dict[str, dict[str, int]]:
    with ShardWriter(path) as shard:
        return {key: shard.add(key, FIELDS) for key in keys}


def test_offsets_point_at_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    # A name over 100 characters needs an extra header, which must not shift the offsets.
    offsets = write(path, ["short", "long" * 60])
    data = path.read_bytes()
    for fields in offsets.values():
        for field, offset in fields.items():
            assert data[offset : offset + len(FIELDS[field])] == FIELDS[field]


def test_bytes_depend_on_samples_alone(tmp_path: Path) -> None:
    for name in ("a.tar", "b.tar"):
        write(tmp_path / name, ["one", "two"])
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == [
        f"{key}.{field}" for key in ("one", "two") for field in sorted(FIELDS)
    ]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, 0, "", "")}


def test_the_bytes_are_those_of_tarfile(tmp_path: Path) -> None:
    """Long and odd names too, which need more than one block of header."""
    keys = ["short", "é", "long" * 60, "x" * 99]
    write(tmp_path / "ours.tar", keys)
    with tarfile.open(tmp_path / "theirs.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        for key in keys:
            for field in sorted(FIELDS):
                member = tarfile.TarInfo(f"{key}.{field}")
                member.size, member.mode = len(FIELDS[field]), 0o444
                tar.addfile(member, io.BytesIO(FIELDS[field]))
    assert (tmp_path / "ours.tar").read_bytes() == (tmp_path / "theirs.tar").read_bytes()


def test_plain_webdataset_reads_them(tmp_path: Path) -> None:
    path = tmp_path / shard_name("train", 3)
    assert path.name == "train-000003.tar"
    write(path, ["one", "two"])
    samples = list(webdataset.WebDataset(str(path), shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == ["one", "two"]
    assert {field: samples[0][field] for field in FIELDS} == FIELDS
