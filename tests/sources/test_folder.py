import json
import os
import tarfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline.config.profiles import render
from pipeline.config.whole import check_whole
from pipeline.params.index import IndexParams
from pipeline.photos.formats import FORMATS
from pipeline.sources.folder.options import FolderOptions
from pipeline.sources.folder.source import write
from pipeline.stages.index import index
from support.pictures import encoded, picture
from support.runtime import runtime


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    for number, name in enumerate(["sea/b.jpg", "sea/deep/a.PNG", "flat.jpg", "sea/ä 1.jpg"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(encoded(picture(number)))
    (root / "sea/notes.txt").write_text("no photo")
    (root / "sea/.hidden.jpg").write_text("no photo")
    return root


def packed(root: Path, archive: Path) -> list[str]:
    write(archive, archive.parent, FolderOptions(path=str(root)), runtime())
    with tarfile.open(archive) as tar:
        return tar.getnames()


def test_folders_are_categories_and_bytes_are_copied(photos: Path, tmp_path: Path) -> None:
    archive = tmp_path / "photos.tar"
    names = packed(photos, archive)
    left_out = json.loads((tmp_path / "left_out.json").read_text())
    assert left_out == {"hidden_files": 1, "other_files": 1}
    assert names == [
        "data_256/sea/b.jpg",
        "data_256/sea/deep/a.PNG",
        "data_256/sea/ä 1.jpg",
        "data_256/uncategorized/flat.jpg",
    ]
    with tarfile.open(archive) as tar:
        member = tar.extractfile("data_256/sea/b.jpg")
        assert member is not None
        assert member.read() == (photos / "sea/b.jpg").read_bytes()


def test_the_same_photos_give_the_same_bytes(photos: Path, tmp_path: Path) -> None:
    packed(photos, tmp_path / "1.tar")
    (photos / "sea/b.jpg").touch()
    packed(photos, tmp_path / "2.tar")
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()


def test_every_file_of_the_folder_is_in_the_funnel(photos: Path, tmp_path: Path) -> None:
    """By content: endings that are rare, none at all, or those of another format."""
    jpeg = encoded(picture(9))
    for name in ("sea/c.jfif", "sea/d.JPE", "sea/no ending", "sea/notes.bak"):
        (photos / name).write_bytes(jpeg)
    (photos / "sea/phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(50))
    (photos / "sea/camera.dng").write_bytes(b"II*\0" + bytes(100))
    (photos / "sea/real.png").write_bytes(encoded(picture(9), "png"))
    for name in (".thumbnails/b.jpg", "sea/@eaDir/b.jpg/SYNOPHOTO_THUMB_M.jpg"):
        (photos / name).parent.mkdir(parents=True)
        (photos / name).write_bytes(jpeg)
    (photos / "sea/script.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    archive = tmp_path / "photos.tar"
    packed(photos, archive)
    table, counts = index(
        archive, IndexParams(formats=list(FORMATS), max_bytes=10**6), archive.parent
    )
    assert counts == {"hidden_files": 3, "other_files": 2, "photos": 10, "unsupported_format": 1}
    num_files = sum(path.is_file() for path in photos.rglob("*"))
    assert sum(counts.values()) == num_files == 16
    assert {"data_256/sea/c.jfif", "data_256/sea/no ending"} <= set(table["path"])
    _, fewer = index(archive, IndexParams(formats=["png"], max_bytes=10**6), archive.parent)
    assert (fewer["photos"], fewer["unsupported_format"]) == (1, 9), "what is a JPEG is none"


def test_a_folder_without_photos_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such folder exists"):
        packed(tmp_path / "missing", tmp_path / "photos.tar")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/readme.md").touch()
    with pytest.raises(ValueError, match=r"no photo in it \(1 other files"):
        packed(tmp_path / "empty", tmp_path / "photos.tar")


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket",
        "bucket/photos/",
        "https://host/photos/",
        "s3://me:word@bucket/p/",
        "s3://b/a b/",
    ],
)
def test_what_is_wrong_with_a_url_is_said(url: str, tmp_path: Path) -> None:
    params = YAML(typ="safe").load(render("folder"))
    params["sources"]["folder"] = {"path": "data/none", "url": url}
    YAML(typ="safe").dump(params, tmp_path / "params.yaml")
    with pytest.raises(ValueError, match=r"sources.folder.url is .*, but must be empty, or begin"):
        check_whole(tmp_path / "params.yaml")


def test_a_pipe_is_counted_and_not_waited_for(photos: Path, tmp_path: Path) -> None:
    os.mkfifo(photos / "sea/pipe.jpg")
    packed(photos, tmp_path / "photos.tar")
    left_out = json.loads((tmp_path / "left_out.json").read_text())
    assert left_out["no_regular_file"] == 1


def test_a_link_that_leads_out_is_an_error(photos: Path, tmp_path: Path) -> None:
    (photos / "sea/inside.jpg").symlink_to(photos / "flat.jpg")
    packed(photos, tmp_path / "photos.tar")
    (tmp_path / "secret.jpg").write_bytes(encoded(picture(1)))
    (photos / "sea/outside.jpg").symlink_to("../../secret.jpg")
    with pytest.raises(ValueError, match="outside.jpg is a link that leads out of"):
        packed(photos, tmp_path / "photos.tar")


def test_a_link_to_a_folder_is_an_error(photos: Path, tmp_path: Path) -> None:
    """DVC does not look behind it, so that new photos there would go unseen."""
    (photos / "link").symlink_to(photos / "sea")
    with pytest.raises(ValueError, match="is a link to a folder"):
        packed(photos, tmp_path / "photos.tar")
