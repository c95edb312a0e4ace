"""Photos -> small shards -> final shards, through the stages' own functions."""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.params.crop import CropParams
from pipeline.params.downscale import DownscaleParams
from pipeline.params.index import IndexParams
from pipeline.photos import photo_tables
from pipeline.photos.decoding import pixels
from pipeline.photos.keys import shuffled
from pipeline.runtime.checksums import SHARD_SUMS, recorded_sum, sha256_of
from pipeline.shards.reader import read_meta, read_split
from pipeline.stages.crop import SPLITS, crop
from pipeline.stages.downscale import downscale, fit, kept_photos
from pipeline.stages.index import index
from support.cutters import cutter
from support.pictures import encoded, picture

NUM_PHOTOS = 23
DOWNSCALE = DownscaleParams(image_size=64, fit="center_crop", photos_per_shard=5)
CROP = CropParams(kind="box", box_size=28, seed=0, samples_per_shard=4)
WriteTar = Callable[[Path, dict[str, bytes]], None]


@pytest.fixture
def archive(tmp_path: Path, write_tar: WriteTar) -> Path:
    """23 photos in 2 categories; the last one is too small."""
    members = {
        f"data_256/{'ab'[number % 2]}/{number:02}.jpg": encoded(picture(number))
        for number in range(NUM_PHOTOS - 1)
    }
    members["data_256/b/small.jpg"] = encoded(picture(99, (200, 63)))
    write_tar(tmp_path / "photos.tar", members)
    return tmp_path / "photos.tar"


def photos_of(archive: Path) -> pd.DataFrame:
    """As `kept_photos` gives them."""
    photos, _ = index(archive, IndexParams(formats=["jpeg"], max_bytes=10**6))
    data = archive.read_bytes()
    sums = [
        hashlib.sha256(data[photo.offset : photo.offset + photo.size]).hexdigest()
        for photo in photo_tables.rows(photos)
    ]
    return photos.assign(sha256=sums)


def run_downscale(archive: Path, folder: Path, workers: int = 1) -> None:
    photos = photos_of(archive)
    # In pieces, as they are read from a table of millions.
    pieces = [photos.iloc[:7], photos.iloc[7:9], photos.iloc[9:]]
    downscale(archive, pieces, len(photos), folder, DOWNSCALE, workers)


def write_splits(manifest: pd.DataFrame, path: Path) -> None:
    """Every fifth of the photos that are large enough is for test, the next for val."""
    ranks = (manifest["status"] == "ok").cumsum() - 1
    split = ["test" if rank % 5 == 0 else "val" if rank % 5 == 1 else "train" for rank in ranks]
    photo_tables.write(pd.DataFrame({"key": manifest["key"], "split": split}), path)


def run_both(archive: Path, folder: Path, workers: int = 1) -> tuple[Path, Path]:
    """(downscale's folder, crop's folder)."""
    small, final, splits = folder / "downscale", folder / "crop", folder / "splits.parquet"
    for each in (small, final):
        each.mkdir(parents=True)
    run_downscale(archive, small, workers)
    write_splits(photo_tables.read(small / "manifest.parquet"), splits)
    crop(small, splits, final, CROP, cutter("box").options, workers)
    return small, final


def test_every_photo_is_in_a_shard_or_has_a_reason(archive: Path, tmp_path: Path) -> None:
    small, _ = run_both(archive, tmp_path)
    manifest = photo_tables.read(small / "manifest.parquet")
    assert len(manifest) == NUM_PHOTOS
    assert json.loads((small / "funnel.json").read_text()) == {"ok": 22, "too_small": 1}
    assert manifest.set_index("path")["status"]["data_256/b/small.jpg"] == "too_small"
    assert sorted(path.name for path in (small / "shards").glob("*.tar")) == [
        f"photos-{number:06d}.tar" for number in range(5)
    ]


def test_samples_hold_what_the_contract_says(archive: Path, tmp_path: Path) -> None:
    _, final = run_both(archive, tmp_path)
    meta = read_meta(final)
    assert meta["num_samples"] == {"train": 12, "val": 5, "test": 5}
    photos = photos_of(archive).set_index("key")
    data = archive.read_bytes()
    seen = set()
    for split in SPLITS:
        samples = list(read_split(final, split))
        assert len(samples) == meta["num_samples"][split]
        for sample in samples:
            seen.add(sample.key)
            row = photos.loc[sample.key]
            original = pixels(data[row["offset"] : row["offset"] + row["size"]], at_least=64)
            assert np.array_equal(sample.image, fit(original, DOWNSCALE))
            (hole,) = sample.holes
            assert (
                sample.mask.sum()
                == hole.height * hole.width
                == sample.mask[hole.rows, hole.columns].sum()
            )
            assert sample.mask[sample.box.rows, sample.box.columns].sum() == sample.mask.sum()
            # OpenCV, scikit-image and torch want arrays they could write to.
            assert sample.image.flags.writeable and sample.mask.flags.writeable
            # Pillow's booleans of a 1-bit image are the byte 255: no code expects that.
            assert sample.mask.dtype == bool and sample.mask.view(np.uint8).max() == 1
            assert (sample.category, sample.path) == (row["category"], row["path"])
    assert len(seen) == 22


def test_box_png_is_the_box_of_the_image(archive: Path, tmp_path: Path) -> None:
    import webdataset

    _, final = run_both(archive, tmp_path)
    shards = sorted(str(path) for path in (final / "train").glob("*.tar"))
    samples = list(webdataset.WebDataset(shards, shardshuffle=False))
    assert len(samples) == 12
    for sample in samples:
        top, left, height, width = json.loads(sample["json"])["box"]
        image = np.asarray(Image.open(io.BytesIO(sample["image.png"])))
        box = Image.open(io.BytesIO(sample["box.png"]))
        assert box.size == (28, 28)
        assert np.array_equal(np.asarray(box), image[top : top + height, left : left + width])
        assert Image.open(io.BytesIO(sample["mask.png"])).mode == "1"


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_same_photos_give_the_same_bytes(workers: int, archive: Path, tmp_path: Path) -> None:
    first, second = run_both(archive, tmp_path / "1"), run_both(archive, tmp_path / "2", workers)
    for one, other in zip(first, second, strict=True):
        files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
        assert len(files) >= 7
        for file in files:
            assert (one / file).read_bytes() == (other / file).read_bytes(), file
    assert recorded_sum(first[1] / "train") == recorded_sum(second[1] / "train")


def test_recorded_sums_are_those_of_the_shards(archive: Path, tmp_path: Path) -> None:
    small, final = run_both(archive, tmp_path)
    for folder in (small / "shards", *(final / split for split in SPLITS)):
        lines = (folder / SHARD_SUMS).read_text().splitlines()
        # Readers that take a folder (datasets.load_dataset) read every visible file as a shard.
        shards = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
        found = [f"{sha256_of(path)}  {path.name}" for path in shards]
        assert found and lines == found


def test_shards_are_shuffled_by_hash(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of `shuffled`, however few rows are held at a time."""
    _, final = run_both(archive, tmp_path / "1")
    monkeypatch.setattr("pipeline.stages.crop.ROWS_AT_ONCE", 4)
    _, again = run_both(archive, tmp_path / "2")
    for split in SPLITS:
        keys = [sample.key for sample in read_split(final, split)]
        assert keys == shuffled(sorted(keys), seed=CROP.seed)
        assert keys == [sample.key for sample in read_split(again, split)]


def test_kept_photos_are_found_in_an_index_of_any_pieces() -> None:
    index = pd.DataFrame({"key": [f"k{number:03}" for number in range(100)]}).assign(size=7)
    kept = index[["key"]].iloc[[0, 1, 2, 50, 98, 99]].reset_index(drop=True)
    kept["sha256"] = kept["key"] + "-sum"
    for cut in (1, 3, 100):
        pieces = [index.iloc[start : start + cut] for start in range(0, 100, cut)]
        found = pd.concat(kept_photos([kept.iloc[:4], kept.iloc[4:]], pieces))
        assert found[["key", "sha256"]].reset_index(drop=True).equals(kept)
        assert set(found["size"]) == {7}
    with pytest.raises(AssertionError, match="every row on the right"):
        list(kept_photos([pd.DataFrame({"key": ["stranger"], "sha256": [""]})], [index]))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_photo_that_has_changed_is_named(workers: int, archive: Path, tmp_path: Path) -> None:
    """Also one that decodes, to something else, on the second try."""
    photos = photos_of(archive)
    photo, other = photos.iloc[5], photos.iloc[6]
    data = archive.read_bytes()
    whole = data[other["offset"] : other["offset"] + other["size"]]
    with archive.open("r+b") as file:
        file.seek(int(photo["offset"]))
        file.write(whole[: photo["size"]].ljust(photo["size"], b"\0"))
    with pytest.raises(ValueError, match="is not what it was in `detect_people`") as caught:
        downscale(archive, [photos], len(photos), tmp_path, DOWNSCALE, workers)
    assert photo["path"] in str(caught.value)
    assert caught.value.__notes__ == [f"at the photo {photo['path']} (key {photo['key']})"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_photo_that_no_longer_decodes_is_named(
    workers: int, archive: Path, tmp_path: Path
) -> None:
    photos = photos_of(archive)
    with archive.open("r+b") as file:
        file.seek(int(photos["offset"].iloc[5]))
        file.write(bytes(int(photos["size"].iloc[5])))
    photos["sha256"] = photos_of(archive)["sha256"]
    with pytest.raises(ValueError, match="its content is none of the formats that are read"):
        downscale(archive, [photos], len(photos), tmp_path, DOWNSCALE, workers)


def test_all_too_small_is_an_error(tmp_path: Path, write_tar: WriteTar) -> None:
    write_tar(tmp_path / "photos.tar", {"data_256/a/1.jpg": encoded(picture(0, (32, 32)))})
    with pytest.raises(ValueError, match="no photo is left.*image_size"):
        run_downscale(tmp_path / "photos.tar", tmp_path)


def test_a_box_larger_than_the_image_is_an_error(archive: Path, tmp_path: Path) -> None:
    small, _ = run_both(archive, tmp_path)
    large = CROP.model_copy(update={"box_size": 65})
    with pytest.raises(ValueError, match=r"crop.box_size is 65 .*downscale.image_size \(64\)"):
        crop(small, tmp_path / "splits.parquet", tmp_path, large, cutter("box").options, 1)


def test_options_that_do_not_fit_the_photos_are_an_error(archive: Path, tmp_path: Path) -> None:
    """Known here again: the photos may be of another size than params.yaml now says."""
    small, _ = run_both(archive, tmp_path)
    options = cutter("center", image_size=128, width=100).options
    params = CROP.model_copy(update={"kind": "center"})
    with pytest.raises(ValueError, match=r"center.width is 100 but must be <= .*image_size \(64\)"):
        crop(small, tmp_path / "splits.parquet", tmp_path, params, options, 1)


@pytest.mark.parametrize("mode", ["center_crop", "stretch"])
def test_fit(mode: str) -> None:
    params = DownscaleParams(image_size=64, fit=mode, photos_per_shard=1)
    wide = Image.new("RGB", (200, 100))
    wide.paste((255, 255, 255), (50, 0, 150, 100))
    fitted = fit(np.asarray(wide), params)
    assert fitted.shape == (64, 64, 3)
    assert (fitted[:, 3:-3].min() == 255) == (mode == "center_crop")
