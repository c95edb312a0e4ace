"""Other runs to hold this one against: those of `scenefill compare`, and former ones."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pipeline.report.comparison_table import COMPLETION, SAMPLING, Columns, cell_of, table_of
from pipeline.report.tables import Record, records, table_if_there

FORMER = "former.csv"  # in data/compare/, by `scenefill runs`


class CompareTable(NamedTuple):
    titles: list[str]
    rows: list[list[str]]


class FormerRun(NamedTuple):
    """A run that git has figures of."""

    revision: str
    date: str
    subject: str
    figures: list[str]  # hole PSNR, SSIM, L1
    generator: str
    is_comparable: bool  # measured on the same holes
    is_current: bool


class Runs(NamedTuple):
    compared: list[CompareTable]
    num_seeds: int
    former: list[FormerRun]


def read_runs(data: Path) -> Runs:
    """What lies in data/compare/; nothing where neither command was run."""
    results = table_if_there(data / "compare" / "results.csv")
    former = table_if_there(data / "compare" / FORMER)
    return Runs(
        [] if results is None else _compared(results),
        0 if results is None else int(results["seed"].nunique()),
        [] if former is None else _former(former, data),
    )


def _compared(results: pd.DataFrame) -> list[CompareTable]:
    tables = []
    for columns in (COMPLETION, SAMPLING):
        rows = [_cells(row, columns) for row in records(table_of(results, columns))]
        if rows:
            titles = ["system", *(title for title, _ in columns.values())]
            tables.append(CompareTable(titles, rows))
    return tables


def _cells(row: Record, columns: Columns) -> list[str]:
    cells = [str(row["system"]).replace("_", " ")]
    for name, (_, digits) in columns.items():
        cells.append(cell_of(row[name], row[f"{name}_spread"], digits))
    return cells


def _former(table: pd.DataFrame, data: Path) -> list[FormerRun]:
    """md5 sums, as DVC takes them: those of this run are taken here."""
    shards, generator = (
        hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        for path in (data / "crop" / "meta.json", data / "train" / "generator.safetensors")
    )
    return [
        FormerRun(
            row["revision"],
            row["date"],
            row["subject"],
            [cell_of(row[name], 0.0, digits) for name, (_, digits) in COMPLETION.items()],
            row["generator"],
            row["shards"] == shards,
            row["generator"] == generator,
        )
        for row in records(table)
    ]
