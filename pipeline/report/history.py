"""The history of a finished training, read back from its DVCLive files without DVCLive."""

import csv
from pathlib import Path


def read_history(folder: Path) -> list[dict[str, float]]:
    """The rows that pipeline/training/history.py has written."""
    rows: dict[int, dict[str, float]] = {}
    plots = folder / "plots" / "metrics"
    for path in sorted(plots.rglob("*.tsv")):
        name = str(path.relative_to(plots).with_suffix(""))
        with path.open(newline="") as file:
            for line in csv.DictReader(file, delimiter="\t"):
                step = int(line["step"])
                rows.setdefault(step, {"step": step})[name] = float(line[path.stem])
    return [rows[step] for step in sorted(rows)]
