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
from ruamel.yaml import YAML

METRICS_PATH = Path("data/evaluate/metrics.json")
FORMER_PATH = Path("data/compare/former.csv")
# What a run was of, as dvc.lock of its commit has it.
INPUTS = {"shards": "data/crop/meta.json", "generator": "data/train/generator.safetensors"}
FIGURES = ("hole_psnr", "hole_ssim", "hole_l1")
COLUMNS = ["revision", "date", "subject", *INPUTS, *FIGURES]


def former_runs(project: Path = Path()) -> pd.DataFrame:
    """A row for each committed state of metrics.json in which a model completes holes, newest
    first; `shards` and `generator` are md5 sums. Commits whose figures are those of the next older
    one are left out.
    """
    rows = list(_rows(project))
    table = pd.DataFrame(rows, columns=COLUMNS)
    same = table[[*INPUTS, *FIGURES]].eq(table[[*INPUTS, *FIGURES]].shift(-1)).all(axis=1)
    return table[~same].reset_index(drop=True)


def _rows(project: Path) -> Iterator[dict[str, Any]]:
    log = _git(project, "log", "--format=%h%x09%cs%x09%s", "--", METRICS_PATH.as_posix())
    for line in log.splitlines():
        revision, date, subject = line.split("\t", 2)
        model = json.loads(_file_of(project, revision, METRICS_PATH) or "{}").get("model", {})
        if all(name in model for name in FIGURES):
            lock = YAML(typ="safe").load(_file_of(project, revision, Path("dvc.lock"))) or {}
            deps = lock.get("stages", {}).get("evaluate", {}).get("deps", [])
            sums = {dep["path"]: dep["md5"] for dep in deps}
            facts = {"revision": revision, "date": date, "subject": subject}
            facts |= {name: sums.get(path, "") for name, path in INPUTS.items()}
            yield facts | {name: model[name] for name in FIGURES}


def _file_of(project: Path, revision: str, path: Path) -> str:
    """Its text in that commit; nothing where the commit has no such file."""
    return _git(project, "show", f"{revision}:./{path.as_posix()}", missing="")


def _git(project: Path, *arguments: str, missing: str | None = None) -> str:
    """What git prints; `missing` where the commit has no such file."""
    run = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True)
    if run.returncode == 0:
        return run.stdout
    if missing is not None and "does not exist" in run.stderr:
        return missing
    raise ValueError(
        f"git has no history to read here ({run.stderr.strip()}): commit {METRICS_PATH} and "
        "dvc.lock after a run, and later ones are held against it"
    )


def runs_text(for_report: bool) -> str:
    """The former runs for a terminal; `for_report` writes them to data/compare/former.csv too."""
    table = former_runs()
    short = {name: table[name].str[:8] for name in INPUTS}
    text = table.assign(**short).to_string(index=False) if len(table) else "no former runs"
    if not for_report:
        return text
    FORMER_PATH.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(FORMER_PATH, index=False)
    return f"{text}\n\nwrote {FORMER_PATH}: the next `dvc repro` shows them in the report"
