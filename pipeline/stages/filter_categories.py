"""Stage: the index -> the photos of the chosen categories."""

from pathlib import Path

import pandas as pd

from pipeline import manifests
from pipeline.params.filter_categories import FilterCategoriesParams
from pipeline.params.section import closest, load


def run(data: Path = Path("data")) -> None:
    """Writes data/filter_categories/selected.parquet, a subset of the index in its order."""
    table = manifests.read(data / "index" / "index.parquet")
    selected = select(table, load("filter_categories", FilterCategoriesParams))
    manifests.write(selected, data / "filter_categories" / "selected.parquet")


def select(index: pd.DataFrame, params: FilterCategoriesParams) -> pd.DataFrame:
    """The rows whose category is chosen; an unknown or missing choice is an error."""
    if params.categories == "all":
        return index
    chosen = [name.removeprefix("/") for name in params.categories]
    known = sorted(index["category"].unique())
    for name in chosen:
        if name not in known:
            raise ValueError(
                f"params.yaml filter_categories.categories holds {name!r}, "
                f"which is no category of the photos{closest(name, known)}"
            )
    if not chosen:
        raise ValueError(
            "params.yaml filter_categories.categories is empty, so that no photo would be left: "
            f"name some of {', '.join(known[:12])}, or write `all`"
        )
    return index[index["category"].isin(chosen)]
