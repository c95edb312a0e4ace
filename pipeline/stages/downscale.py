"""Stage: kept photos -> small lossless shards; the archive is not read after this.

One definition of the downscale: libjpeg's scaled decoding to the smallest 1/n whose short side is
no shorter than the target, upright, 8-bit RGB, cut to the centre square (or stretched), then
Lanczos to the target where the size still differs; in the photo's own gamma.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from pipeline.params.downscale import DownscaleParams
from pipeline.params.runtime import RuntimeParams, workers_of
from pipeline.params.section import load
from pipeline.photos import photo_tables
from pipeline.photos.decoding import BrokenPhotoError, read_photo
from pipeline.photos.photo_bytes import read_photos
from pipeline.photos.png import encode_png
from pipeline.runtime.bucket_archive import Range
from pipeline.runtime.checksums import SHARD_SUMS, write_sums
from pipeline.runtime.photo_archive import PhotoArchive, photo_archive
from pipeline.runtime.progress import progress
from pipeline.runtime.scratch import publish, require_space, scratch
from pipeline.runtime.workers import MakePart, Workers, at_most, at_photo, run_parts
from pipeline.shards.writer import ShardWriter, shard_name

TOO_SMALL = "too_small"


def run(data: Path = Path("data")) -> None:
    """Writes data/downscale/: shards/ with their sums, manifest.parquet (a row a kept photo) and
    funnel.json.
    """
    params = load("downscale", DownscaleParams)
    runtime = load("runtime", RuntimeParams)
    archive = photo_archive(data)
    kept, index = data / "filter_people" / "kept.parquet", data / "index" / "index.parquet"
    num_photos = photo_tables.num_rows(kept)
    with scratch(
        "downscale",
        params=params.model_dump(),
        code=["pipeline/stages/downscale.py"],
        inputs=[data / "download" / "photos.tar", kept, index],
    ) as folder:
        # Three bytes a pixel and some 1.5 KB of headers a photo.
        require_space(folder, num_photos * (3 * params.image_size**2 + 1500), "downscaling")
        photos = kept_photos(photo_tables.read_pieces(kept), photo_tables.read_pieces(index))
        downscale(archive, photos, num_photos, folder, params, workers_of(runtime))
        for name in ("shards", "manifest.parquet", "funnel.json"):
            publish(folder / name, data / "downscale" / name)


def kept_photos(
    kept: Iterable[pd.DataFrame], index: Iterable[pd.DataFrame]
) -> Iterator[pd.DataFrame]:
    """The rows of `index` whose keys `kept` has, with the sums that it has for them.

    Both come in pieces and in the same order.
    """
    for rows in photo_tables.left_join(index, kept):
        yield rows[rows["sha256"].notna()]


def downscale(
    archive: PhotoArchive,
    photos: Iterable[pd.DataFrame],
    num_photos: int,
    folder: Path,
    params: DownscaleParams,
    workers: Workers,
) -> None:
    """Writes all outs into `folder`.

    `photos` are pieces with key, path, category, offset, size and sha256.
    """
    # The plan says which photos stand in which shard; workers make whole shards.
    num_shards = -(-num_photos // params.photos_per_shard)
    parts: Iterator[tuple[str, MakePart]] = (
        (name := shard_name("photos", number), partial(_make_shard, name, archive, rows, params))
        for number, rows in enumerate(photo_tables.regroup(photos, params.photos_per_shard))
    )
    with progress("downscale", num_photos, "photos") as advance:
        made = run_parts(folder / "parts", parts, advance, at_most(workers, num_shards), __name__)

    # The shards move together, and the sums that their workers took beside them.
    shards = folder / "shards"
    for part in made:
        publish(part / part.name, shards / part.name)
    sums = {part.name: (part / "sha256").read_text() for part in made}
    write_sums(shards / SHARD_SUMS, sums)

    # Every photo has a row, and the funnel counts what became of them.
    manifest = folder / "manifest.parquet"
    photo_tables.write_pieces((photo_tables.read(part / "rows.parquet") for part in made), manifest)
    counts = Counter[str]()
    for piece in photo_tables.read_pieces(manifest, ["status"]):
        counts.update(piece["status"])
    assert counts.total() == num_photos, "photos in = photos out + dropped"
    if not counts["ok"]:
        raise ValueError(
            f"no photo is left: the short side of all {num_photos} is under "
            "params.yaml downscale.image_size; lower it, or bring larger photos"
        )
    (folder / "funnel.json").write_text(json.dumps(dict(sorted(counts.items())), indent=2) + "\n")


def _make_shard(
    name: str, archive: PhotoArchive, photos: pd.DataFrame, params: DownscaleParams, folder: Path
) -> int:
    """One tar of the photos that are large enough, its sum, and one row for each photo."""
    rows = []
    places = [Range(*place) for place in zip(photos["offset"], photos["size"], strict=True)]
    with closing(read_photos(archive, places)) as read, ShardWriter(folder / name) as shard:
        for photo, data in zip(photo_tables.rows(photos), read, strict=True):
            with at_photo(photo):
                rows.append(_add_photo(shard, name, data, photo, params))
    (folder / "sha256").write_text(shard.sha256)
    photo_tables.write(pd.DataFrame(rows), folder / "rows.parquet")
    return len(rows)


def _add_photo(
    shard: ShardWriter, name: str, data: bytes, photo: Any, params: DownscaleParams
) -> dict[str, Any]:
    """Its row; in the shard only if it is large enough."""
    image = _decode_again(data, photo, params.image_size)
    facts = {"category": photo.category, "path": photo.path}
    if min(image.shape[:2]) < params.image_size:
        place = {"status": TOO_SMALL, "shard": "", "offset": 0, "size": 0}
    else:
        png = encode_png(fit(image, params))
        fields = {"image.png": png, "json": json.dumps(facts).encode()}
        offset = shard.add(photo.key, fields)["image.png"]
        place = {"status": "ok", "shard": name, "offset": offset, "size": len(png)}
    return {"key": photo.key, **place, **facts}


def _decode_again(data: bytes, photo: Any, image_size: int) -> np.ndarray:
    """The photo, which `detect_people` saw and could decode in full."""
    try:
        if hashlib.sha256(data).hexdigest() != photo.sha256:
            raise BrokenPhotoError(f"its bytes no longer have the sha256 {photo.sha256}")
        # How large a photo may be, `detect_people` has decided.
        return read_photo(data, at_least=image_size, max_pixels=None).image
    except BrokenPhotoError as error:
        raise ValueError(
            f"{photo.path} is not what it was in `detect_people` ({error}): the archive or the "
            "disk is damaged, run `dvc repro -f download`"
        ) from error


def fit(image: np.ndarray, params: DownscaleParams) -> np.ndarray:
    """`image` (HWC uint8) as image_size x image_size."""
    size = (params.image_size, params.image_size)
    if image.shape[:2] == size:
        return image
    picture = Image.fromarray(image)
    if params.fit == "center_crop":
        return np.asarray(ImageOps.fit(picture, size, method=Image.Resampling.LANCZOS))
    return np.asarray(picture.resize(size, resample=Image.Resampling.LANCZOS))
