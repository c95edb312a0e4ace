"""Pinned files: kept once verified, adopted from a copy that is here, or downloaded.

A verified file stays in `.work/archives/<first digits of its sum>/`. DVC's cache and the outs are
hard links to it, so that it costs no disk of its own; where it stands, nothing is fetched again.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.downloads import transfer
from pipeline.downloads.archive import Archive
from pipeline.params.runtime import RuntimeParams
from pipeline.runtime.progress import progress, say
from pipeline.runtime.scratch import ARCHIVES, require_space, work_dir

_READ = 1 << 20  # bytes
VERIFIED = "verified.json"


@dataclass(frozen=True)
class Verified:
    """A file whose bytes are the pinned ones."""

    path: Path
    sha256: str


def obtain(
    archive: Archive,
    url: str | None,
    runtime: RuntimeParams,
    *,
    section: str | None = None,
    by_hand: str | None = None,
) -> Verified:
    """The verified file; kept, adopted or downloaded, in this order.

    `url` is the official folder of the file; None where no program may fetch it, and then
    `by_hand` says what a person has to do. A source's main archive comes with its `section` of
    params.yaml: a copy that is named but is not it is an error then. Raises ValueError where
    nobody has the right bytes.
    """
    folder = work_dir() / ARCHIVES / archive.key
    with _lock(folder, archive):
        kept = _kept(folder, archive)
        if kept is not None:
            return kept
        copy = _find_copy(archive, runtime)
        if copy is not None:
            return _adopt(copy, folder, archive, runtime)
        if runtime.adopt and section:
            raise ValueError(_no_copy(archive, runtime, section))
        urls = [f"{base.rstrip('/')}/{archive.name}" for base in [*runtime.mirrors, url] if base]
        if not urls or archive.num_bytes is None:
            raise ValueError(
                f"{archive.name} is not here: "
                + (by_hand or "name your copy in params.yaml runtime.adopt")
            )
        path, sha256 = transfer.fetch(archive, urls, folder)
        return _keep(path, sha256)


def _no_copy(archive: Archive, runtime: RuntimeParams, section: str) -> str:
    path = adopted(runtime)
    what = "a folder" if path.is_dir() else f"a file of {path.stat().st_size:,} bytes"
    expected = f" of {archive.num_bytes:,} bytes" if archive.num_bytes else ""
    return (
        f"params.yaml runtime.adopt is {runtime.adopt!r}, {what} that neither is nor holds "
        f"{archive.name}{expected}. For a copy in another form set {section}.form; empty "
        "runtime.adopt to have the archive downloaded"
    )


def _find_copy(archive: Archive, runtime: RuntimeParams) -> Path | None:
    """The user's copy of `archive`: the file `runtime.adopt` itself, or the one in that folder.

    A file of another name counts where its size is the pinned one.
    """
    if not runtime.adopt:
        return None
    path = adopted(runtime)
    if path.is_dir():
        inside = path / archive.name
        return inside if inside.is_file() else None
    return path if archive.name == path.name or archive.num_bytes == path.stat().st_size else None


def adopted(runtime: RuntimeParams) -> Path:
    """`runtime.adopt` as a path that exists."""
    path = Path(runtime.adopt).expanduser()
    if not path.exists():
        raise ValueError(
            f"params.yaml runtime.adopt is {runtime.adopt!r}, but there is no such file or folder"
        )
    return path


def adopted_folder(runtime: RuntimeParams, section: str, roots: tuple[str, ...] = ()) -> Path:
    """The extracted copy that `runtime.adopt` names; the first of `roots` inside it, if any."""
    if not runtime.adopt:
        raise ValueError(
            f"params.yaml {section}.form is 'folder', but runtime.adopt names no folder: name the "
            f"extracted copy there, or set {section}.form to archive"
        )
    path = adopted(runtime)
    if not path.is_dir():
        raise ValueError(
            f"params.yaml {section}.form is 'folder', but runtime.adopt is {runtime.adopt!r}, "
            f"which is a file: name the extracted copy's folder, or set another {section}.form"
        )
    if runtime.adopt_by == "link":
        raise ValueError(
            f"params.yaml runtime.adopt_by is 'link', but an extracted copy ({section}.form is "
            "'folder') is packed into a new archive, which copies it: set it to copy"
        )
    return next((path / root for root in roots if (path / root).is_dir()), path)


@contextmanager
def _lock(folder: Path, archive: Archive) -> Iterator[None]:
    """One process at a time a file."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_suffix(".lock"))
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout:
        raise ValueError(
            f"another process is getting {archive.name} into {folder}: wait for it, or stop it"
        ) from None


def _kept(folder: Path, archive: Archive) -> Verified | None:
    """The file that was verified before, read again: disks lose bytes without a new time."""
    path, record = folder / archive.name, folder / VERIFIED
    if not (path.is_file() and record.is_file()):
        return None
    md5, sha256 = _read(path, f"check {archive.name}")
    if not archive.faults_of(path.stat().st_size, md5, sha256):
        return Verified(path, sha256)
    say(f"download: {path} has lost its bytes and is left for a new one")
    path.unlink()
    record.unlink()
    return None


def _keep(path: Path, sha256: str) -> Verified:
    """Notes that all of `path` is there."""
    facts = {"sha256": sha256}
    temporary = path.with_name(f"{VERIFIED}.tmp")
    temporary.write_text(json.dumps(facts))
    os.replace(temporary, path.with_name(VERIFIED))
    return Verified(path, sha256)


def _adopt(copy: Path, folder: Path, archive: Archive, runtime: RuntimeParams) -> Verified:
    """A verified copy of, or link to, the user's file."""
    num_bytes = copy.stat().st_size
    if archive.num_bytes not in (None, num_bytes):
        raise ValueError(_refusal(copy, [f"bytes: got {num_bytes}, expected {archive.num_bytes}"]))
    target = folder / archive.name
    temporary = folder / f"{archive.name}.adopted"
    temporary.unlink(missing_ok=True)
    if runtime.adopt_by == "copy":
        require_space(folder, num_bytes, f"copying {copy}")
        md5, sha256 = _read(copy, f"copy {copy.name}", temporary)
    else:
        md5, sha256 = _read(copy, f"check {copy.name}")
    faults = archive.faults_of(num_bytes, md5, sha256)
    if faults:
        temporary.unlink(missing_ok=True)
        raise ValueError(_refusal(copy, faults))
    if runtime.adopt_by == "link":
        _link(copy, temporary)
    os.replace(temporary, target)
    return _keep(target, sha256)


def _link(copy: Path, target: Path) -> None:
    try:
        os.link(copy.resolve(), target)
    except OSError as error:
        raise ValueError(
            f"{copy} cannot be linked from {target.parent} ({error.strerror}): set params.yaml "
            "runtime.adopt_by to copy"
        ) from error
    say(
        f"download: WARNING: {copy} is now linked into DVC's cache and becomes read-only: writing "
        "into it would spoil the cache. Deleting it is safe"
    )


def _refusal(copy: Path, faults: list[str]) -> str:
    return (
        f"{copy} is not the file that is pinned ({'; '.join(faults)}): bring the right one, or "
        "empty params.yaml runtime.adopt to have it downloaded"
    )


def _read(path: Path, what: str, target: Path | None = None) -> tuple[str, str]:
    """md5 and sha256 of `path`, copied to `target` on the way where one is given."""
    md5, sha256 = hashlib.md5(), hashlib.sha256()
    total = -(-path.stat().st_size // _READ)
    with path.open("rb") as file, progress(what, total, "MiB") as advance:
        copy = target.open("wb") if target else None
        try:
            while block := file.read(_READ):
                md5.update(block)
                sha256.update(block)
                if copy:
                    copy.write(block)
                advance(1)
        finally:
            if copy:
                copy.close()
    return md5.hexdigest(), sha256.hexdigest()
