"""Whether the stages' outs are still what the stages wrote: DVC trusts size and time.

A folder of shards is checked by the list of sums that lies in it. Everything else has the md5 that
dvc.lock gives it, or, where a stage ran without DVC, the one that was taken when it ended.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.config.preconditions import Line
from pipeline.runtime.checksums import SHARD_SUMS, read_sums, sha256_of, sums_text
from pipeline.runtime.listing import listed
from pipeline.runtime.progress import progress

LOCK = "dvc.lock"
MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
# In the folder itself, as pipeline/runtime/running.py has it.
RECORDS = Path(".work/sums")
MEND = "run `scenefill verify --remove`, which removes what is damaged, then `dvc repro`"


def record(stage: str) -> None:
    """Takes the sums of what `stage` has just written."""
    if int(os.environ.get("RANK", "0")) > 0:
        return  # of several processes that train together one takes them
    sums = {out: md5_of(Path(out)) for out in Line().outs(stage) if not _has_sums(Path(out))}
    RECORDS.mkdir(parents=True, exist_ok=True)
    path = RECORDS / f"{stage}.json"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(sums, indent=2) + "\n")
    os.replace(temporary, path)


def require_sound(outs: Iterable[str]) -> None:
    """ValueError where one of `outs`, which are there, is not what its stage wrote."""
    if damaged := list(damaged_files(outs)):
        raise ValueError(f"{damage_of(damaged)}: {MEND}")


def damage_of(files: list[str]) -> str:
    """What is wrong with `files`, of which a few are named."""
    stages = dict.fromkeys(map(Line.maker, files))
    are = "is" if len(files) == 1 else "are"
    return f"{listed(files)} {are} damaged: not what {_those(stages)} wrote"


def _those(stages: Iterable[str]) -> str:
    return " and ".join(f"`{stage}`" for stage in stages)


def damaged_files(outs: Iterable[str]) -> Iterator[str]:
    """Those of `outs` that are not what was recorded; of a folder of shards, those of its files.

    One that no sum is recorded of passes.
    """
    known = recorded_md5s()
    for out in outs:
        path = Path(out)
        if _has_sums(path):
            yield from _damaged_shards(path, known.get(out, set()))
        elif out in known and md5_of(path) not in known[out]:
            yield out


def is_recorded(out: str) -> bool:
    """Whether there is a sum to compare it with."""
    return _has_sums(Path(out)) or out in recorded_md5s()


def recorded_md5s() -> dict[str, set[str]]:
    """Out -> the md5s that it may have: by dvc.lock, and by its stage's last run here."""
    known: dict[str, set[str]] = {}
    lists = [_read(Path(LOCK), _sums_in_lock)]
    lists += [_read(path, json.loads) for path in sorted(RECORDS.glob("*.json"))]
    for sums in lists:
        for name, md5 in sums.items():
            known.setdefault(name, set()).add(md5)
    return known


def _sums_in_lock(text: str) -> dict[str, str]:
    stages = YAML(typ="safe", pure=True).load(text).get("stages", {}).values()
    outs = [out for stage in stages for out in stage.get("outs", []) if out.get("md5")]
    for out in outs:
        if not MD5.fullmatch(out["md5"]):
            raise ValueError(f"{out['path']} has the md5 {out['md5']!r}")
    return {out["path"]: out["md5"] for out in outs}


def _read(path: Path, parse: Callable[[str], Any]) -> dict[str, Any]:
    """What `parse` makes of the file; nothing where there is none."""
    if not path.is_file():
        return {}
    try:
        values: dict[str, Any] = parse(path.read_text())
    except (YAMLError, ValueError, KeyError, TypeError, AttributeError) as error:
        if path.name == LOCK:
            raise damaged_lock(error) from None
        raise ValueError(f"{path} is damaged: run `rm {path}` ({str(error)[:200]})") from None
    return values


def damaged_lock(why: Exception) -> ValueError:
    """Of a dvc.lock that cannot be read; without one DVC finds in its cache what it has made."""
    return ValueError(
        f"{LOCK} is damaged: run `git checkout {LOCK}`, or where git has none `rm {LOCK}`, then "
        f"`dvc repro` ({str(why)[:200]})"
    )


def _has_sums(path: Path) -> bool:
    return (path / SHARD_SUMS).is_file()


def _damaged_shards(folder: Path, md5s: set[str]) -> Iterator[str]:
    """Files that the folder's list of sums does not fit; the list itself where it is at fault.

    It is where it can be no list, or where DVC's `md5s` of the folder fit the shards as they are.
    """
    try:
        sums = read_sums(folder / SHARD_SUMS)
    except ValueError:
        yield f"{folder / SHARD_SUMS}"
        return
    names = sorted({*sums, *(path.name for path in folder.glob("*.tar"))})
    with (
        ThreadPoolExecutor(os.cpu_count()) as threads,
        progress(f"checking {folder}", len(names), "shards") as advance,
    ):
        under_way = {name: threads.submit(_sum, folder / name) for name in names}
        found = {}
        try:
            for name, sha256 in under_way.items():
                found[name] = sha256.result()
                advance(1)
        finally:
            threads.shutdown(cancel_futures=True)  # an interruption does not read on
    damaged = [name for name in names if found[name] is None or found[name] != sums.get(name)]
    if damaged and md5s:
        right = sums_text({name: sha256 for name, sha256 in found.items() if sha256})
        right_md5 = hashlib.md5(right.encode()).hexdigest()
        if _md5_of_folder(_md5s_in(folder) | {(SHARD_SUMS,): right_md5}) in md5s:
            damaged = [SHARD_SUMS]
    yield from (f"{folder / name}" for name in damaged)


def _sum(path: Path) -> str | None:
    return sha256_of(path) if path.is_file() else None


def md5_of(path: Path) -> str:
    """As DVC sums a file, or a folder by a list of its files."""
    if path.is_dir():
        return _md5_of_folder(_md5s_in(path))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _md5s_in(folder: Path) -> dict[tuple[str, ...], str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {file.relative_to(folder).parts: md5_of(file) for file in files}


def _md5_of_folder(md5s: Mapping[tuple[str, ...], str]) -> str:
    """Of a folder with files of these names and md5s."""
    listed = [{"md5": md5s[parts], "relpath": "/".join(parts)} for parts in sorted(md5s)]
    return f"{hashlib.md5(json.dumps(listed).encode()).hexdigest()}.dir"
