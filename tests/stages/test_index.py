import io
import tarfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pandas as pd
import pytest

from pipeline.config.profiles import render
from pipeline.params.index import IndexParams
from pipeline.photos import photo_tables
from pipeline.photos.keys import key_of
from pipeline.runtime import bucket_archive, photo_archive
from pipeline.runtime.bucket_archive import name_tar
from pipeline.runtime.checksums import write_sums
from pipeline.stages import index as stage
from pipeline.stages.index import category_of, index, scan

PARAMS = IndexParams(formats=["jpeg"], max_bytes=1000)
WriteTar = Callable[[Path, dict[str, bytes]], None]


@pytest.mark.parametrize(
    ("path", "category"),
    [
        ("data_256/a/airfield/00000001.jpg", "a/airfield"),
        ("data_256/f/forest/broadleaf/00000001.jpg", "f/forest/broadleaf"),
        ("data_256/sea/x.jpg", "sea"),
    ],
)
def test_category_is_all_between_root_and_name(path: str, category: str) -> None:
    assert category_of(path.split("/")) == (category, None)


def test_rows_point_at_the_bytes_in_order_of_path(tmp_path: Path, write_tar: WriteTar) -> None:
    members = {f"data_256/c/{name}.jpg": name[:4].encode() * 50 for name in ("b", "a", "long" * 40)}
    archive = tmp_path / "photos.tar"
    write_tar(archive, members)
    table, counts = index(archive, PARAMS)
    assert counts == {"photos": 3}
    assert list(table["path"]) == sorted(members)
    assert list(table["key"]) == [key_of(path) for path in sorted(members)]
    data = archive.read_bytes()
    for row in table.itertuples():
        assert data[row.offset : row.offset + row.size] == members[row.path]


def test_rows_do_not_depend_on_how_many_are_held(
    tmp_path: Path, write_tar: WriteTar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor the order of paths on what is in them: it is that of the letters' numbers."""
    letters = ["a", "Z", "é", "\ufb01", "\U0001f600", "a-b", "a b"]
    names = [f"data_256/{c}/{name}.jpg" for c in letters for name in letters]
    archive = tmp_path / "photos.tar"
    write_tar(archive, {name: name.encode() for name in reversed(names)})
    whole, _ = index(archive, PARAMS)
    assert list(whole["path"]) == sorted(names)
    monkeypatch.setattr(photo_tables, "ROWS_AT_ONCE", 5)
    rows, counts = scan(archive, PARAMS)
    pieces = list(rows)
    assert [len(piece) for piece in pieces] == [5] * 9 + [4] and counts == {"photos": 49}
    assert pd.concat(pieces, ignore_index=True).equals(whole)


def test_every_other_member_is_counted_by_reason(tmp_path: Path) -> None:
    archive = tmp_path / "photos.tar"
    with tarfile.open(archive, "w") as tar:
        for name, size in [
            ("data_256/c/a.jpg", 10),
            ("data_256/c/a.jpg", 11),
            ("data_256/c/huge.jpg", 2000),
            ("data_256/c/notes.txt", 10),
            ("data_256/c/._a.jpg", 10),
            ("data_256/c/.thumbnails/a.jpg", 10),
            ("data_256/c/@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", 10),
            ("data_256/../../etc/a.jpg", 10),
            ("/etc/a/a.jpg", 10),
            ("data_256/c/\udcff.jpg", 10),
            ("no_category.jpg", 10),
        ]:
            member = tarfile.TarInfo(name)
            member.size = size
            tar.addfile(member, io.BytesIO(bytes(size)))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE):
            link = tarfile.TarInfo("data_256/c/link.jpg")
            link.type, link.linkname = kind, "/etc/passwd"
            tar.addfile(link)
        folder = tarfile.TarInfo("data_256/c")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
    table, counts = index(archive, PARAMS)
    assert list(table["size"]) == [10], "of photos with one path the first stays"
    assert counts == {
        "duplicate_path": 1,
        "no_regular_file": 3,
        "hidden_files": 3,
        "other_files": 1,
        "photos": 1,
        "too_large": 1,
        "unusable_name": 4,
    }


def test_a_tar_without_photos_or_no_tar_is_an_error(tmp_path: Path, write_tar: WriteTar) -> None:
    archive = tmp_path / "photos.tar"
    write_tar(archive, {"data_256/c/a.txt": b"1"})
    with pytest.raises(ValueError, match=r"no photo of params.yaml index.formats .*other_files"):
        index(archive, PARAMS)
    archive.write_bytes(b"not a tar" * 200)
    with pytest.raises(ValueError, match="no intact plain tar"):
        index(archive, PARAMS)


def test_a_truncated_archive_is_an_error(tmp_path: Path, write_tar: WriteTar) -> None:
    """Also where it stops between two photos: tarfile would take that for the end."""
    archive = tmp_path / "photos.tar"
    write_tar(archive, {f"data_256/c/{name}.jpg": bytes(512) for name in "abc"})
    data = archive.read_bytes()
    for size, words in ((2900, "has 512 bytes, but the file ends"), (2048, "without the mark")):
        archive.write_bytes(data[:size])
        with pytest.raises(ValueError, match=f"{words}.*run `dvc repro -f download`"):
            index(archive, PARAMS)


@pytest.mark.parametrize("place", ["disk", "bucket"])
def test_an_interruption_does_not_read_on_to_the_archives_end(
    place: str, scratch_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scratch_root)
    monkeypatch.setattr(bucket_archive, "BLOCK", 1 << 16)
    monkeypatch.setattr(photo_archive, "BLOCK", 1 << 16)
    Path("params.yaml").write_text(render("sample"))
    archive, record = Path(".work/photos/new.tar"), Path("data/download/photos.tar.sha256")
    for path in (archive, record):
        path.parent.mkdir(parents=True)
    archive.write_bytes(bytes(200 << 16))
    read = Counter[str]()

    def noted(*_: object) -> bytes:
        read["blocks"] += 1
        time.sleep(0.01)
        return bytes(1 << 16)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    if place == "bucket":
        tar = name_tar(f"file://{archive.absolute()}")
        write_sums(record, {"photos.tar": tar.sha256})
        tar.write(photo_archive.bucket_note(tar.sha256))
        monkeypatch.setattr(bucket_archive.BucketArchive, "pread", noted)
    else:
        photo_archive.name_by_sum(archive, record)
        monkeypatch.setattr(photo_archive, "hashlib", Mock(sha256=lambda: Mock(update=noted)))
    monkeypatch.setattr(stage, "scan", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stage.run()
    assert read["blocks"] < 100


def test_paths_are_split_as_the_system_does(tmp_path: Path, write_tar: WriteTar) -> None:
    archive = tmp_path / "photos.tar"
    write_tar(archive, {"./data_256//c/./a.JPG": b"1", "data_256/c/a.b.jpg": b"2"})
    table, counts = index(archive, PARAMS)
    assert counts == {"photos": 2}
    assert list(table["category"]) == ["c", "c"]
