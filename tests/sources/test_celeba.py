import io
import random
import tarfile
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.params.index import IndexParams
from pipeline.sources.celeba.options import CelebaOptions
from pipeline.sources.celeba.source import write
from pipeline.stages.index import index
from support.hostile_files import hostile_zip
from support.pictures import encoded, picture
from support.places_server import pinned
from support.runtime import runtime

ZIP = "img_align_celeba.zip"
FACES = {f"img_align_celeba/{i:06d}.jpg": encoded(picture(i, (178, 218))) for i in (2, 1, 3)}

pytestmark = pytest.mark.usefixtures("scratch_root")


def zipped(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("img_align_celeba/", b"")
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def options(form: str = "archive", with_lists: bool = False, **archives: object) -> CelebaOptions:
    values = {"form": form, "with_lists": with_lists, **archives}
    return CelebaOptions.model_validate(values)


def packed(folder: Path, data: bytes) -> list[str]:
    """The tar's names, of a zip that lies in `folder`."""
    folder.mkdir(exist_ok=True)
    (folder / ZIP).write_bytes(data)
    write(
        folder / "photos.tar",
        folder,
        options(archive=pinned(ZIP, data)),
        runtime(adopt=str(folder)),
    )
    with tarfile.open(folder / "photos.tar") as tar:
        return tar.getnames()


def test_the_zip_becomes_a_tar_in_order_of_names(tmp_path: Path) -> None:
    names = packed(tmp_path / "a", zipped(FACES))
    assert names == [f"img_align_celeba/faces/{i:06d}.jpg" for i in (1, 2, 3)]
    packed(tmp_path / "b", zipped(dict(reversed(FACES.items()))))
    first, second = (tmp_path / name / "photos.tar" for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    table, counts = index(first, IndexParams(formats=["jpeg"], max_bytes=10**6))
    assert counts == {"photos": 3} and set(table["category"]) == {"faces"}
    row = table.iloc[0]
    assert first.read_bytes()[row.offset :][: row["size"]] == FACES["img_align_celeba/000001.jpg"]


def test_members_that_are_no_faces_stay_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No path of the zip is followed: the file name alone counts."""
    others = {"__MACOSX/._000001.jpg": b"", "readme.txt": b"", "again/000001.jpg": b"other"}
    huge = {"img_align_celeba/000009.jpg": bytes(10_000_001)}
    names = packed(tmp_path, zipped({**FACES, **others, **huge, "../../etc/000004.jpg": b"4"}))
    assert names == [f"img_align_celeba/faces/{i:06d}.jpg" for i in (1, 2, 3, 4)]
    message = capsys.readouterr().err
    for words in ("'other files': 2", "'duplicates': 1", "'too large': 1"):
        assert words in message


def test_a_broken_zip_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no zip that can be read"):
        packed(tmp_path, b"no zip")
    data = bytearray(zipped(FACES))
    data[200] ^= 0xFF
    with pytest.raises(ValueError, match="no zip that can be read"):
        packed(tmp_path, bytes(data))
    with pytest.raises(ValueError, match="holds no photo"):
        packed(tmp_path, zipped({}))


def test_a_photo_before_the_start_of_the_file_is_told(tmp_path: Path) -> None:
    """Its offset is an invalid argument to the system, which names no file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("000001.jpg", bytes(100))
    with pytest.raises(ValueError, match="no zip that can be read"):
        packed(tmp_path, buffer.getvalue()[20:])


def test_hostile_zips_are_packed_or_told(tmp_path: Path) -> None:
    outcomes = Counter[str]()
    for seed in range(12):
        data = hostile_zip(random.Random(seed), tmp_path / "secret")
        try:
            packed(tmp_path / str(seed), data)
        except ValueError as error:
            outcomes["told"] += 1
            assert "img_align_celeba.zip" in str(error) or "encrypted" in str(error)
        else:
            outcomes["packed"] += 1
    assert min(outcomes["told"], outcomes["packed"]) > 1
    assert not (tmp_path / "secret").exists()


def test_without_a_copy_the_message_says_what_to_fetch(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="img_align_celeba.zip is not here.*mmlab.*runtime.adopt"):
        write(tmp_path / "photos.tar", tmp_path, options(), runtime())
    with pytest.raises(ValueError, match="list_attr_celeba.txt is not here.*Anno/list_attr"):
        write(tmp_path / "photos.tar", tmp_path, options(with_lists=True), runtime())


def test_the_lists_come_along_where_wanted(tmp_path: Path) -> None:
    mine, lists = tmp_path / "mine", tmp_path / "lists"
    mine.mkdir()
    lists.mkdir()
    pins = {}
    for field, name in (
        ("archive", ZIP),
        ("attributes", "list_attr_celeba.txt"),
        ("partition", "list_eval_partition.txt"),
    ):
        data = zipped(FACES) if field == "archive" else name.encode()
        (mine / name).write_bytes(data)
        pins[field] = pinned(name, data)
    settings = runtime(adopt=str(mine))
    write(tmp_path / "photos.tar", lists, options(with_lists=True, **pins), settings)
    assert sorted(path.name for path in lists.iterdir()) == [
        "list_attr_celeba.txt",
        "list_eval_partition.txt",
    ]
    assert (lists / "list_attr_celeba.txt").read_bytes() == b"list_attr_celeba.txt"


def test_real_faces_in_a_folder(tmp_path: Path, shared: Path) -> None:
    settings = runtime(adopt=str(shared / "data/faces_celeba"))
    write(tmp_path / "photos.tar", tmp_path, options("folder"), settings)
    table, counts = index(tmp_path / "photos.tar", IndexParams(formats=["jpeg"], max_bytes=10**6))
    assert counts == {"photos": 37} and table["path"].is_unique


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_damaged_zip_is_one_error(method: int, tmp_path: Path) -> None:
    """Whichever decompressor meets the bytes: each has errors of its own."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in FACES.items():
            archive.writestr(name, data)
    whole, draws = buffer.getvalue(), random.Random(method)
    num_errors = 0
    for number in range(12):
        data = bytearray(whole)
        for _ in range(4):
            data[draws.randrange(30, len(data))] ^= 1 << draws.randrange(8)
        try:
            packed(tmp_path / str(number), bytes(data))
        except ValueError as error:
            num_errors += 1
            assert "is no zip that can be read" in str(error) or "holds no photo" in str(error)
    assert num_errors > 6
    with pytest.raises(ValueError, match="is no zip that can be read"):
        packed(tmp_path / "half", whole[: len(whole) // 2])
