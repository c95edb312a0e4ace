import random
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline.photos import photo_tables
from support.rot import flip


def table(num_rows: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "key": [f"k{number}" for number in range(num_rows)],
            "size": range(num_rows),
            "scores": [[0.5] * (number % 3) for number in range(num_rows)],
        }
    )


def test_the_bytes_do_not_depend_on_the_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_tables, "ROWS_PER_GROUP", 40)
    monkeypatch.setattr(photo_tables, "ROWS_AT_ONCE", 40)
    whole = table(100)
    photo_tables.write(whole, tmp_path / "whole.parquet")
    for cut in (1, 7, 40, 99):
        pieces = (whole.iloc[start : start + cut] for start in range(0, 100, cut))
        photo_tables.write_pieces(pieces, tmp_path / "cut.parquet")
        assert (tmp_path / "cut.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert photo_tables.num_rows(tmp_path / "whole.parquet") == 100
    pieces_read = list(photo_tables.read_pieces(tmp_path / "whole.parquet", ["key"]))
    assert [len(piece) for piece in pieces_read] == [40, 40, 20]
    assert list(pd.concat(pieces_read)["key"]) == list(whole["key"])


def test_pages_do_not_depend_on_the_pieces(tmp_path: Path) -> None:
    """Texts in several chunks, as those of joined pieces, would be written in other pages."""
    whole = pd.DataFrame({"path": [f"data_256/{'x' * 60}/{number}" for number in range(40_000)]})
    photo_tables.write(whole, tmp_path / "whole.parquet")
    pieces = (whole.iloc[start : start + 3_001] for start in range(0, 40_000, 3_001))
    photo_tables.write_pieces(pieces, tmp_path / "cut.parquet")
    assert (tmp_path / "cut.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


@pytest.mark.parametrize("cut", [1, 4, 30])
def test_join_of_pieces_is_the_join_of_the_tables(cut: int) -> None:
    left = table(30)
    right = pd.DataFrame({"key": left["key"].iloc[[0, 1, 2, 3, 11, 28, 29]]}).assign(sum="s")
    pieces = [left.iloc[start : start + cut] for start in range(0, 30, cut)]
    joined = pd.concat(photo_tables.left_join(pieces, [right.iloc[:5], right.iloc[5:]]))
    whole = left.merge(right, on="key", how="left")
    assert joined.reset_index(drop=True).equals(whole)
    with pytest.raises(AssertionError, match="in the same order|every row on the right"):
        list(photo_tables.left_join(pieces, [right.iloc[::-1]]))
    with pytest.raises(AssertionError, match="every row on the right"):
        list(photo_tables.left_join(pieces[:-1], [right]))


def test_rows_beside_and_rows_at_count_over_all_pieces() -> None:
    whole = table(30)
    pieces = [whole.iloc[:4], whole.iloc[4:4], whole.iloc[4:]]
    more = pd.DataFrame({"number": range(30)})
    both = pd.concat(photo_tables.beside(pieces, more))
    assert list(both["number"]) == list(both["size"]) == list(both.index) == list(range(30))
    found = photo_tables.rows_at(pieces, np.array([3, 4, 29]))
    assert list(found["size"]) == list(found.index) == [3, 4, 29]
    with pytest.raises(AssertionError, match="a row for each"):
        list(photo_tables.beside(pieces[:1], more))


def test_a_table_read_in_pieces_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is held after the first of forty groups of rows does not add up."""
    monkeypatch.setattr(photo_tables, "ROWS_PER_GROUP", 1_000)
    path, rng = tmp_path / "table.parquet", np.random.default_rng(0)
    noise = [row.tobytes().hex() for row in rng.integers(0, 256, (40_000, 100), np.uint8)]
    photo_tables.write(pd.DataFrame({"noise": noise}), path)
    before = allocated()
    held = [allocated() - before for _ in photo_tables.read_pieces(path)]
    assert len(held) == 40 and max(held) < 2 * held[0] < path.stat().st_size


def allocated() -> int:
    """Bytes that Arrow holds, from whichever of its allocators."""
    pools = (getattr(pa, f"{name}_memory_pool")() for name in pa.supported_memory_backends())
    return sum(pool.bytes_allocated() for pool in pools)


@pytest.mark.parametrize("num_rows", [0, 1, 9, 10, 11, 30])
def test_regroup_keeps_rows_and_order(num_rows: int) -> None:
    whole = table(num_rows)
    pieces = [whole.iloc[:4], whole.iloc[4:5], whole.iloc[5:]]
    groups = list(photo_tables.regroup(pieces, 10))
    assert [len(group) for group in groups[:-1]] == [10] * (len(groups) - 1)
    assert 0 < len(groups[-1]) <= 10 or num_rows == 0
    assert list(pd.concat(groups)["key"]) == list(whole["key"])


def test_regroup_of_nothing_is_nothing() -> None:
    assert list(photo_tables.regroup([], 10)) == []


def test_a_missing_table_names_its_stage(tmp_path: Path) -> None:
    for read in (
        photo_tables.read,
        photo_tables.num_rows,
        lambda path: list(photo_tables.read_pieces(path)),
    ):
        with pytest.raises(ValueError, match="run `dvc repro index` first"):
            read(tmp_path / "index" / "index.parquet")


def test_a_flipped_bit_is_an_error_or_changes_nothing(tmp_path: Path) -> None:
    """Page headers and pages; what stands behind them is held by the sum of the whole file."""
    path, draws = tmp_path / "whole.parquet", random.Random(0)
    whole = table(2_000)
    photo_tables.write(whole, path)
    contents = path.read_bytes()
    pages = len(contents) - 8 - int.from_bytes(contents[-8:-4], "little")
    num_errors = 0
    for _ in range(60):
        flip(path, draws, 4, pages)
        readers = (
            lambda: photo_tables.read(path),
            lambda: pd.concat(photo_tables.read_pieces(path), ignore_index=True),
        )
        for read in readers:
            try:
                found = read()
            except ValueError as error:
                num_errors += 1
                assert str(error).startswith(f"{path} is damaged"), error
            else:
                assert found["key"].equals(whole["key"])
                assert found.to_json() == whole.to_json()
        path.write_bytes(contents)
    assert num_errors > 100
