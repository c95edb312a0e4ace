"""Tables between stages: parquet with the same bytes for the same rows.

Tables of all photos are read and written in pieces, so that memory does not grow with them.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

# Fixed, so that a library's default cannot change the bytes.
ROWS_PER_GROUP = 65_536


def write(table: pd.DataFrame, path: Path) -> None:
    """`table` without its index at `path`, under a temporary name first."""
    write_pieces([table], path)


def write_pieces(
    pieces: Iterable[pd.DataFrame], path: Path, schema: pa.Schema | None = None
) -> None:
    """The table that `pieces`, at least one, make together; the same bytes however it is cut.

    Without a `schema` the first group of rows decides the columns' types.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    writer = None
    try:
        for piece in regroup(pieces, ROWS_PER_GROUP):
            table = pa.Table.from_pandas(piece, schema, preserve_index=False)
            if writer is None:
                schema = table.schema
                writer = pq.ParquetWriter(temporary, schema, compression="zstd")
            writer.write_table(table, row_group_size=ROWS_PER_GROUP)
    finally:
        if writer is not None:
            writer.close()
    os.replace(temporary, path)


def regroup(pieces: Iterable[pd.DataFrame], num_rows: int) -> Iterator[pd.DataFrame]:
    """The same rows in pieces of `num_rows`; the last may be shorter, an only one empty."""
    held: list[pd.DataFrame] = []
    num_held = num_given = 0
    for piece in pieces:
        held.append(piece)
        num_held += len(piece)
        if num_held < num_rows:
            continue
        table = pd.concat(held, ignore_index=True)
        full = num_held - num_held % num_rows
        for start in range(0, full, num_rows):
            yield table.iloc[start : start + num_rows]
        num_given += full
        held, num_held = [table.iloc[full:]], num_held - full
    if held and (num_held or not num_given):
        yield pd.concat(held, ignore_index=True)


def read(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """The table at `path`; a missing one names the stage that writes it."""
    return pd.read_parquet(_present(path), engine="pyarrow", columns=columns)


def read_pieces(path: Path, columns: list[str] | None = None) -> Iterator[pd.DataFrame]:
    """The table at `path` in pieces of at most ROWS_PER_GROUP rows; errors as `read`."""
    with pq.ParquetFile(_present(path)) as file:
        for batch in file.iter_batches(ROWS_PER_GROUP, columns=columns):
            yield batch.to_pandas()


def num_rows(path: Path) -> int:
    """Rows of the table at `path`; errors as `read`."""
    return int(pq.read_metadata(_present(path)).num_rows)


def _present(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"{path} is missing: run `dvc repro {path.parent.name}` first")
    return path


def rows(table: pd.DataFrame) -> Iterator[Any]:
    """The rows as named tuples; what a column holds is the table's contract, not a type's."""
    yield from table.itertuples(index=False)
