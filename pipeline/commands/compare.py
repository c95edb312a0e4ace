"""`scenefill compare`: recipes beside each other on this project's shards."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.registry import RECIPES
from pipeline.commands.comparison import System, compare
from pipeline.params.section import closest, read
from pipeline.report.comparison_table import COMPLETION, SAMPLING, table_of, to_markdown, write_plot
from pipeline.shards.reader import read_meta

OUT = Path("data/compare")


def compare_recipes(names: Sequence[str], images: int, width: int | None, num_seeds: int) -> str:
    """Writes data/compare/: runs/, results.csv, table.md, plots; returns the tables and where.

    `names` are recipes with the options that params.yaml gives them, `name:faithful` as published;
    none means all. `width` takes the place of each one's own.
    """
    options = read()["recipes"]
    systems = [_system(name, images, width, options) for name in names or sorted(RECIPES)]
    meta = read_meta(Path("data/crop"))
    rows = compare(systems, range(num_seeds), Path(), OUT / "runs")
    rows.to_csv(OUT / "results.csv", index=False)
    tables = []
    for name, columns in {"completion": COMPLETION, "sampling": SAMPLING}.items():
        table = table_of(rows, columns)
        if not table.empty:
            tables.append(to_markdown(table, columns))
            write_plot(rows, OUT / f"{name}.png", columns)
    text = (
        "\n".join(tables) + "\n"
        f"{images:,} images of {meta['image_size']} px each, {num_seeds} seed(s), "
        f"{meta['num_samples']['test']:,} test photos, sha256 of the test shards "
        f"{meta['sha256']['test'][:12]}. ± is half the spread of the seeds: smaller differences "
        "are none.\n"
    )
    (OUT / "table.md").write_text(text)
    return f"{text}\ntables, plots, figures and every run: {OUT}/"


def _system(
    name: str, images: int, width: int | None, options: Mapping[str, dict[str, Any]]
) -> System:
    recipe, _, preset = name.partition(":")
    if recipe not in RECIPES:
        raise ValueError(f"there is no recipe {recipe!r}{closest(recipe, sorted(RECIPES))}")
    chosen = {"preset": "default"} | options.get(recipe, {})
    if preset:
        chosen = {"preset": preset} | {key: chosen[key] for key in ("width",) if key in chosen}
    if width is not None:
        chosen["width"] = width
    return System(name.replace(":", "-"), recipe, chosen, {"budget": f"{images} images"})
