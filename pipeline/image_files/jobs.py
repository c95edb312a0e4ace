"""Which image goes where: inputs named by files, folders and globs, and their outputs.

All that can be wrong with names is found before anything is computed.
"""

import glob
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.photos.formats import FORMATS, files_below, is_hidden
from pipeline.runtime.listing import LISTED, listed

# What outputs can be.
WRITABLE = (".png", ".webp", ".jpg", ".jpeg")
# Why a file of a folder is left out.
FORMER = "left out, it is an output of an earlier run"
HIDDEN = "left out, it is hidden"
NO_PHOTO = "left out, it is no photo"
BELOW = "left out, it is in a subfolder (--recursive takes those too)"
HAS_OUTPUT = "left out, its output is there (--resume)"


class Job(NamedTuple):
    """An image to read and where to write what becomes of it."""

    source: Path
    target: Path


class LeftOut(NamedTuple):
    """A file in a named folder that is none of the inputs."""

    path: Path
    reason: str


class Found(NamedTuple):
    """What the names mean."""

    jobs: list[Job]
    left_out: list[LeftOut]


class Outputs(NamedTuple):
    """Where outputs go, and what happens to those that are there."""

    ending: str  # of a default name: <stem>_completed.png
    file: Path | None = None  # of the one input
    folder: Path | None = None  # in place of the input's own
    force: bool = False  # write over existing ones
    resume: bool = False  # leave out the inputs that have one


def jobs_of(names: Sequence[str], outputs: Outputs, *, recursive: bool = False) -> Found:
    """A job for each image; ValueError for names that do not go together.

    A folder's subfolders are looked into where it is `recursive`.
    """
    # The photos that the names mean, each once, and the subfolder of a named folder it lies in.
    subfolders: dict[Path, Path] = {}
    left_out: dict[Path, str] = {}
    for name in names:
        if Path(name).is_dir():
            photos, others = _in_folder(Path(name), outputs.ending, recursive)
            subfolders |= {photo: photo.parent.relative_to(name) for photo in photos}
            left_out |= others
        else:
            subfolders |= {photo: Path() for photo in _named(name, outputs.ending)}
    if not subfolders:
        reasons = "".join(f"\n{path}: {reason}" for path, reason in [*left_out.items()][:LISTED])
        raise ValueError(f"{', '.join(names)}: no photos there ({', '.join(FORMATS)}){reasons}")
    if outputs.file is not None:
        _check_file(outputs.file, outputs, list(subfolders))
    jobs = [Job(source, _target(source, subfolders[source], outputs)) for source in subfolders]
    shared = {target for target, num in Counter(job.target for job in jobs).items() if num > 1}
    jobs = [job._replace(target=_with_format(job)) if job.target in shared else job for job in jobs]
    _check_targets(jobs)
    existing = [job.target for job in jobs if job.target.exists()]
    if outputs.resume:
        left_out |= {job.source: HAS_OUTPUT for job in jobs if job.target.exists()}
        jobs = [job for job in jobs if not job.target.exists()]
    elif existing and not outputs.force:
        raise ValueError(
            f"{listed(existing)} would be written over: name another --output-dir, add --force to "
            "write over, or --resume to leave out what is there"
        )
    return Found(jobs, [LeftOut(*each) for each in left_out.items()])


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
            f"--mask {mask}: not exactly one mask of the same stem for {listed(missing)}; an "
            "image photo.jpg needs one mask photo.png, say"
        )
    return [found[job.source.stem][0] for job in jobs]


def _in_folder(root: Path, ending: str, recursive: bool) -> tuple[list[Path], dict[Path, str]]:
    """The photos in `root` by the rule of pipeline/photos/formats.py, and why others are none."""
    photos, left_out = [], {}
    is_photo = set(files_below(root).photos)
    for path in sorted(root.rglob("*")):
        hidden = next((part for part in path.relative_to(root).parts if is_hidden(part)), "")
        if path.is_dir() and not is_hidden(path.name):
            continue
        if hidden and hidden != path.name:
            continue  # its folder is told
        if hidden:
            left_out[path] = HIDDEN
        elif path not in is_photo:
            left_out[path] = NO_PHOTO
        elif path.stem.endswith(ending):
            # What an earlier run wrote beside the photos is none of them.
            left_out[path] = FORMER
        elif path.parent != root and not recursive:
            left_out[path] = BELOW
        else:
            photos.append(path)
    return photos, left_out


def _named(name: str, ending: str) -> list[Path]:
    """One file, or those that match a glob."""
    if Path(name).exists():
        if not Path(name).is_file():
            raise ValueError(f"{name} is no regular file: a pipe or device cannot be completed")
        return [Path(name)]
    matches = [Path(match) for match in sorted(glob.glob(name, recursive=True))]
    files = [match for match in matches if match.is_file() and not match.stem.endswith(ending)]
    if not files:
        raise ValueError(f"{name}: there is no such file or folder, and nothing matches it")
    return files


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
        raise ValueError(f"{listed(over)} is an input: originals are never written over")
    counts = Counter(job.target for job in jobs)
    twice = [target for target, num in counts.items() if num > 1]
    if twice:
        raise ValueError(
            f"several inputs would be written to {listed(twice)}: complete them one by one, or "
            "each folder into an --output-dir of its own"
        )
