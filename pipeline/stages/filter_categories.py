"""Stage: the index -> the photos of the chosen categories."""

from collections.abc import Set
from pathlib import Path

from pipeline.params.filter_categories import FilterCategoriesParams
from pipeline.params.section import closest, load
from pipeline.photos import photo_tables


def run(data: Path = Path("data")) -> None:
    """Writes data/filter_categories/selected.parquet, a subset of the index in its order."""
    params = load("filter_categories", FilterCategoriesParams)
    index = data / "index" / "index.parquet"
    names = photo_tables.read_pieces(index, ["category"])
    chosen = choose(set[str]().union(*(piece["category"] for piece in names)), params)
    selected = (piece[piece["category"].isin(chosen)] for piece in photo_tables.read_pieces(index))
    photo_tables.write_pieces(selected, data / "filter_categories" / "selected.parquet")


def choose(known: Set[str], params: FilterCategoriesParams) -> Set[str]:
    """Those of the `known` categories that are chosen; an unknown or missing choice is an error."""
    if params.categories == "all":
        return known
    chosen = [name.removeprefix("/") for name in params.categories]
    for name in chosen:
        if name not in known:
            raise ValueError(
                f"params.yaml filter_categories.categories holds {name!r}, "
                f"which is no category of the photos{closest(name, sorted(known))}"
            )
    if not chosen:
        raise ValueError(
            "params.yaml filter_categories.categories is empty, so that no photo would be left: "
            f"name some of {', '.join(sorted(known)[:12])}, or write `all`"
        )
    return set(chosen)
