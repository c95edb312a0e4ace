"""Photos in a bucket, of a real S3 server on loopback."""

import hashlib
import random
from pathlib import Path

import pandas as pd
import pytest

from pipeline.params.index import IndexParams
from pipeline.photos.packing import add, new_archive
from pipeline.runtime import bucket_archive
from pipeline.runtime.bucket_archive import BLOCK, BucketArchive, Range, name_tar, version_of
from pipeline.runtime.checksums import sha256_of
from pipeline.runtime.photo_archive import bucket_note, has_photos, photo_archive
from pipeline.stages.index import index
from support.object_store import BUCKET, Way, put

PARAMS = IndexParams(formats=["jpeg"], max_bytes=10**8)
# Of the size of those of Places365, and as many as make three blocks.
SIZE, NUM_PHOTOS, NUM_CATEGORIES = 14_000, 1400, 10
JPEG = b"\xff\xd8\xff\xe0"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos as they lie in the official tar: one category after the other."""
    path, chance = tmp_path_factory.mktemp("tar") / "photos.tar", random.Random(0)
    with new_archive(path) as archive:
        for number in range(NUM_PHOTOS):
            name = f"data_256/c{number * NUM_CATEGORIES // NUM_PHOTOS}/{number:05d}.jpg"
            add(archive, name, JPEG + chance.randbytes(chance.randrange(SIZE // 2, SIZE * 3 // 2)))
    assert 2 * BLOCK < path.stat().st_size < 3 * BLOCK
    return path


@pytest.fixture(scope="module")
def archive(way: Way, tar: Path) -> BucketArchive:
    return name_tar(put(tar, "photos.tar"))


def places_in(table: pd.DataFrame) -> list[Range]:
    return [Range(*place) for place in zip(table["offset"], table["size"], strict=True)]


def at(tar: Path, places: list[Range]) -> list[bytes]:
    data = tar.read_bytes()
    return [data[offset : offset + size] for offset, size in places]


def test_the_sum_is_that_of_the_file_on_a_disk(archive: BucketArchive, tar: Path) -> None:
    assert (archive.sha256, archive.num_bytes) == (sha256_of(tar), tar.stat().st_size)
    assert archive.version


def test_the_index_is_that_of_the_file_on_a_disk_in_one_pass(
    way: Way, archive: BucketArchive, tar: Path
) -> None:
    here, counts = index(tar, PARAMS)
    before, scan = way.num_bytes, archive.scan()
    there, same = index(scan, PARAMS)
    scan.require_sound()
    assert there.equals(here) and same == counts == {"photos": NUM_PHOTOS}
    assert archive.num_bytes <= way.num_bytes - before < 1.01 * archive.num_bytes


def test_half_of_the_categories_cost_their_own_bytes(
    way: Way, archive: BucketArchive, tar: Path
) -> None:
    table, _ = index(tar, PARAMS)
    chosen = table["category"].isin([f"c{number}" for number in range(0, NUM_CATEGORIES, 2)])
    places = places_in(table[chosen])
    assert len(places) == NUM_PHOTOS // 2
    before = way.num_bytes
    assert list(archive.read_ahead(places)) == at(tar, places)
    wanted = sum(place.size for place in places)
    assert wanted <= way.num_bytes - before <= 1.1 * wanted


def test_ten_cuts_lose_nothing(way: Way, archive: BucketArchive, tar: Path) -> None:
    before = way.num_cuts
    way.cut(10, after=100_000)
    scan = archive.scan()
    there, _ = index(scan, PARAMS)
    scan.require_sound()
    places = places_in(there)
    assert list(archive.read_ahead(places)) == at(tar, places)
    assert way.num_cuts - before == 10


def test_places_in_any_order_and_twice(archive: BucketArchive, tar: Path) -> None:
    places = [Range(50_000, 20), Range(10, 0), Range(600, 9_000), Range(50_000, 20)]
    assert list(archive.read_ahead(places)) == at(tar, places)
    with archive.open("rb") as file:
        file.seek(-512, 2)
        assert file.read() == tar.read_bytes()[-512:]


def test_another_object_in_its_place_is_refused(way: Way, tmp_path: Path) -> None:
    path = tmp_path / "photos.tar"
    path.write_bytes(hashlib.sha256(b"one").digest())
    archive = name_tar(put(path, "own.tar"))
    archive.require_unchanged()
    path.write_bytes(hashlib.sha256(b"another").digest())
    put(path, "own.tar")
    with pytest.raises(ValueError, match=r"own.tar has .* it has changed since `download`"):
        archive.require_unchanged()
    with pytest.raises(ValueError, match="is not the archive of the sum"):
        archive.scan().require_sound()


def test_a_note_stands_in_the_place_of_the_archive(
    archive: BucketArchive, tmp_path: Path, scratch_root: Path
) -> None:
    record = tmp_path / "download/photos.tar.sha256"
    record.parent.mkdir()
    record.write_text(f"{archive.sha256}  photos.tar\n")
    assert not has_photos(tmp_path)
    bucket_note(archive.sha256).parent.mkdir(parents=True)
    archive.write(bucket_note(archive.sha256))
    assert has_photos(tmp_path) and photo_archive(tmp_path) == archive
    note = bucket_note(archive.sha256)
    text = note.read_text()
    for other in (
        "",
        text[:40],
        "[]",
        text.replace("num_", "nun_"),
        text.replace('"url', '"erl'),
        text.replace(archive.sha256, archive.sha256[::-1]),
        f"{text[:-2]}}}\xff",
    ):
        note.write_text(other)
        with pytest.raises(ValueError, match=f"{note} is damaged: run `dvc repro --force"):
            photo_archive(tmp_path)


def test_what_cannot_be_read_is_said(archive: BucketArchive) -> None:
    with pytest.raises(ValueError, match="none.tar does not exist"):
        name_tar(f"s3://{BUCKET}/none.tar")
    with pytest.raises(ValueError, match="is no object: name the tar itself"):
        name_tar(f"s3://{BUCKET}/")
    with pytest.raises(ValueError, match="but the file that is pinned 12"):
        name_tar(archive.url, "0" * 64, 12)


def test_an_address_without_its_scheme_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:9")
    with pytest.raises(ValueError, match="AWS_ENDPOINT_URL is 'localhost:9', but must start with"):
        name_tar("s3://bucket/photos.tar")


@pytest.mark.parametrize(("protocol", "place"), [("s3", "AWS_ENDPOINT_URL"), ("gs", "GOOGLE")])
def test_a_lost_bucket_is_told_with_where_to_look(
    protocol: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise ConnectionRefusedError("nobody listens")

    monkeypatch.setattr(bucket_archive, "PAUSES", (0, None))
    with pytest.raises(ValueError, match=rf"cannot be read \(nobody listens\): .*{place}") as error:
        bucket_archive.tried(f"{protocol}://bucket/photos.tar", refuse)
    assert ("AWS" in str(error.value)) == (protocol == "s3")


def test_a_change_of_the_metadata_makes_no_other_object() -> None:
    """As s3fs and gcsfs describe objects; Google's etag stands for the metadata too."""
    assert version_of({"ETag": '"abc"', "LastModified": 1}) == "abc"
    google = {"md5Hash": "abc==", "generation": "17", "etag": "CJi="}
    assert version_of(google) == version_of(google | {"etag": "CJj=", "metageneration": "2"})
    composite = {"generation": "17", "etag": "CJi="}
    assert version_of(composite) == "17" != version_of(composite | {"generation": "18"})
