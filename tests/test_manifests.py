from pathlib import Path

import pandas as pd
import pytest

from pipeline import manifests


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
    monkeypatch.setattr(manifests, "ROWS_PER_GROUP", 40)
    whole = table(100)
    manifests.write(whole, tmp_path / "whole.parquet")
    for cut in (1, 7, 40, 99):
        pieces = (whole.iloc[start : start + cut] for start in range(0, 100, cut))
        manifests.write_pieces(pieces, tmp_path / "cut.parquet")
        assert (tmp_path / "cut.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert manifests.num_rows(tmp_path / "whole.parquet") == 100
    pieces_read = list(manifests.read_pieces(tmp_path / "whole.parquet", ["key"]))
    assert [len(piece) for piece in pieces_read] == [40, 40, 20]
    assert list(pd.concat(pieces_read)["key"]) == list(whole["key"])


@pytest.mark.parametrize("num_rows", [0, 1, 9, 10, 11, 30])
def test_regroup_keeps_rows_and_order(num_rows: int) -> None:
    whole = table(num_rows)
    pieces = [whole.iloc[:4], whole.iloc[4:5], whole.iloc[5:]]
    groups = list(manifests.regroup(pieces, 10))
    assert [len(group) for group in groups[:-1]] == [10] * (len(groups) - 1)
    assert 0 < len(groups[-1]) <= 10 or num_rows == 0
    assert list(pd.concat(groups)["key"]) == list(whole["key"])


def test_regroup_of_nothing_is_nothing() -> None:
    assert list(manifests.regroup([], 10)) == []


def test_a_missing_table_names_its_stage(tmp_path: Path) -> None:
    for read in (
        manifests.read,
        manifests.num_rows,
        lambda path: list(manifests.read_pieces(path)),
    ):
        with pytest.raises(ValueError, match="run `dvc repro index` first"):
            read(tmp_path / "index" / "index.parquet")
