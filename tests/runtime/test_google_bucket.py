"""Photos in a bucket of Google's, by an emulator of its server on loopback."""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.runtime.bucket_archive import Range, name_tar, opened
from pipeline.runtime.checksums import sha256_of
from pipeline.sources.folder.options import FolderOptions
from pipeline.sources.folder.source import write
from support.bucket_folder import named
from support.google_bucket import google_bucket
from support.runtime import runtime

DATA = random.Random(0).randbytes(3_000_000)
BUCKET, URL = "photos", "gs://photos/photos.tar"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    """gcsfs's file system."""
    with google_bucket(BUCKET):
        yield opened(URL)[0]


def test_an_object_is_read_by_ranges_and_another_in_its_place_refused(bucket: Any) -> None:
    bucket.pipe_file("photos/photos.tar", DATA)
    archive = name_tar(URL)
    assert (archive.sha256, archive.num_bytes) == (hashlib.sha256(DATA).hexdigest(), len(DATA))
    places = [Range(10, 20_000), Range(50_000, 100), Range(2_900_000, 100_000)]
    read = list(archive.read_ahead(places))
    assert read == [DATA[place.offset :][: place.size] for place in places]
    archive.require_unchanged()
    bucket.pipe_file("photos/photos.tar", DATA[::-1])
    with pytest.raises(ValueError, match=r"photos.tar has .* it has changed since `download`"):
        archive.require_unchanged()


def test_what_is_not_there_is_said(bucket: Any) -> None:
    with pytest.raises(ValueError, match="none.tar does not exist"):
        name_tar("gs://photos/none.tar")
    with pytest.raises(ValueError, match="gs://photos/none/ does not exist"):
        named("gs://photos/none/", Path())


def test_a_folder_is_the_tar_of_its_photos(bucket: Any, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    for number, name in enumerate(["sea/1.jpg", "sea/ä #2?.jpg", "empty.jpg", "hill/other"], 1):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(DATA[: 1000 * number] if name != "empty.jpg" else b"")
        bucket.pipe_file(f"photos/own/{name}", (root / name).read_bytes())
    write(tmp_path / "photos.tar", tmp_path, FolderOptions(path=str(root)), runtime())
    folder = named("gs://photos/own/", tmp_path / "named")
    assert folder.sha256 == sha256_of(tmp_path / "photos.tar")
    assert folder.pread(10**6, 0) == (tmp_path / "photos.tar").read_bytes()
    folder.require_unchanged()
    bucket.pipe_file("photos/own/sea/1.jpg", b"another")
    with pytest.raises(ValueError, match=r"gs://photos/own/sea/1.jpg is another"):
        folder.require_unchanged()
    with pytest.raises(ValueError, match=r"gs://photos/own/sea/1.jpg ends at byte 7: it has chan"):
        folder.pread(10**6, 0)
    bucket.pipe_file("photos/own/sea/1.jpg", b"")
    with pytest.raises(ValueError, match=r"gs://photos/own/sea/1.jpg ends at byte 0: it has chan"):
        folder.pread(10**6, 0)
    bucket.rm_file("photos/own/sea/1.jpg")
    with pytest.raises(ValueError, match=r"gs://photos/own/sea/1.jpg is gone"):
        folder.require_unchanged()
