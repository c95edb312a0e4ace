"""`scenefill compare`: recipes beside each other on this project's shards."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.registry import RECIPES
from pipeline.commands.comparison import System, compare
from pipeline.params.section import closest, read
from pipeline.report.comparison_table import COMPLETION, SAMPLING, table_of, to_markdown, write_plot
from pipeline.report.titles import counted
from pipeline.runtime.scratch import publish
from pipeline.shards.reader import read_meta

OUT = Path("data/compare")
SPREAD = "± is half the spread of the seeds: smaller differences are none."
ONE_SEED = "How far another seed would be from it is not known: --seeds 3 says."


def compare_recipes(names: Sequence[str], images: int, width: int | None, num_seeds: int) -> str:
    """Writes data/compare/: runs/, results.csv, table.md, plots; returns the tables and where.

    `names` are recipes with the options that params.yaml gives them, `name:faithful` as published,
    `name:plain` and `name:faithful:plain` without their adversary; none means all. `width` takes
    the place of each one's own. A generator without its adversary is put into plain/<recipe>/ too,
    where `evaluate` finds it.
    """
    options = read()["recipes"]
    systems = [_system(name, images, width, options) for name in names or sorted(RECIPES)]
    meta = read_meta(Path("data/crop"))
    rows = compare(systems, range(num_seeds), Path(), OUT / "runs")
    rows.to_csv(OUT / "results.csv", index=False)
    for system in systems:
        if not system.train["adversary"]:
            _publish_plain(OUT / "runs" / f"{system.name}-0", OUT / "plain" / system.recipe)
    tables = []
    for name, columns in {"completion": COMPLETION, "sampling": SAMPLING}.items():
        table = table_of(rows, columns)
        if not table.empty:
            tables.append(to_markdown(table, columns))
            write_plot(rows, OUT / f"{name}.png", columns)
    text = (
        "\n".join(tables) + "\n"
        f"{images:,} photos of {meta['image_size']} px seen by each, "
        f"{counted(num_seeds, 'seed')}, "
        f"{counted(meta['num_samples']['test'], 'test photo')}, sha256 of the test shards "
        f"{meta['sha256']['test'][:12]}. {SPREAD if num_seeds > 1 else ONE_SEED}\n"
    )
    (OUT / "table.md").write_text(text)
    return f"{text}\ntables, plots, figures and every run: {OUT}/"


def _system(
    name: str, images: int, width: int | None, options: Mapping[str, dict[str, Any]]
) -> System:
    recipe, *variants = name.split(":")
    if recipe not in RECIPES:
        raise ValueError(f"there is no recipe {recipe!r}{closest(recipe, sorted(RECIPES))}")
    chosen = {"preset": "default"} | options.get(recipe, {})
    is_plain = variants[-1:] == ["plain"]
    match variants[:-1] if is_plain else variants:
        case []:
            pass
        case [preset]:
            chosen = {"preset": preset} | {key: chosen[key] for key in ("width",) if key in chosen}
        case _:
            raise ValueError(
                f"{name!r} is no recipe to compare: write {recipe}, {recipe}:faithful, "
                f"{recipe}:plain or {recipe}:faithful:plain"
            )
    if width is not None:
        chosen["width"] = width
    train = {"budget": f"{images} images", "adversary": not is_plain}
    return System(name.replace(":", "-"), recipe, chosen, train)


def _publish_plain(run: Path, out: Path) -> None:
    """The generator, how it was trained and on what."""
    for source in ("train/generator.safetensors", "train/config.json", "crop/meta.json"):
        path = run / "data" / source
        publish(path, out / path.name)
