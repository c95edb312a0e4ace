"""`scenefill plan` against real runs of the sample at several sizes. `bench/plan.py --help`.

Each size is planned anew and then run, stage by stage, each in a process of its own. Prints
Markdown: seconds planned and taken by stage, and how many times too long or too short a plan is.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ruamel.yaml import YAML

from pipeline.cli import STAGES
from pipeline.config.profiles import render
from pipeline.config.whole import check_whole
from pipeline.planning.cluster import Cluster
from pipeline.planning.plan import Step, plan_steps

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, nargs="+", default=[400, 800, 1600])
    parser.add_argument("--images", type=int, default=8, help="that are trained on, a photo")
    parser.add_argument("--weights", help="detector, in place of the sample's: off without one")
    options = parser.parse_args()
    cores = os.cpu_count()
    print(f"{cores} cores; load before: {os.getloadavg()[0]:.1f}\n")
    for photos in options.photos:
        with tempfile.TemporaryDirectory(prefix="scenefill-plan-") as folder:
            print(table(photos, *planned_and_run(Path(folder), photos, options)), flush=True)


def planned_and_run(
    folder: Path, photos: int, options: argparse.Namespace
) -> tuple[list[Step], dict[str, float]]:
    """The plan, and the seconds that each stage took."""
    for name in ("pipeline", "models", "bench/table"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "dvc.yaml", folder)
    values = YAML(typ="safe").load(render("sample"))
    values["sources"]["synthetic"]["num_photos"] = photos
    values["train"]["budget"] = f"{options.images * photos} images"
    values["train_features"]["images"] = 4 * photos
    if not options.weights:
        values["detect_people"]["enabled"] = False
    YAML(typ="safe").dump(values, folder / "params.yaml")
    os.chdir(folder)
    steps = plan_steps(check_whole(), list(STAGES), True, Cluster(), 1)
    took = {}
    for stage in STAGES:
        begun = time.monotonic()
        command = [sys.executable, "-m", "pipeline", stage]
        said = subprocess.run(command, capture_output=True, text=True)
        if said.returncode:
            raise RuntimeError(said.stderr)
        took[stage] = time.monotonic() - begun
    os.chdir(ROOT)
    return steps, took


def table(photos: int, steps: list[Step], took: dict[str, float]) -> str:
    """Markdown, a row a stage."""
    lines = [f"| {photos:,} photos | planned, s | took, s | planned / took |", "|---|---|---|---|"]
    planned = {step.stage: step.estimate.seconds for step in steps}
    for stage, seconds in took.items():
        plan = planned[stage]
        cells = ["unknown", ""] if plan is None else [f"{plan:.1f}", f"{plan / seconds:.2f}"]
        lines.append(f"| `{stage}` | {cells[0]} | {seconds:.1f} | {cells[1]} |")
    known = sum(seconds for seconds in planned.values() if seconds is not None)
    total = sum(took.values())
    lines.append(f"| all | {known:.1f} | {total:.1f} | {known / total:.2f} |\n")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
