"""Single photos in a folder of a bucket: the tar that they make, byte for byte."""

import json
import pickle
import random
from pathlib import Path

import pytest

from pipeline.params.index import IndexParams
from pipeline.photos.formats import FORMATS
from pipeline.photos.photo_bytes import read_photo_at
from pipeline.runtime.bucket_archive import Range, opened
from pipeline.runtime.bucket_folder import BucketFolder, list_objects
from pipeline.runtime.checksums import sha256_of
from pipeline.runtime.photo_archive import bucket_note, photo_archive
from pipeline.sources.folder import source
from pipeline.sources.folder.options import FolderOptions
from pipeline.sources.folder.source import write
from pipeline.stages.index import index
from support.bucket_folder import named
from support.object_store import BUCKET, Way
from support.pictures import encoded, picture
from support.runtime import runtime

JPEG = b"\xff\xd8\xff\xe0"
# Around what a tar fills up, and names that its own header cannot hold.
SIZES = (0, 1, 511, 512, 513, 1024, 40_000)
NAMES = [f"sea/{size}.jpg" for size in SIZES] + [
    "flat.jpg",
    "uncategorized/flat.jpg",
    "sea/deep/ä 1.PNG",
    "日本/海.jpg",
    f"{'long/' * 30}{'n' * 90}.jpg",
    f"sea/{'l' * 180}.jpg",
    "a-b/1.jpg",
    "a/1.jpg",
    "a/#1+?&%41 '[x]*.jpg",
    "a/no ending",
]
OTHERS = ["sea/.hidden.jpg", ".cache/1.jpg", "sea/.cache/1.jpg", "notes.txt", "sea/empty"]

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """On a disk."""
    root, chance = tmp_path_factory.mktemp("photos") / "photos", random.Random(0)
    for name in [*NAMES, *OTHERS]:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        size = int(path.stem) if path.stem.isdigit() else chance.randrange(5_000)
        path.write_bytes((JPEG + chance.randbytes(size))[:size])
    (root / "a/no ending").write_bytes(JPEG + bytes(100))
    (root / "sea/empty").write_bytes(b"")
    (root / "notes.txt").write_text("no photo")
    return root


@pytest.fixture(scope="module")
def packed(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the folder is packed on a disk; the folder of its lists."""
    folder = tmp_path_factory.mktemp("packed")
    write(folder / "photos.tar", folder, FolderOptions(path=str(root)), runtime())
    return folder


def put_all(root: Path, url: str) -> None:
    """Copies the folder into the bucket."""
    system, path = opened(url)
    for file in root.rglob("*"):
        if file.is_file():
            system.pipe_file(f"{path}/{file.relative_to(root)}", file.read_bytes())


def put_photos(url: str, num: int = 4) -> dict[str, bytes]:
    """A small folder of photos; what lies there."""
    system, path = opened(url)
    photos = {f"sea/{number}.jpg": encoded(picture(number)) for number in range(num)}
    for name, data in photos.items():
        system.pipe_file(f"{path}/{name}", data)
    return photos


@pytest.fixture
def own(tmp_path: Path) -> str:
    """The URL of a folder in memory that no other test has."""
    return f"memory://{BUCKET}/{tmp_path.name}/"


@pytest.fixture(params=["file", "memory", "s3"])
def url(request: pytest.FixtureRequest, root: Path) -> str:
    if request.param == "file":
        return f"file://{root}/"
    url = f"{request.param}://{BUCKET}/own/"
    if request.param == "s3":
        request.getfixturevalue("way")
    put_all(root, url)
    return url


def test_the_tar_is_that_of_the_folder_on_a_disk(url: str, packed: Path, tmp_path: Path) -> None:
    folder, tar = named(url, tmp_path), (packed / "photos.tar").read_bytes()
    assert (folder.sha256, folder.num_bytes) == (sha256_of(packed / "photos.tar"), len(tar))
    assert (tmp_path / "left_out.json").read_text() == (packed / "left_out.json").read_text()
    assert json.loads((tmp_path / "left_out.json").read_text()) == {
        "hidden_files": 3,
        "other_files": 2,
    }
    chance = random.Random(0)
    edges = [edge for at in range(0, len(tar), 512) for edge in (at - 1, at, at + 1) if edge >= 0]
    for _ in range(30):
        starts = [chance.choice([chance.choice(edges), chance.randrange(len(tar))]) for _ in "abc"]
        ranges = [Range(at, min(chance.randrange(20_000), len(tar) - at)) for at in starts]
        assert folder.read(ranges) == [tar[at : at + size] for at, size in ranges]
    assert folder.pread(len(tar) + 1, 0) == tar and folder.pread(9, len(tar) - 3) == tar[-3:]
    assert list(folder.read_ahead([Range(0, len(tar)), Range(7, 0)])) == [tar, b""]
    folder.require_unchanged()
    folder.scan().require_sound()


def test_the_index_is_that_of_the_tar_and_names_every_object(
    url: str, packed: Path, tmp_path: Path
) -> None:
    params = IndexParams(formats=list(FORMATS), max_bytes=10**8)
    here, counts = index(packed / "photos.tar", params, packed)
    scan = named(url, tmp_path).scan()
    there, same = index(scan, params, tmp_path)
    scan.require_sound()
    assert there.equals(here) and same == counts
    assert counts["duplicate_path"] == 1, "flat.jpg, with and without its folder"
    assert sum(counts.values()) == len([*NAMES, *OTHERS])


def test_a_photo_is_a_request_and_they_are_made_together(
    own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = put_photos(own)
    folder, params = named(own, tmp_path), IndexParams(formats=["jpeg"], max_bytes=10**8)
    table, _ = index(folder, params)
    places = [Range(*place) for place in zip(table["offset"], table["size"], strict=True)]
    system, path = opened(own)
    calls, cat_ranges = [], type(system).cat_ranges

    def counted(self: object, paths: list[str], *args: object, **kwargs: object) -> list[bytes]:
        calls.append(sorted(paths))
        return list(cat_ranges(self, paths, *args, **kwargs))

    monkeypatch.setattr(type(system), "cat_ranges", counted)
    assert list(folder.read_ahead([*places, places[0]])) == [*photos.values(), photos["sea/0.jpg"]]
    assert calls == [[f"{path}/{name}" for name in photos]]
    calls.clear()
    assert folder.pread(512, places[0].offset - 512), "a header"
    assert calls == []


def test_what_was_changed_added_or_removed_is_named(own: str, tmp_path: Path) -> None:
    photos = put_photos(own)
    folder = named(own, tmp_path)
    system, path = opened(own)
    for change, words in (
        (lambda: system.pipe_file(f"{path}/sea/2.jpg", photos["sea/2.jpg"] + b"x"), "is another"),
        (lambda: system.rm_file(f"{path}/sea/2.jpg"), "is gone"),
    ):
        change()
        with pytest.raises(ValueError, match=rf"sea/2.jpg {words}.*changed since `download`"):
            folder.require_unchanged()
    put_photos(own, 5)
    folder = named(own, tmp_path)
    system.pipe_file(f"{path}/sea/notes.txt", b"no photo")
    with pytest.raises(ValueError, match=r"sea/notes.txt was added: .*`dvc repro --force"):
        folder.require_unchanged()
    system.rm_file(f"{path}/sea/3.jpg")
    with pytest.raises(ValueError, match=r"sea/3.jpg is gone, the first of 2 objects that differ"):
        folder.require_unchanged()
    with pytest.raises(ValueError, match="parquet is damaged: .*--single-item download`"):
        folder.objects.write_bytes(folder.objects.read_bytes() + b"x")
        BucketFolder(own, 1, folder.version, "", folder.objects).pread(1, 0)


@pytest.mark.parametrize("protocol", ["memory", "s3"])
def test_an_object_that_is_replaced_after_the_listing_is_noticed(
    protocol: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """By its checksum in the index; one that is shorter or gone when it is read."""
    if protocol == "s3":
        request.getfixturevalue("way")
    url = f"{protocol}://{BUCKET}/replaced/"
    photos = put_photos(url)
    folder = named(url, tmp_path)
    table, _ = index(folder, IndexParams(formats=["jpeg"], max_bytes=10**8))
    folder.require_unchanged()
    system, path = opened(url)
    offset, size, crc32 = table.loc[1, ["offset", "size", "crc32"]]
    for data in (photos["sea/1.jpg"][:-1] + b"x", photos["sea/1.jpg"][::-1] + b"longer"):
        system.pipe_file(f"{path}/sea/1.jpg", data)
        with (
            folder.open() as file,
            pytest.raises(ValueError, match=f"{url} is damaged: run .*downl"),
        ):
            read_photo_at(file, offset, size, crc32)
    for data in (photos["sea/1.jpg"][:100], b""):
        system.pipe_file(f"{path}/sea/1.jpg", data)
        with pytest.raises(
            ValueError, match=rf"sea/1.jpg ends at byte {len(data)}: it has changed"
        ):
            list(folder.read_ahead([Range(offset, size)]))
    system.rm_file(f"{path}/sea/1.jpg")
    with pytest.raises(ValueError, match=r"replaced/sea/1.jpg is gone: it has changed"):
        list(folder.read_ahead([Range(offset, size)]))


def test_a_folder_that_changes_while_it_is_summed_is_refused(
    own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_photos(own)
    system, path = opened(own)

    def list_before(url: str) -> dict[str, object]:
        listed = list_objects(url)
        system.pipe_file(f"{path}/sea/0.jpg", encoded(picture(99)))
        return dict(listed)

    monkeypatch.setattr(source, "list_objects", list_before)
    with pytest.raises(ValueError, match=r"sea/0.jpg (is another|ends at byte)"):
        named(own, tmp_path)
    assert not (tmp_path / "photos.json").exists()


@pytest.mark.slow
def test_ten_cuts_lose_nothing(way: Way, root: Path, packed: Path, tmp_path: Path) -> None:
    url = f"s3://{BUCKET}/own/"
    put_all(root, url)
    before = way.num_cuts
    way.cut(10, after=2_000)
    folder, tar = named(url, tmp_path), (packed / "photos.tar").read_bytes()
    places = [Range(at, min(3_000, len(tar) - at)) for at in range(0, len(tar), 3_000)]
    assert list(folder.read_ahead(places)) == [tar[at : at + size] for at, size in places]
    assert way.num_cuts - before == 10


def test_marks_of_folders_are_no_objects_and_unusable_names_are_counted(
    way: Way, tmp_path: Path
) -> None:
    url = f"s3://{BUCKET}/marked/"
    put_photos(url)
    system, path = opened(url)
    alone = named(url, tmp_path / "alone")
    for mark in ("", "sea/", "empty/"):
        system.pipe_file(f"{path}/{mark}".rstrip("/") + "/", b"")
    alone.require_unchanged()
    for name in ("sea//1.jpg", "sea/../1.jpg", "/1.jpg", "./1.jpg"):
        system.pipe_file(f"{path}/{name}", b"x")
    with pytest.raises(ValueError, match="was added"):
        alone.require_unchanged()
    assert named(url, tmp_path / "marked").sha256 == alone.sha256
    assert f"marked/{next(iter(list_objects(url)))}" in list_objects(f"s3://{BUCKET}/")
    assert json.loads((tmp_path / "marked/left_out.json").read_text()) == {"unusable_name": 4}


def test_folders_without_photos_are_errors(way: Way, own: str, tmp_path: Path) -> None:
    for url in (own, f"s3://{BUCKET}/none/"):
        with pytest.raises(ValueError, match=f"{url} does not exist: look at the bucket"):
            named(url, tmp_path)
    system, path = opened(own)
    system.pipe_file(f"{path}/readme.md", b"")
    with pytest.raises(
        ValueError, match=r"sources.folder.url is 'memory.*no photo in it \(1 other"
    ):
        named(own, tmp_path)
    put_photos(own)
    with pytest.raises(ValueError, match="is no object: .* for a folder .* end the name in /"):
        named(own.rstrip("/"), tmp_path)


def test_the_note_is_all_that_later_stages_need(
    own: str, tmp_path: Path, scratch_root: Path
) -> None:
    put_photos(own)
    folder = named(own, tmp_path / "download")
    record = tmp_path / "data/download/photos.tar.sha256"
    record.parent.mkdir(parents=True)
    record.write_text(f"{folder.sha256}  photos.tar\n")
    note = bucket_note(folder.sha256)
    note.parent.mkdir(parents=True)
    folder.write(note)
    folder.objects.rename(note.with_suffix(".parquet"))
    found = photo_archive(tmp_path / "data")
    assert isinstance(found, BucketFolder) and found.sha256 == folder.sha256
    assert len(pickle.dumps(found)) < 1000, "it goes to the workers with every part of their work"
    found.scan().require_sound()
