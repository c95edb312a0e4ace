"""`scenefill runs`: what git knows of former runs of this project, from their committed figures.

The report shows what this command wrote and does not look at git itself: a page's bytes follow
from files that DVC tracks.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

METRICS_PATH = Path("data/evaluate/metrics.json")
FORMER_PATH = Path("data/compare/former.csv")
SUMS = ("test_sha256", "generator_sha256")
FIGURES = ("hole_psnr", "hole_ssim", "hole_l1")
COLUMNS = ["revision", "date", "subject", "num_photos", *SUMS, *FIGURES]


def former_runs(project: Path = Path()) -> pd.DataFrame:
    """A row for each committed state of metrics.json in which a model completes holes, newest
    first; commits whose figures are those of the next older one are left out.
    """
    rows = list(_rows(project))
    table = pd.DataFrame(rows, columns=COLUMNS)
    same = table[[*SUMS, *FIGURES]].eq(table[[*SUMS, *FIGURES]].shift(-1)).all(axis=1)
    return table[~same].reset_index(drop=True)


def _rows(project: Path) -> Iterator[dict[str, Any]]:
    log = _git(project, "log", "--format=%h%x09%cs%x09%s", "--", METRICS_PATH.as_posix())
    for line in log.splitlines():
        revision, date, subject = line.split("\t", 2)
        shown = _git(project, "show", f"{revision}:./{METRICS_PATH.as_posix()}", missing="{}")
        metrics = json.loads(shown)
        model = metrics.get("model", {})
        if all(name in model for name in FIGURES):
            facts = {"revision": revision, "date": date, "subject": subject}
            sums = {name: metrics.get(name, "") for name in ("num_photos", *SUMS)}
            yield facts | sums | {name: model[name] for name in FIGURES}


def _git(project: Path, *arguments: str, missing: str | None = None) -> str:
    """What git prints; `missing` where a commit has removed the file."""
    run = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True)
    if run.returncode == 0:
        return run.stdout
    if missing is not None and "does not exist" in run.stderr:
        return missing
    raise ValueError(
        f"git has no history to read here ({run.stderr.strip()}): commit "
        "data/evaluate/metrics.json after a run, and later ones are held against it"
    )


def write_former_runs() -> str:
    """Writes data/compare/former.csv; returns it as text for a terminal."""
    table = former_runs()
    FORMER_PATH.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(FORMER_PATH, index=False)
    short = {name.removesuffix("_sha256"): table[name].str[:8] for name in SUMS}
    columns = ["revision", "date", "num_photos", *FIGURES, "generator", "test", "subject"]
    text = table.assign(**short)[columns].to_string(index=False) if len(table) else "no former runs"
    return f"{text}\n\n{FORMER_PATH}: the next `dvc repro` shows them in the report"
