"""All variants of GANscape in one table, beside the published scores; see dvc.yaml."""

import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from pipeline.params.section import read  # noqa: E402
from pipeline.report.comparison_table import table_of, to_markdown, write_plot  # noqa: E402

HERE = Path(__file__).parent
SCORES = {"local_score": "published: local, 1..10", "global_score": "published: global, 1..10"}


def main() -> None:
    """Writes table.md and plot.png."""
    params = read(HERE / "params.yaml")
    names = [f"{name}-{seed}.csv" for name in params["order"] for seed in params["seeds"]]
    rows = pd.concat([pd.read_csv(HERE / "results" / name) for name in names], ignore_index=True)
    published = pd.read_csv(HERE / "published.csv").rename(columns=SCORES)
    table = table_of(rows).merge(published, how="left", on="system")
    text = (
        f"{to_markdown(table, extra=SCORES.values())}\n"
        f"`faithful` at width {params['width']}, {params['images']:,} images a training in batches "
        f"of {params['batch_size']}, twice that for `batch_256`; {len(params['seeds'])} seeds, "
        "mean ± half the spread. Published: width 64, batches of 128, 10 epochs of 172,703 photos, "
        "one seed, people's scores of 30 pictures. Rows without a score are classical fills.\n"
        f"\nRank correlation (Spearman) of hole PSNR with the published scores: {_ranks(table)}.\n"
    )
    (HERE / "table.md").write_text(text)
    write_plot(rows, HERE / "plot.png")


def _ranks(table: pd.DataFrame) -> str:
    scored = table.dropna(subset=list(SCORES.values()))
    each = [
        f"{name.split()[1].rstrip(',')} {scored['hole_psnr'].corr(scored[name], 'spearman'):.2f}"
        for name in SCORES.values()
    ]
    return ", ".join(each)


if __name__ == "__main__":
    main()
