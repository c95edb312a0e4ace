"""Photos -> small shards -> final shards, through the stages' own functions."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cutters import cutter
from pictures import encoded, picture
from pipeline import manifests
from pipeline.checksums import recorded_sum
from pipeline.params.crop import CropParams
from pipeline.params.downscale import DownscaleParams
from pipeline.params.index import IndexParams
from pipeline.photos import decode
from pipeline.shard_reader import read_meta, read_split
from pipeline.stages.crop import SPLITS, crop
from pipeline.stages.downscale import downscale, fit
from pipeline.stages.index import index

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
    return index(archive, IndexParams(extensions=[".jpg"], max_bytes=10**6))[0]


def run_both(archive: Path, folder: Path) -> tuple[Path, Path]:
    """(downscale's folder, crop's folder)."""
    small, final = folder / "downscale", folder / "crop"
    for each in (small, final):
        each.mkdir(parents=True)
    downscale(archive, photos_of(archive), small, DOWNSCALE)
    manifest = manifests.read(small / "manifest.parquet")
    samples = manifest[manifest["status"] == "ok"].reset_index(drop=True)
    split = [
        "test" if number % 5 == 0 else "val" if number % 5 == 1 else "train" for number in range(22)
    ]
    crop(small / "shards", samples.assign(split=split), final, CROP, cutter("box").options)
    return small, final


def test_every_photo_is_in_a_shard_or_has_a_reason(archive: Path, tmp_path: Path) -> None:
    small, _ = run_both(archive, tmp_path)
    manifest = manifests.read(small / "manifest.parquet")
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
            original = decode(data[row["offset"] : row["offset"] + row["size"]], at_least=64)
            assert np.array_equal(sample.image, np.asarray(fit(original, DOWNSCALE)))
            (hole,) = sample.holes
            assert (
                sample.mask.sum()
                == hole.height * hole.width
                == sample.mask[hole.rows, hole.columns].sum()
            )
            assert sample.mask[sample.box.rows, sample.box.columns].sum() == sample.mask.sum()
            # OpenCV, scikit-image and torch want arrays they could write to.
            assert sample.image.flags.writeable and sample.mask.flags.writeable
            # Pillow's booleans of a 1-bit picture are the byte 255: no code expects that.
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


def test_the_same_photos_give_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    first, second = run_both(archive, tmp_path / "1"), run_both(archive, tmp_path / "2")
    for one, other in zip(first, second, strict=True):
        files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
        assert len(files) >= 7
        for file in files:
            assert (one / file).read_bytes() == (other / file).read_bytes(), file
    assert recorded_sum(first[1] / "train") == recorded_sum(second[1] / "train")


def test_all_too_small_is_an_error(tmp_path: Path, write_tar: WriteTar) -> None:
    write_tar(tmp_path / "photos.tar", {"data_256/a/1.jpg": encoded(picture(0, (32, 32)))})
    with pytest.raises(ValueError, match="no photo is left.*image_size"):
        downscale(tmp_path / "photos.tar", photos_of(tmp_path / "photos.tar"), tmp_path, DOWNSCALE)


def test_a_box_larger_than_the_image_is_an_error(archive: Path, tmp_path: Path) -> None:
    small, _ = run_both(archive, tmp_path)
    manifest = manifests.read(small / "manifest.parquet")
    samples = manifest[manifest["status"] == "ok"].assign(split="train")
    large = CROP.model_copy(update={"box_size": 65})
    with pytest.raises(ValueError, match=r"crop.box_size is 65 .*downscale.image_size \(64\)"):
        crop(small / "shards", samples, tmp_path / "x", large, cutter("box").options)


def test_options_that_do_not_fit_the_photos_are_an_error(archive: Path, tmp_path: Path) -> None:
    """Known here again: the photos may be of another size than params.yaml now says."""
    small, _ = run_both(archive, tmp_path)
    manifest = manifests.read(small / "manifest.parquet")
    samples = manifest[manifest["status"] == "ok"].assign(split="train")
    options = cutter("center", image_size=128, width=100).options
    params = CROP.model_copy(update={"kind": "center"})
    with pytest.raises(ValueError, match=r"center.width is 100 but must be <= .*image_size \(64\)"):
        crop(small / "shards", samples, tmp_path / "x", params, options)


@pytest.mark.parametrize("mode", ["center_crop", "stretch"])
def test_fit(mode: str) -> None:
    params = DownscaleParams(image_size=64, fit=mode, photos_per_shard=1)
    wide = Image.new("RGB", (200, 100))
    wide.paste((255, 255, 255), (50, 0, 150, 100))
    pixels = np.asarray(fit(wide, params))
    assert pixels.shape == (64, 64, 3)
    assert (pixels[:, 3:-3].min() == 255) == (mode == "center_crop")
