"""Scratch folders: work survives a kill, and half of it never looks like the whole.

DVC deletes a stage's outs before it runs and a kill would leave them half-written. So work goes
to `.work/<stage>/<fingerprint>/` and is published, under the final names, only when complete.
The fingerprint covers all that decides the bytes: params, code and inputs. A rerun of the same
work finds its finished parts; a rerun of other work finds an empty folder.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pipeline.runtime.checksums import recorded_sum, sha256_of
from pipeline.runtime.code_closure import ROOT, closure
from pipeline.runtime.progress import say
from pipeline.runtime.running import already_running

FINGERPRINT_DIGITS = 16

# "params", "code", "inputs" -> name -> value or sum.
Facts = dict[str, dict[str, Any]]
# Beside the stages' folders: files that a download has verified, or begun.
ARCHIVES = "archives"


def work_dir() -> Path:
    """The scratch folder. In `dvc exp run --temp` DVC_ROOT is the repository, not the copy."""
    return Path(os.environ.get("DVC_ROOT", ".")) / ".work"


def facts_of(params: dict[str, Any], code: Iterable[str], inputs: Iterable[Path]) -> Facts:
    """All that decides the bytes: the params' values, the code's and the inputs' sums."""
    return {
        "params": _flat(params),
        "code": {path: sha256_of(ROOT / path) for path in closure(*code)},
        "inputs": {path.name: recorded_sum(path) for path in inputs},
    }


def code_sum(starts: Iterable[str]) -> str:
    """sha256 over the files `starts` and all that they import of ours: names and contents."""
    sums = {path: sha256_of(ROOT / path) for path in closure(*starts)}
    return hashlib.sha256(json.dumps(sums, sort_keys=True).encode()).hexdigest()


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dicts as one with dotted names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        dotted = f"{prefix}{name}"
        flat |= _flat(value, f"{dotted}.") if isinstance(value, dict) else {dotted: value}
    return flat


def fingerprint(facts: Facts) -> str:
    """16 hex digits over `facts`."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[
        :FINGERPRINT_DIGITS
    ]


def forget(folder: Path) -> None:
    """What stands beside a scratch folder goes when it has gone."""
    for suffix in (".lock", ".json"):
        folder.with_suffix(suffix).unlink(missing_ok=True)


def scratch_folder(
    stage: str, *, params: dict[str, Any], code: Iterable[str], inputs: Iterable[Path]
) -> Path:
    """Where this work's finished parts lie."""
    return work_dir() / stage / fingerprint(facts_of(params, code, inputs))


@contextmanager
def scratch(
    stage: str,
    *,
    params: dict[str, Any],
    code: Iterable[str],
    inputs: Iterable[Path],
    keep: bool = False,
) -> Iterator[Path]:
    """Yields this work's scratch folder, locked.

    It is removed when the block ends without an error, unless it is to `keep`: a training goes on
    from it when its budget is raised.
    """
    facts = facts_of(params, code, inputs)
    folder = work_dir() / stage / fingerprint(facts)
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise already_running(stage) from None
    try:
        if folder.is_dir() and not keep:
            say(f"{stage}: going on with the unfinished work in {folder}")
        if not folder.is_dir():
            _say_why_afresh(stage, folder, facts)
        folder.mkdir(exist_ok=True)
        folder.with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n")
        yield folder
        if not keep:
            shutil.rmtree(folder)
    finally:
        lock.release()
        if not folder.exists():
            forget(folder)


def _say_why_afresh(stage: str, folder: Path, facts: Facts) -> None:
    """What differs from the stage's newest other work, which cannot be gone on with."""
    others = (path for path in folder.parent.glob("*.json") if path.with_suffix("").is_dir())
    newest = max(others, key=lambda path: path.stat().st_mtime_ns, default=None)
    if newest is None:
        return
    try:
        former: Facts = json.loads(newest.read_text())
        changes = [
            f"{name} was {former['params'].get(name)}, is {facts['params'].get(name)}"
            for name in _unequal(former["params"], facts["params"])
        ]
        for kind in ("code", "inputs"):
            changes += [f"{name} has changed" for name in _unequal(former[kind], facts[kind])]
    except (ValueError, KeyError, TypeError, AttributeError):
        # Half written when the disk was full, or rotten: it is there for this message alone.
        changes = [f"{newest}, which says what that was, is damaged"]
    kept = newest.with_suffix("")
    say(f"{stage}: starts afresh, since {', '.join(changes)}; the former work stays in {kept}")


def _unequal(former: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Names whose values differ or that only one has."""
    return sorted(name for name in former.keys() | now.keys() if former.get(name) != now.get(name))


def require_space(folder: Path, num_bytes: int, what: str) -> None:
    """Refuses to start what the disk cannot hold."""
    free = shutil.disk_usage(folder).free
    if free < num_bytes:
        raise ValueError(
            f"{what} needs about {num_bytes / 1e6:,.1f} MB, but {folder.resolve()} has "
            f"{free / 1e6:,.1f} MB free: free some space, or move the project to a larger disk"
        )


@contextmanager
def published_together(out: Path) -> Iterator[Path]:
    """Yields a folder for what belongs into the stage's folder `out`; all of it moves at the end.

    An error before leaves `out` as it was: half a file never has its final name.
    """
    # In the folder itself, wherever DVC_ROOT points; a stage's lock keeps others from it.
    folder = out.parent.parent / ".work" / "unpublished" / out.name
    fresh_folder(folder)
    try:
        yield folder
        for path in sorted(folder.iterdir()):
            publish(path, out / path.name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(source: Path, target: Path) -> None:
    """Puts a finished file or folder under its final name.

    A name is always new, never written into: what stands there may be a hard link to DVC's cache.
    The scratch keeps its own links until all is published, so that a kill here loses nothing.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{target.name}.tmp")
    _remove(temporary)
    if source.is_dir():
        shutil.copytree(source, temporary, copy_function=_link)
    else:
        _link(str(source), str(temporary))
    if target.is_dir():
        _remove(target)
    os.replace(temporary, target)
    # POSIX: of two links to one file a rename leaves both, where the target was published before.
    _remove(temporary)


def _link(source: str, target: str) -> None:
    """A hard link, or a copy where the file system has none."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def fresh_folder(path: Path) -> None:
    """An empty folder; what stood there is unlinked, never written into (see `publish`)."""
    _remove(path)
    path.mkdir(parents=True)
