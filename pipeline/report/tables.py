"""The files that the stages left, as the report reads them."""

import base64
import json
from pathlib import Path
from typing import Any

import pandas as pd

# A row of a table by its columns; what a column holds is the table's contract, not a type's.
Record = dict[Any, Any]

MEDIA_TYPES = {".jpg": "image/jpeg", ".png": "image/png"}


def read_json(path: Path) -> Any:
    """A missing file names the stage that writes it."""
    return json.loads(_present(path).read_text())


def read_table(path: Path) -> pd.DataFrame:
    """A CSV; errors as `read_json`. Text stays text: a category may be called `nan`."""
    return pd.read_csv(_present(path), keep_default_na=False, na_values=[""])


def table_if_there(path: Path) -> pd.DataFrame | None:
    """The CSV, or None where its stage had nothing to write: there is no file, or no row."""
    if not path.is_file() or path.stat().st_size == 0:
        return None
    table = read_table(path)
    return None if table.empty else table


def records(table: pd.DataFrame) -> list[Record]:
    """The rows, one after another."""
    found: list[Record] = table.to_dict("records")
    return found


def data_uri(path: Path) -> str:
    """The image itself, so that the page is one file."""
    encoded = base64.b64encode(_present(path).read_bytes()).decode()
    return f"data:{MEDIA_TYPES[path.suffix]};base64,{encoded}"


def _present(path: Path) -> Path:
    if not path.is_file():
        stage = path.parts[path.parts.index("data") + 1] if "data" in path.parts else ""
        raise ValueError(f"{path} is missing: run `dvc repro {stage}`".rstrip("` ") + "` first")
    return path
