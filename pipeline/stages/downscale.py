"""Stage: kept photos -> small lossless shards; the archive is not read after this.

One definition of the downscale: libjpeg's scaled decoding to the smallest 1/n whose short side is
no shorter than the target, upright, 8-bit RGB, cut to the centre square (or stretched), then
Lanczos to the target where the size still differs; in the photo's own gamma.
"""

import json
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
from PIL import Image, ImageOps

from pipeline import manifests
from pipeline.checksums import SHARD_SUMS, write_sums
from pipeline.engine import run_parts
from pipeline.params.downscale import DownscaleParams
from pipeline.params.section import load
from pipeline.photos import BrokenPhotoError, decode, encode_png, read_at
from pipeline.progress import Advance, progress
from pipeline.resume import publish, require_space, scratch
from pipeline.shard_writer import ShardWriter, shard_name

TOO_SMALL = "too_small"


def run(data: Path = Path("data")) -> None:
    """Writes data/downscale/shards/, manifest.parquet (a row a kept photo) and funnel.json."""
    params = load("downscale", DownscaleParams)
    archive = data / "download" / "photos.tar"
    kept = manifests.read(data / "filter_people" / "kept.parquet")
    index = manifests.read(data / "index" / "index.parquet")
    photos = kept.merge(index, on="key", how="left", validate="one_to_one")
    assert photos["path"].notna().all()
    with scratch(
        "downscale",
        params=params.model_dump(),
        code=["pipeline/stages/downscale.py"],
        inputs=[archive, data / "filter_people" / "kept.parquet", data / "index" / "index.parquet"],
    ) as folder:
        # Three bytes a pixel and some 1.5 KB of headers a photo.
        require_space(folder, len(photos) * (3 * params.image_size**2 + 1500), "downscaling")
        downscale(archive, photos, folder, params)
        for name in ("shards", "manifest.parquet", "funnel.json"):
            publish(folder / name, data / "downscale" / name)


def downscale(archive: Path, photos: pd.DataFrame, folder: Path, params: DownscaleParams) -> None:
    """Writes all outs into `folder`; `photos` has key, path, category, offset and size."""
    parts = {}
    for number, start in enumerate(range(0, len(photos), params.photos_per_shard)):
        rows = photos.iloc[start : start + params.photos_per_shard]
        name = shard_name("photos", number)
        parts[name] = partial(_make_shard, name, archive, rows, params)
    with progress("downscale", len(photos), "photos") as advance:
        made = run_parts(folder / "parts", parts, advance)
    shards = folder / "shards"
    for part in made:
        publish(part / part.name, shards / part.name)
    write_sums(shards / SHARD_SUMS, shards.glob("*.tar"))
    manifest = pd.concat([manifests.read(part / "rows.parquet") for part in made])
    _check_counts(manifest, len(photos))
    manifests.write(manifest, folder / "manifest.parquet")
    counts = dict(sorted(Counter(manifest["status"]).items()))
    (folder / "funnel.json").write_text(json.dumps(counts, indent=2) + "\n")


def _check_counts(manifest: pd.DataFrame, num_photos: int) -> None:
    assert len(manifest) == num_photos, "photos in = photos out + dropped"
    if not (manifest["status"] == "ok").any():
        raise ValueError(
            f"no photo is left: the short side of all {num_photos} is under "
            "params.yaml downscale.image_size; lower it, or bring larger photos"
        )


def _make_shard(
    name: str,
    archive: Path,
    photos: pd.DataFrame,
    params: DownscaleParams,
    folder: Path,
    advance: Advance,
) -> None:
    """One tar of the photos that are large enough, and one row for each photo."""
    rows = []
    with archive.open("rb") as file, ShardWriter(folder / name) as shard:
        for photo in manifests.rows(photos):
            image = _decode_again(file, photo, params.image_size)
            facts = {"category": photo.category, "path": photo.path}
            row = {
                "key": photo.key,
                "status": TOO_SMALL,
                "shard": "",
                "offset": 0,
                "size": 0,
                **facts,
            }
            if min(image.size) >= params.image_size:
                png = encode_png(fit(image, params))
                fields = {"image.png": png, "json": json.dumps(facts).encode()}
                offset = shard.add(photo.key, fields)["image.png"]
                row |= {"status": "ok", "shard": name, "offset": offset, "size": len(png)}
            rows.append(row)
            advance(1)
    manifests.write(pd.DataFrame(rows), folder / "rows.parquet")


def _decode_again(file: BinaryIO, photo: Any, image_size: int) -> Image.Image:
    """The photo, which `detect_people` could decode in full."""
    try:
        return decode(read_at(file, photo.offset, photo.size), at_least=image_size)
    except BrokenPhotoError as error:
        raise ValueError(
            f"{photo.path} was whole in `detect_people` but does not decode now ({error}): "
            "the archive or the disk is damaged, run `dvc repro -f download`"
        ) from error


def fit(image: Image.Image, params: DownscaleParams) -> Image.Image:
    """`image` as image_size x image_size."""
    size = (params.image_size, params.image_size)
    if params.fit == "center_crop":
        return ImageOps.fit(image, size, method=Image.Resampling.LANCZOS)
    return image.resize(size, resample=Image.Resampling.LANCZOS)
