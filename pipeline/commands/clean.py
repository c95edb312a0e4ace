"""Removes what interrupted and finished works have left in the scratch folder."""

import shutil
from collections import Counter
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.runtime.bucket_archive import BucketArchive
from pipeline.runtime.photo_archive import FOLDER as PHOTOS
from pipeline.runtime.photo_archive import has_photos, noted_archive
from pipeline.runtime.running import is_running
from pipeline.runtime.score_store import forget_findings
from pipeline.runtime.scratch import ARCHIVES, FINGERPRINT_DIGITS, forget, work_dir


def clean_scratch(data: Path) -> str:
    """Removes scratch folders that no run holds; says what went and what stayed."""
    removed, busy = Counter[str](), []
    for folder in sorted(work_dir().glob(f"*/{'[0-9a-f]' * FINGERPRINT_DIGITS}")):
        kind = "archives" if folder.parent.name == ARCHIVES else "unfinished works"
        lock = FileLock(folder.with_suffix(".lock"))
        try:
            with lock.acquire(timeout=0):
                shutil.rmtree(folder)
                removed[kind] += 1
        except Timeout:
            busy.append(str(folder))
            continue
        forget(folder)
    lines = [f"removed {removed['unfinished works']} unfinished works"]
    if removed["archives"]:
        lines.append(
            f"removed {removed['archives']} downloaded archives, whole or begun: what stages made "
            "of them stays, but `download`, where it has to run again, fetches them anew"
        )
    if is_running("download"):
        busy.append("`download`, which may need the archives of photos,")
    else:
        current = noted_archive(data) if has_photos(data) else None
        kept = current.sha256 if isinstance(current, BucketArchive) else current and current.stem
        former = [path for path in (work_dir() / PHOTOS).glob("*.*") if path.stem != kept]
        for path in former:
            path.unlink()
        if sums := {path.stem for path in former}:
            lines.append(f"removed {len(sums)} archives of photos of former runs")
    if forget_findings(work_dir()):
        lines.append("removed what the people detector has found so far; tables made of it stay")
    return "\n".join([*lines, *(f"{name} is at work" for name in busy)])
