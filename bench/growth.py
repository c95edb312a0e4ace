"""Time and peak memory of the data stages at 1,000, 10,000 and 100,000 photos, and more.

python bench/growth.py --photos 1000 10000 100000 --out growth.md

Every stage is run as a user runs it, in a folder of its own, on photos as large as Places365's or
of `--side` px; all are kept. Memory is that of the stage and all its processes together, each page
that they share counted once (PSS), the largest of samples taken every tenth of a second. The
detector is off: its model's process stands apart, and `detect.py` measures it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from photo_archive import ROOT, write_download
from ruamel.yaml import YAML

from pipeline.config.profiles import render

STAGES = ("index", "filter_categories", "detect_people", "filter_people", "downscale", "crop")
NUM_PHOTOS = (1_000, 10_000, 100_000)
SECONDS_BETWEEN_SAMPLES = 0.1
PARAMS = {
    "index": {"formats": ["jpeg"]},
    "detect_people": {"enabled": False},
}


@dataclass(frozen=True)
class Figures:
    """Of one stage at one number of photos."""

    seconds: float
    peak_mb: float


def main() -> None:
    options = _options()
    options.folder.mkdir(parents=True, exist_ok=True)
    found: dict[int, dict[str, Figures]] = {}
    for num_photos in options.photos:
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            found[num_photos] = run_all(Path(name), num_photos, options.workers, options.side)
    report = table(found, options.workers)
    print(report)
    if options.out:
        options.out.write_text(report)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--photos", type=int, nargs="+", default=list(NUM_PHOTOS))
    parser.add_argument("--workers", type=int, default=0, help="as params.yaml runtime.workers")
    parser.add_argument("--side", type=int, default=256, help="of the photos, px")
    parser.add_argument("--folder", type=Path, default=ROOT / ".work/bench", help="on a fast disk")
    parser.add_argument("--out", type=Path, help="also write the table here")
    return parser.parse_args()


def run_all(folder: Path, num_photos: int, workers: int, side: int) -> dict[str, Figures]:
    write_download(folder, num_photos, side=side)
    write_params(folder, workers)
    figures = {}
    for stage in STAGES:
        figures[stage] = measure(folder, stage)
        print(f"{num_photos:,} photos, {stage}: {figures[stage]}", file=sys.stderr, flush=True)
    return figures


def write_params(folder: Path, workers: int) -> None:
    values = YAML(typ="safe").load(render("sample"))
    for section, changes in PARAMS.items():
        values[section] |= changes
    values["runtime"]["workers"] = workers
    YAML(typ="safe").dump(values, folder / "params.yaml")


def measure(folder: Path, stage: str) -> Figures:
    """Runs the stage; a RuntimeError with what it said if it fails."""
    started = time.perf_counter()
    call = f"from pipeline.stages import {stage}; {stage}.run()"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(folder)}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", call], cwd=folder, env=environment, stdout=log, stderr=log
        )
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, megabytes(process.pid))
            time.sleep(SECONDS_BETWEEN_SAMPLES)
    if process.returncode:
        raise RuntimeError((folder / "log").read_text())
    return Figures(time.perf_counter() - started, peak)


def megabytes(pid: int) -> float:
    """Of the process and all below it, shared pages counted once; 0 where it has just ended."""
    try:
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return 0.0
    return sum(_pss(process) for process in family) / 1e6


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def table(found: dict[int, dict[str, Figures]], workers: int) -> str:
    lines = [
        f"workers: {workers} (0: one a core), {os.cpu_count()} cores\n",
        "| stage | " + " | ".join(f"{num:,} photos" for num in found) + " |",
        "| --- |" + " --- |" * len(found),
    ]
    for stage in STAGES:
        cells = [
            f"{figures[stage].seconds:.1f} s, {figures[stage].peak_mb:,.0f} MB"
            for figures in found.values()
        ]
        lines.append(f"| `{stage}` | " + " | ".join(cells) + " |")
    peaks = {num: max(each.peak_mb for each in stages.values()) for num, stages in found.items()}
    lines.append("| largest | " + " | ".join(f"{peak:,.0f} MB" for peak in peaks.values()) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
