"""Stage: a source -> one plain tar of photos in the Places365 layout, its sum and its lists.

Nothing is ever extracted from the tar: later stages read photos by offset.
"""

import importlib
from pathlib import Path

from pipeline.params.download import DownloadParams
from pipeline.params.runtime import RuntimeParams
from pipeline.params.section import load
from pipeline.runtime.photo_archive import stored_archive
from pipeline.runtime.scratch import publish, scratch


def run(data: Path = Path("data")) -> None:
    """Writes the tar of photos under its sum, data/download/photos.tar.sha256, and lists/.

    Of photos that stay in their bucket there is a note of where they lie, in its place.
    """
    params = load("download", DownloadParams)
    runtime = load("runtime", RuntimeParams)
    # Only the chosen source is imported, so that an edit of another one reruns nothing.
    source = importlib.import_module(f"pipeline.sources.{params.source}.source")
    options = load(f"sources.{params.source}", source.OPTIONS)
    with scratch(
        "download",
        params={"download": params.model_dump(), "options": options.model_dump()},
        code=["pipeline/stages/download.py", f"pipeline/sources/{params.source}/source.py"],
        inputs=[],
    ) as folder:
        lists = folder / "lists"
        lists.mkdir(exist_ok=True)
        # Told by the source, which may know it: 26 GB are not read once more for it.
        sha256 = source.write(folder / "photos.tar", lists, options, runtime)
        # Of a source that knows nothing besides: DVC warns of an empty folder.
        (lists / "source.txt").write_text(f"{params.source}\n")
        (folder / "photos.tar.sha256").write_text(f"{sha256}  photos.tar\n")
        # The note last: with it there is an archive.
        for written in ("photos.tar", "photos.parquet", "photos.json"):
            if (path := folder / written).is_file():
                publish(path, stored_archive(sha256).with_suffix(path.suffix))
        for name in ("photos.tar.sha256", "lists"):
            publish(folder / name, data / "download" / name)
