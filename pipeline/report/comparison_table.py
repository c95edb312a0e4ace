"""The table and the plot of a comparison."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

# What a system itself made, in `evaluate`'s figures: completions, or images from nothing.
MODEL, SAMPLES = "model", "samples"

# Of each metric in a table, its title and the digits behind the point; the first one ranks.
Columns = Mapping[str, tuple[str, int]]
COMPLETION: Columns = {
    "hole_psnr": ("hole PSNR, dB (higher)", 2),
    "hole_ssim": ("hole SSIM (higher)", 3),
    "hole_l1": ("hole L1 (lower)", 4),
}
SAMPLING: Columns = {
    "sliced_wasserstein": ("sliced Wasserstein distance (lower)", 3),
    "diversity": ("diversity (1: the photos')", 2),
    "detail_ratio": ("detail (1: the photos')", 2),
    "novelty": ("novelty (1: unseen photos', 0: copies)", 2),
}
LOWER_IS_BETTER = ("sliced_wasserstein",)


def table_of(rows: pd.DataFrame, columns: Columns = COMPLETION) -> pd.DataFrame:
    """system and each metric's mean over the seeds, best first by the first metric.

    With several seeds `<metric>_spread` is their highest value less their lowest. Classical fills
    are the same in every run and stand among the systems. A system without such figures is left
    out, and there may be none.
    """
    ranking = next(iter(columns))
    is_asked = (rows["method"] == SAMPLES) == (columns is SAMPLING)
    wanted = rows[rows["metric"].isin(list(columns)) & is_asked]
    own = wanted["method"].isin([MODEL, SAMPLES])
    named = wanted.assign(system=wanted["system"].where(own, wanted["method"]))
    grouped = named.groupby(["system", "metric"])["value"]
    means, spreads = (
        values.unstack().reindex(columns=list(columns))
        for values in (grouped.mean(), grouped.max() - grouped.min())
    )
    table = means.join(spreads.add_suffix("_spread")).reset_index()
    return table.sort_values(ranking, ascending=ranking in LOWER_IS_BETTER, ignore_index=True)


def to_markdown(
    table: pd.DataFrame, columns: Columns = COMPLETION, extra: Iterable[str] = ()
) -> str:
    """`table` as from `table_of` for `columns`, with the columns `extra` as they are."""
    extra = list(extra)
    titles = ["system", *(title for title, _ in columns.values()), *extra]
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for row in table.to_dict("records"):
        cells = [str(row["system"]).replace("_", " ")]
        for metric, (_, digits) in columns.items():
            cells.append(cell_of(row[metric], row[f"{metric}_spread"], digits))
        cells += ["" if pd.isna(row[name]) else f"{row[name]:.2f}" for name in extra]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def cell_of(value: float, spread: float, digits: int) -> str:
    """A mean with half its spread; empty where there is none."""
    if pd.isna(value):
        return ""
    text = f"{value:.{digits}f}"
    return f"{text} ± {spread / 2:.{digits}f}" if spread else text


def write_plot(rows: pd.DataFrame, path: Path, columns: Columns = COMPLETION) -> None:
    """A PNG: each metric's values, a dot a seed, systems from best to worst."""
    from matplotlib.figure import Figure

    table = table_of(rows, columns)
    order = list(table["system"])[::-1]
    figure = Figure(figsize=(4 * len(columns) + 1, 0.35 * len(order) + 1.2), layout="constrained")
    axes = figure.subplots(1, len(columns), sharey=True)
    models = rows[rows["method"] == (SAMPLES if columns is SAMPLING else MODEL)]
    for axis, (metric, (title, _)) in zip(axes, columns.items(), strict=True):
        for place, system in enumerate(order):
            seeds = models[(models["system"] == system) & (models["metric"] == metric)]["value"]
            mean = float(table[table["system"] == system][metric].iloc[0])
            color = "tab:blue" if len(seeds) else "tab:gray"
            axis.plot(mean, place, marker="|", markersize=14, color=color)
            axis.plot(seeds, [place] * len(seeds), "o", markersize=4, alpha=0.6, color=color)
        axis.set_title(title, fontsize=9)
        axis.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(range(len(order)), [name.replace("_", " ") for name in order])
    figure.savefig(path, dpi=120)
