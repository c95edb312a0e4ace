"""`scenefill runs`: what git knows of former runs of this project, from their committed figures.

Those are the states of the history and DVC's experiments, which are commits beside it.

The report shows what this command wrote and does not look at git itself: a page's bytes follow
from files that DVC tracks.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.config.out_sums import LOCK

METRICS_PATH = Path("data/evaluate/metrics.json")
FORMER_PATH = Path("data/compare/former.csv")
# What a run was of, as dvc.lock of its commit has it.
INPUTS = {"shards": "data/crop/meta.json", "generator": "data/train/generator.safetensors"}
FIGURES = ("hole_psnr", "hole_ssim", "hole_l1")
COLUMNS = ["revision", "date", "subject", *INPUTS, *FIGURES]
# Where DVC keeps an experiment: refs/exps/, the commit that it began from, its name.
EXPERIMENT = re.compile(r"refs/exps/([0-9a-f]{2})/([0-9a-f]{38})/(.+)")


def former_runs(project: Path = Path()) -> pd.DataFrame:
    """A row for each experiment, then one for each committed state of metrics.json, newest first;
    only of models that complete holes. `shards` and `generator` are md5 sums. Commits whose figures
    are those of the next older one are left out.
    """
    history = pd.DataFrame(_history(project), columns=COLUMNS)
    known = history[[*INPUTS, *FIGURES]]
    is_repeated = known.eq(known.shift(-1)).all(axis=1)
    experiments = pd.DataFrame(_experiments(project), columns=COLUMNS)
    # Of an empty table pandas knows no types.
    tables = [each for each in (experiments, history[~is_repeated]) if len(each)]
    return pd.concat(tables, ignore_index=True) if tables else history


def _history(project: Path) -> Iterator[dict[str, Any]]:
    log = _git(project, "log", "--format=%h%x09%cs%x09%s", "--", METRICS_PATH.as_posix())
    for line in log.split("\n")[:-1]:
        revision, date, subject = line.split("\t", 2)
        if figures := _figures(project, revision):
            yield {"revision": revision, "date": date, "subject": subject, **figures}


def _experiments(project: Path) -> Iterator[dict[str, Any]]:
    """Their subject is what they changed in params.yaml."""
    form = "--format=%(objectname:short)%09%(committerdate:short)%09%(refname)"
    refs = _git(project, "for-each-ref", "--sort=-committerdate", form, "refs/exps/")
    for line in refs.splitlines():
        revision, date, ref = line.split("\t", 2)
        # Beside experiments DVC keeps there what its queue needs.
        if (place := EXPERIMENT.fullmatch(ref)) and (figures := _figures(project, revision)):
            changes = _changes(project, place[1] + place[2], revision)
            subject = f"{place[3]}: {changes}"
            yield {"revision": revision, "date": date, "subject": subject, **figures}


def _changes(project: Path, base: str, revision: str) -> str:
    """What an experiment changed in params.yaml."""
    try:
        before, after = _params(project, base), _params(project, revision)
    except (YAMLError, ValueError, AttributeError):
        # A shallow clone has not what the experiments of others began from.
        return f"what it changed is not known, since {base[:7]} cannot be read here"
    changes = [f"{name}={after[name]}" for name in after if after[name] != before.get(name)]
    return ", ".join(changes) or "nothing changed"


def _params(project: Path, revision: str) -> dict[str, Any]:
    """Dotted name -> value."""
    values = YAML(typ="safe").load(_file_of(project, revision, Path("params.yaml"))) or {}
    return {str(name): value for name, value in pd.json_normalize(values).iloc[0].items()}


def _figures(project: Path, revision: str) -> dict[str, Any] | None:
    """What was measured in that commit, and on what.

    None where no model completed holes, and where the files are none, as in an unresolved merge.
    """
    metrics, lock = (_file_of(project, revision, path) for path in (METRICS_PATH, Path(LOCK)))
    try:
        model = json.loads(metrics or "{}").get("model", {})
        if not all(name in model for name in FIGURES):
            return None
        stages = (YAML(typ="safe").load(lock) or {}).get("stages", {})
        sums = {dep["path"]: dep["md5"] for dep in stages.get("evaluate", {}).get("deps", [])}
    except (YAMLError, ValueError, KeyError, TypeError, AttributeError):
        return None
    inputs = {name: sums.get(path, "") for name, path in INPUTS.items()}
    return inputs | {name: model[name] for name in FIGURES}


def _file_of(project: Path, revision: str, path: Path) -> str:
    """Its text in that commit; nothing where the commit has no such file."""
    # Asked first: `show` says that a file is missing in a sentence that depends on what lies in
    # the working tree and on the user's language.
    if not _git(project, "ls-tree", revision, "--", path.as_posix()):
        return ""
    return _git(project, "show", f"{revision}:./{path.as_posix()}")


def _git(project: Path, *arguments: str) -> str:
    """What git prints."""
    run = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True)
    if run.returncode:
        raise ValueError(
            f"git has no history to read here ({run.stderr.strip()}): commit {METRICS_PATH} and "
            "dvc.lock after a run, and later ones are held against it"
        )
    return run.stdout


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
