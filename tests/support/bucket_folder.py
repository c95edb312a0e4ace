"""A folder of photos in a bucket, as `download` leaves it."""

import json
from pathlib import Path

from pipeline.runtime.bucket_folder import BucketFolder
from pipeline.sources.folder.options import FolderOptions
from pipeline.sources.folder.source import write
from support.runtime import runtime


def named(url: str, folder: Path) -> BucketFolder:
    """Lists and note go to `folder`."""
    folder.mkdir(exist_ok=True)
    options = FolderOptions(path="data/none", url=url)
    sha256 = write(folder / "photos.tar", folder, options, runtime())
    facts = json.loads((folder / "photos.json").read_text())
    assert facts["sha256"] == sha256
    return BucketFolder(**facts, objects=folder / "photos.parquet")
