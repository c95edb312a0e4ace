"""Which image goes where: inputs named by files, folders and globs, and their outputs.

All that can be wrong with names is found before anything is computed.
"""

import glob
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.photos.formats import FORMATS, files_below

# What outputs can be.
WRITABLE = (".png", ".webp", ".jpg", ".jpeg")
# Names that an error lists, at most.
LISTED = 5


class Job(NamedTuple):
    """An image to read and where to write what becomes of it."""

    source: Path
    target: Path


class Outputs(NamedTuple):
    """Where outputs go, and what happens to those that are there."""

    ending: str  # of a default name: <stem>_completed.png
    file: Path | None = None  # of the one input
    folder: Path | None = None  # in place of the input's own
    force: bool = False  # write over existing ones
    resume: bool = False  # leave out the inputs that have one


def jobs_of(names: Sequence[str], outputs: Outputs) -> list[Job]:
    """A job for each image; ValueError for names that do not go together."""
    # The photos that the names mean, each once, and the subfolder of a named folder it lies in.
    found = [each for name in names for each in _meant(name, outputs.ending)]
    subfolders = dict(found)
    if outputs.file is not None:
        _check_file(outputs.file, outputs, list(subfolders))
    jobs = [Job(source, _target(source, subfolders[source], outputs)) for source in subfolders]
    shared = {target for target, num in Counter(job.target for job in jobs).items() if num > 1}
    jobs = [job._replace(target=_with_format(job)) if job.target in shared else job for job in jobs]
    _check_targets(jobs)
    if outputs.resume:
        return [job for job in jobs if not job.target.exists()]
    existing = [job.target for job in jobs if job.target.exists()]
    if existing and not outputs.force:
        raise ValueError(
            f"{_listed(existing)} would be written over: name another --output-dir, add --force to "
            "write over, or --resume to leave out what is there"
        )
    return jobs


def masks_of(jobs: Sequence[Job], mask: Path | None) -> list[Path | None]:
    """The mask of each job: the one file, or that of the same stem in a folder."""
    if mask is None or mask.is_file():
        return [mask] * len(jobs)
    if not mask.is_dir():
        raise ValueError(f"--mask {mask}: there is no such file or folder")
    found: dict[str, list[Path]] = {}
    for path in files_below(mask).photos:
        found.setdefault(path.stem, []).append(path)
    missing = [job.source for job in jobs if len(found.get(job.source.stem, [])) != 1]
    if missing:
        raise ValueError(
            f"--mask {mask}: not exactly one mask of the same stem for {_listed(missing)}; a "
            "image photo.jpg needs one mask photo.png, say"
        )
    return [found[job.source.stem][0] for job in jobs]


def _meant(name: str, ending: str) -> list[tuple[Path, Path]]:
    """Photos, and the subfolder of each; in a folder by the rule of pipeline/photos/formats.py."""
    path = Path(name)
    if path.is_dir():
        # What an earlier run wrote beside the photos is none of them.
        photos = [each for each in files_below(path).photos if not each.stem.endswith(ending)]
        if not photos:
            raise ValueError(f"{name}: no photos in this folder ({', '.join(FORMATS)})")
        return [(photo, photo.parent.relative_to(path)) for photo in photos]
    if path.is_file():
        return [(path, Path())]
    if path.exists():
        raise ValueError(f"{name} is no regular file: a pipe or device cannot be completed")
    matches = [Path(match) for match in sorted(glob.glob(name, recursive=True))]
    files = [match for match in matches if match.is_file() and not match.stem.endswith(ending)]
    if not files:
        raise ValueError(f"{name}: there is no such file or folder, and nothing matches it")
    return [(file, Path()) for file in files]


def _check_file(file: Path, outputs: Outputs, sources: Sequence[Path]) -> None:
    if outputs.folder is not None or len(sources) != 1:
        raise ValueError(
            f"--output names one file, but there are {len(sources)} images"
            f"{' and --output-dir' if outputs.folder else ''}: use --output-dir alone for several"
        )
    if file.suffix.lower() not in WRITABLE:
        raise ValueError(f"--output is {file}, but must end in one of: {', '.join(WRITABLE)}")


def _target(source: Path, subfolder: Path, outputs: Outputs) -> Path:
    folder = outputs.folder / subfolder if outputs.folder else source.parent
    return outputs.file or folder / f"{source.stem}{outputs.ending}.png"


def _with_format(job: Job) -> Path:
    """Of a.jpg beside a.png: a_jpg_completed.png."""
    stem, form = job.source.stem, job.source.suffix.lstrip(".").lower()
    return job.target.with_name(f"{stem}_{form}{job.target.name.removeprefix(stem)}")


def _check_targets(jobs: Sequence[Job]) -> None:
    """No image is written over, and no output twice."""
    sources = {job.source.resolve() for job in jobs}
    over = [job.target for job in jobs if job.target.resolve() in sources]
    if over:
        raise ValueError(f"{_listed(over)} is an input: originals are never written over")
    counts = Counter(job.target for job in jobs)
    twice = [target for target, num in counts.items() if num > 1]
    if twice:
        raise ValueError(
            f"several inputs would be written to {_listed(twice)}: complete them one by one, or "
            "each folder into an --output-dir of its own"
        )


def _listed(paths: Iterable[Path]) -> str:
    names = [str(path) for path in paths]
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
