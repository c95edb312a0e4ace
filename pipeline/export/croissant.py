"""The final shards in Croissant, MLCommons' format of describing data sets.

Croissant 1.0, https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.runtime.checksums import SHARD_SUMS
from pipeline.shards.reader import read_meta

SPLITS = ("train", "val", "test")
LINE = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<name>.+)")
# Field of a sample -> what it is.
IMAGES = {
    "image": "the photo, RGB",
    "mask": "white where pixels are to be completed",
    "box": "the window around the hole, cut out of the photo",
}


def croissant(crop_dir: Path, name: str, terms: str) -> dict[str, Any]:
    """JSON-LD of the shards in `crop_dir`, whose paths are relative to it.

    `name` and `terms` are of the photos. Raises ValueError where mlcroissant finds it unsound.
    """
    import mlcroissant as mlc

    meta = read_meta(crop_dir)
    shards = list(_shards(crop_dir, mlc))
    file_sets = [
        mlc.FileSet(
            id=f"{field}-files",
            name=f"{field}-files",
            description=about,
            contained_in=[shard.id for shard in shards],
            encoding_formats=["image/png"],
            includes=f"*.{field}.png",
        )
        for field, about in IMAGES.items()
    ]
    size = f"{meta['image_size']}x{meta['image_size']} px"
    metadata = mlc.Metadata(
        name=re.sub(r"[^A-Za-z0-9_-]+", "-", f"scenefill-{name}"),
        description=f"{name}: {sum(meta['num_samples'].values()):,} photos of {size} with holes of "
        f"the kind {meta['kind']}, in WebDataset shards made by Scenefill.",
        license=terms,
        url="https://github.com/webdataset/webdataset",
        version="1.0.0",
        conforms_to="http://mlcommons.org/croissant/1.0",
        distribution=[*shards, *file_sets],
        record_sets=[_records(field, about, mlc) for field, about in IMAGES.items()],
    )
    if metadata.issues.errors:
        raise ValueError(f"mlcroissant refuses the description: {metadata.issues.report()}")
    values: dict[str, Any] = metadata.to_json()
    return values


def _shards(crop_dir: Path, mlc: Any) -> Iterator[Any]:
    for split in SPLITS:
        for line in (crop_dir / split / SHARD_SUMS).read_text().splitlines():
            match = LINE.fullmatch(line)
            assert match is not None, "as `write_sums` writes it"
            path = f"{split}/{match['name']}"
            yield mlc.FileObject(
                id=path,
                name=path,
                content_url=path,
                content_size=f"{(crop_dir / path).stat().st_size} B",
                encoding_formats=["application/x-tar"],
                sha256=match["sha256"],
            )


def _records(field: str, about: str, mlc: Any) -> Any:
    """A row a sample: its key and one of its images; the key joins them."""
    files = f"{field}-files"

    def source(**extract: Any) -> Any:
        return mlc.Source(file_set=files, extract=mlc.Extract(**extract))

    key = source(file_property="filename")
    key.transforms = [mlc.Transform(regex=rf"^(.+)\.{field}\.png$")]
    return mlc.RecordSet(
        id=field,
        name=field,
        description=about,
        fields=[
            mlc.Field(
                id=f"{field}/key",
                name=f"{field}/key",
                description="of the sample",
                data_types=mlc.DataType.TEXT,
                source=key,
            ),
            mlc.Field(
                id=f"{field}/content",
                name=f"{field}/content",
                description=about,
                data_types=mlc.DataType.IMAGE_OBJECT,
                source=source(file_property="content"),
            ),
        ],
    )
