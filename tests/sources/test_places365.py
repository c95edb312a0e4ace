"""Both sources of Places365, in every form, up to the index."""

import gzip
import hashlib
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from pipeline.config.profiles import render
from pipeline.downloads.archive import Archive
from pipeline.params.index import IndexParams
from pipeline.places365.categories import FOLDER, by_folder, categories, outdoor, read_labels
from pipeline.sources.places365.options import Places365Options
from pipeline.sources.places365.source import write as write_train
from pipeline.sources.places365_val.options import Places365ValOptions
from pipeline.sources.places365_val.source import write as write_val
from pipeline.stages.index import index
from support.places_archives import easy_tar, file_list_tar, train_tar, val_name, val_tar
from support.places_server import pinned, places_server
from support.runtime import runtime

PARAMS = IndexParams(formats=["jpeg"], max_bytes=10_000)
TRAIN, LIST, EASY = "train.tar", "filelist.tar", "easy.tar"
LABELS = ["f/forest/broadleaf", "a/airfield", "m/mountain", "m/mountain"]
PHOTOS = [f"photo {number}".encode() for number in range(len(LABELS))]

pytestmark = pytest.mark.usefixtures("scratch_root")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "out/lists").mkdir(parents=True)
    return tmp_path / "out/photos.tar"


def train_options(form: str = "archive", **archives: Archive) -> Places365Options:
    return Places365Options.model_validate({"form": form, **archives})


def val_options(form: str = "archive", **archives: Archive) -> Places365ValOptions:
    return Places365ValOptions.model_validate({"form": form, **archives})


def indexed(archive: Path) -> tuple[pd.DataFrame, dict[str, int]]:
    """The index; asserts that each row points at its photo."""
    table, counts = index(archive, PARAMS, archive.parent / "lists")
    data = archive.read_bytes()
    assert all(data[row.offset :].startswith(b"photo ") for row in table.itertuples())
    return table, counts


def extract(data: bytes, folder: Path) -> None:
    folder.mkdir()
    (folder / "it.tar").write_bytes(data)
    with tarfile.open(folder / "it.tar") as tar:
        tar.extractall(folder, filter="data")
    (folder / "it.tar").unlink()


def test_the_official_lists_are_the_official_ones() -> None:
    """By the md5 that torchvision pins; 160 of the categories are indoor."""
    data = (FOLDER / "categories_places365.txt").read_bytes()
    assert hashlib.md5(data).hexdigest() == "06c963b85866bd0649f97cb43dd16673"
    assert len(categories()) == 365 and len(outdoor()) == 205
    assert categories()[0] == "a/airfield" and categories()[364] == "z/zen_garden"
    assert outdoor() < set(categories())
    assert sum(name.count("/") == 2 for name in categories()) == 75
    assert set(by_folder().values()) == set(categories()) and len(by_folder()) == 2 * 365


@pytest.mark.parametrize("profile", ["places365", "places365-val"])
def test_the_profiles_keep_50_outdoor_categories(profile: str, tmp_path: Path) -> None:
    from pipeline.config.whole import check_whole, warnings_of

    (tmp_path / "params.yaml").write_text(render(profile))
    params = check_whole(tmp_path / "params.yaml")
    chosen = params.filter_categories.categories
    assert len(chosen) == len(set(chosen)) == 50
    assert set(chosen) <= outdoor()
    assert warnings_of(params) == []


def test_a_wrong_or_indoor_category_is_told_before_any_download(tmp_path: Path) -> None:
    from pipeline.config.whole import check_whole, warnings_of

    path = tmp_path / "params.yaml"
    path.write_text(render("places365").replace("m/mountain,", "m/mountin,"))
    with pytest.raises(ValueError, match="'m/mountin', which is no category of .*`m/mountain`"):
        check_whole(path)
    path.write_text(render("places365").replace("m/mountain,", "/b/bedroom,"))
    assert "calls indoor: b/bedroom" in warnings_of(check_whole(path))[0]


def test_labels_are_read_and_contradictions_refused(tmp_path: Path) -> None:
    path = tmp_path / "places365_val.txt"
    path.write_text("a.jpg 0\n/x/b.jpg 364\nc.jpg 365\nd.jpg -1\na.jpg 0\n")
    expected = {"a.jpg": "a/airfield", "b.jpg": "z/zen_garden", "c.jpg": "365", "d.jpg": "-1"}
    assert read_labels(path) == expected
    path.write_text("a.jpg 0\na.jpg 1\n")
    with pytest.raises(ValueError, match="line 2 calls a.jpg .*, before a/airfield"):
        read_labels(path)
    path.write_text("a.jpg\n")
    with pytest.raises(ValueError, match="line 1 is 'a.jpg', but must be"):
        read_labels(path)


def test_train_is_the_pinned_archive(archive: Path) -> None:
    data = train_tar(PHOTOS, LABELS)
    with places_server({TRAIN: data}) as server:
        settings = runtime(mirrors=[server.url])
        sha256 = write_train(
            archive, archive.parent / "lists", train_options(archive=pinned(TRAIN, data)), settings
        )
    assert archive.read_bytes() == data
    assert sha256 == hashlib.sha256(data).hexdigest()
    table, counts = indexed(archive)
    assert counts == {"photos": 4}
    assert sorted(table["category"]) == sorted(LABELS)
    assert "data_256/f/forest/broadleaf/00000000.jpg" in set(table["path"])


def test_names_that_lie_are_counted_by_reason(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = ["m/mountain", "m/mountin", "m/mountin", "mountain", "b", "forest/broadleaf"]
    data = train_tar([b"photo"] * 6, labels)
    with places_server({TRAIN: data}) as server:
        options = train_options(archive=pinned(TRAIN, data))
        write_train(archive, archive.parent / "lists", options, runtime(mirrors=[server.url]))
    table, counts = index(archive, PARAMS, archive.parent / "lists")
    assert counts == {"photos": 2, "unknown_category": 4}
    assert list(table["category"]) == ["m/mountain", "m/mountain"]
    message = capsys.readouterr().err
    assert "2 photos are of 'm/mountin'" in message and "did you mean `m/mountain`?" in message


def put_val(archive: Path, photos: Sequence[bytes], labels: Sequence[str | int | None]) -> None:
    files = {"val_256.tar": val_tar(photos), LIST: file_list_tar(labels)}
    pins = {name: pinned(name, data) for name, data in files.items()}
    with places_server(files) as server:
        options = val_options(archive=pins["val_256.tar"], file_list=pins[LIST])
        write_val(archive, archive.parent / "lists", options, runtime(mirrors=[server.url]))


def test_val_gets_its_categories_from_the_list(archive: Path) -> None:
    put_val(archive, PHOTOS, LABELS)
    table, counts = indexed(archive)
    assert counts == {"labels_without_photo": 0, "photos": 4}
    assert list(table["category"]) == LABELS
    assert table["path"][0] == f"val_256/{val_name(1)}"


def test_val_labels_and_photos_that_miss_each_other_are_counted(archive: Path) -> None:
    put_val(archive, PHOTOS, ["a/airfield", 365, None, None, "s/sky", 7, 8])
    table, counts = indexed(archive)
    expected = {"labels_without_photo": 3, "no_label": 2, "photos": 1, "unknown_category": 1}
    assert counts == expected
    assert list(table["category"]) == ["a/airfield"]


def test_another_archive_of_lists_is_told(archive: Path) -> None:
    data = train_tar(PHOTOS, LABELS)
    with places_server({LIST: data}) as server:
        options = val_options(file_list=pinned(LIST, data))
        with pytest.raises(ValueError, match="holds no places365_val.txt"):
            write_val(archive, archive.parent / "lists", options, runtime(mirrors=[server.url]))


@pytest.mark.parametrize(("part", "write"), [("train", write_train), ("val", write_val)])
def test_the_easy_format_is_adopted_by_its_md5(
    archive: Path, tmp_path: Path, part: str, write: Callable[..., str]
) -> None:
    """Nobody has published its size or sha256; of its two parts, the source's own is taken."""
    rows = list(zip(PHOTOS, LABELS, strict=True))
    data = easy_tar({"train": rows[:3], "val": rows[1:]})
    (tmp_path / EASY).write_bytes(data)
    md5 = hashlib.md5(data).hexdigest()
    easy = Archive(name=EASY, md5=md5)
    make = train_options if part == "train" else val_options
    options = make("easy_format", easy_format=easy)
    settings = runtime(adopt=str(tmp_path / EASY))
    sha256 = write(archive, archive.parent / "lists", options, settings)
    assert sha256 == hashlib.sha256(data).hexdigest()
    table, counts = indexed(archive)
    assert counts == {"other_part": 3, "photos": 3}
    assert sorted(table["category"]) == sorted(LABELS[:3] if part == "train" else LABELS[1:])
    with pytest.raises(ValueError, match="name your copy in params.yaml runtime.adopt"):
        other = make("easy_format", easy_format=Archive(name=EASY, md5="0" * 32))
        write(archive, archive.parent / "lists", other, runtime())


@pytest.mark.parametrize("inside", ["", "data_256"])
def test_an_extracted_training_set_is_packed(archive: Path, tmp_path: Path, inside: str) -> None:
    extract(train_tar(PHOTOS, LABELS), tmp_path / "mine")
    settings = runtime(adopt=str(tmp_path / "mine" / inside))
    write_train(archive, archive.parent / "lists", train_options("folder"), settings)
    table, counts = indexed(archive)
    assert counts == {"photos": 4}
    assert sorted(table["category"]) == sorted(LABELS)


@pytest.mark.parametrize("part", ["train", "val"])
def test_an_extracted_easy_format_is_packed(archive: Path, tmp_path: Path, part: str) -> None:
    rows = list(zip(PHOTOS, LABELS, strict=True))
    extract(easy_tar({"train": rows, "val": rows[1:]}), tmp_path / "mine")
    settings, lists = runtime(adopt=str(tmp_path / "mine")), archive.parent / "lists"
    if part == "train":
        write_train(archive, lists, train_options("folder"), settings)
    else:
        write_val(archive, lists, val_options("folder"), settings)
    table, counts = indexed(archive)
    assert counts == {"photos": 4 if part == "train" else 3}
    assert set(table["category"]) <= set(LABELS)


def test_an_extracted_validation_set_still_needs_the_list(archive: Path, tmp_path: Path) -> None:
    extract(val_tar(PHOTOS), tmp_path / "mine")
    data = file_list_tar(LABELS)
    (tmp_path / "mine" / LIST).write_bytes(data)
    options = val_options("folder", file_list=pinned(LIST, data))
    settings = runtime(adopt=str(tmp_path / "mine"))
    write_val(archive, archive.parent / "lists", options, settings)
    table, counts = indexed(archive)
    assert counts == {"labels_without_photo": 0, "photos": 4}
    assert list(table["category"]) == LABELS


def test_real_photos_of_places365_are_read(archive: Path, tmp_path: Path, shared: Path) -> None:
    """Six of the validation set, in its own layout."""
    photos = sorted((shared / "data/places365_real").glob("*.jpg"))
    assert len(photos) == 6
    (tmp_path / "val_256").mkdir()
    for photo in photos:
        (tmp_path / "val_256" / photo.name).write_bytes(photo.read_bytes())
    numbers = [int(photo.stem.rpartition("_")[2]) for photo in photos]
    labels = [0 if number in numbers else None for number in range(1, 1001)]
    data = file_list_tar(labels)
    (tmp_path / LIST).write_bytes(data)
    options = val_options("folder", file_list=pinned(LIST, data))
    write_val(archive, archive.parent / "lists", options, runtime(adopt=str(tmp_path)))
    params = IndexParams(formats=["jpeg"], max_bytes=10**6)
    table, counts = index(archive, params, archive.parent / "lists")
    assert counts == {"labels_without_photo": 0, "photos": 6}
    assert [path.rpartition("/")[2] for path in table["path"]] == [photo.name for photo in photos]


@pytest.mark.parametrize("damage", ["half", "gzip", "text", "empty", "odd"])
def test_a_file_list_that_is_no_tar_is_told(damage: str, archive: Path) -> None:
    whole = file_list_tar(LABELS)
    half = whole.index(b"Places365_val_00000001")
    data = {
        "half": whole[: half + 30],
        "gzip": gzip.compress(whole, mtime=0),
        "text": b"Places365_val_00000001.jpg 165\n" * 99,
        "empty": b"\0" * 20,
        "odd": b"a" * 124 + b"-0000000001\0" + whole[136:],
    }[damage]
    with places_server({LIST: data}) as server:
        options = val_options(file_list=pinned(LIST, data))
        settings = runtime(mirrors=[server.url])
        with pytest.raises(ValueError, match=r"no plain tar|ends inside|holds no places365_val"):
            write_val(archive, archive.parent / "lists", options, settings)


def test_a_byte_order_mark_costs_no_photo_its_label(tmp_path: Path) -> None:
    path = tmp_path / "places365_val.txt"
    path.write_bytes(b"\xef\xbb\xbfPlaces365_val_00000001.jpg 0\n")
    assert read_labels(path) == {"Places365_val_00000001.jpg": "a/airfield"}
    path.write_bytes(b"\xff\xfe\0")
    with pytest.raises(ValueError, match="is no text in UTF-8"):
        read_labels(path)


def test_only_the_tar_itself_is_read_from_a_bucket() -> None:
    facts = {"form": "archive", "url": "s3://bucket/train_256_places365standard.tar"}
    assert Places365Options.model_validate(facts).url == facts["url"]
    for changes in ({"url": "s3://bucket/data_256/"}, {"form": "folder"}):
        with pytest.raises(ValueError, match=r"url|form"):
            Places365Options.model_validate(facts | changes)
