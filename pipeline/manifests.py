"""Tables between stages: parquet with the same bytes for the same rows."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

# Fixed, so that a library's default cannot change the bytes.
ROWS_PER_GROUP = 65_536


def write(table: pd.DataFrame, path: Path) -> None:
    """`table` without its index at `path`, under a temporary name first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    table.reset_index(drop=True).to_parquet(
        temporary, engine="pyarrow", index=False, compression="zstd", row_group_size=ROWS_PER_GROUP
    )
    os.replace(temporary, path)


def read(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """The table at `path`; a missing one names the stage that writes it."""
    if not path.is_file():
        raise ValueError(f"{path} is missing: run `dvc repro {path.parent.name}` first")
    return pd.read_parquet(path, engine="pyarrow", columns=columns)


def rows(table: pd.DataFrame) -> Iterator[Any]:
    """The rows as named tuples; what a column holds is the table's contract, not a type's."""
    yield from table.itertuples(index=False)
