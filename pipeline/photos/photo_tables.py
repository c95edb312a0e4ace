"""Tables between stages: parquet with the same bytes for the same rows, a checksum a page.

Tables of all photos are read and written in pieces, so that memory does not grow with them.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

# Arrow's own allocator gives little back of what tables in pieces have freed: 100 MB a process.
pa.set_memory_pool(pa.system_memory_pool())

# Fixed, so that a library's default cannot change the bytes.
ROWS_PER_GROUP = 65_536
# Of a table in pieces: as texts and lists of boxes some 20 MB.
ROWS_AT_ONCE = 16_384


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
            # In one chunk: where one ends, a page would end as well.
            table = pa.Table.from_pandas(piece, schema, preserve_index=False).combine_chunks()
            if writer is None:
                schema = table.schema
                writer = pq.ParquetWriter(
                    temporary, schema, compression="zstd", write_page_checksum=True
                )
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
    """The table at `path`; a missing or damaged one names the stage that writes it."""
    table: pd.DataFrame = arrow_table(path, columns).to_pandas()
    return table


def arrow_table(path: Path, columns: list[str] | None = None, filters: Any = None) -> pa.Table:
    """As `read`, in memory of Arrow's; `filters` as pyarrow has them."""
    with _reading(path):
        return pq.read_table(
            _present(path),
            columns=columns,
            filters=filters,
            partitioning=None,
            page_checksum_verification=True,
        )


def read_pieces(path: Path, columns: list[str] | None = None) -> Iterator[pd.DataFrame]:
    """The table at `path` in pieces of at most ROWS_AT_ONCE rows; errors as `read`."""
    with _reading(path):
        file = pq.ParquetFile(_present(path), page_checksum_verification=True)
    with file:
        # A reader of several groups keeps the bytes of all that it has read.
        for group in range(file.num_row_groups):
            batches = file.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=columns)
            while (piece := _next_piece(batches, path)) is not None:
                yield piece
            pa.default_memory_pool().release_unused()


def _next_piece(batches: Iterator[pa.RecordBatch], path: Path) -> pd.DataFrame | None:
    with _reading(path):
        batch = next(batches, None)
        return None if batch is None else batch.to_pandas()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Whatever damaged bytes lead pyarrow into is one ValueError."""
    try:
        yield
    except (FileNotFoundError, MissingTableError):
        raise
    # ArrowInvalid, OSError for a wrong checksum, UnicodeDecodeError, KeyError and others.
    except Exception as error:
        mend = f"run `scenefill verify --remove`, then `dvc repro {path.parent.name}`"
        if ".work" in path.parts:  # a part of a stage that runs
            mend = "run the same command again, which makes this part anew and keeps the others"
        raise ValueError(f"{path} is damaged ({str(error)[:200]}): {mend}") from error


def left_join(
    left: Iterable[pd.DataFrame], right: Iterable[pd.DataFrame]
) -> Iterator[pd.DataFrame]:
    """The pieces of `left` with the columns of `right`, missing where `right` lacks the key.

    Both are in the same order, however cut; `right`, at least one piece, has no other keys.
    """
    more = iter(right)
    waiting = next(more)
    for rows in left:
        while len(waiting) < len(rows) and (piece := next(more, None)) is not None:
            waiting = pd.concat([waiting, piece], ignore_index=True)
        is_there = rows["key"].isin(waiting["key"].iloc[: len(rows)])
        matched, waiting = waiting.iloc[: is_there.sum()], waiting.iloc[is_there.sum() :]
        assert list(rows.loc[is_there, "key"]) == list(matched["key"]), "in the same order"
        yield rows.merge(matched, on="key", how="left", validate="one_to_one")
    assert waiting.empty and next(more, None) is None, "every row on the right is on the left"


def beside(pieces: Iterable[pd.DataFrame], table: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The pieces with the columns of `table`, which has a row for each of their rows in order."""
    done = 0
    for piece in pieces:
        rows = table.iloc[done : done + len(piece)]
        yield pd.concat([piece.set_axis(rows.index), rows], axis=1)
        done += len(piece)
    assert done == len(table), "a row for each"


def rows_at(pieces: Iterable[pd.DataFrame], positions: np.ndarray) -> pd.DataFrame:
    """The rows of the table that `pieces` make at `positions`, which are sorted; so labelled."""
    found, done = [], 0
    for piece in pieces:
        start, end = np.searchsorted(positions, [done, done + len(piece)])
        chosen = positions[start:end]
        found.append(piece.iloc[chosen - done].set_axis(chosen))
        done += len(piece)
    return pd.concat(found)


def num_rows(path: Path) -> int:
    """Rows of the table at `path`; errors as `read`."""
    with _reading(path):
        return int(pq.read_metadata(_present(path)).num_rows)


class MissingTableError(ValueError):
    """The table has not been written yet."""


def _present(path: Path) -> Path:
    if not path.is_file():
        raise MissingTableError(f"{path} is missing: run `dvc repro {path.parent.name}` first")
    return path


def rows(table: pd.DataFrame) -> Iterator[Any]:
    """The rows as named tuples; what a column holds is the table's contract, not a type's."""
    yield from table.itertuples(index=False)
