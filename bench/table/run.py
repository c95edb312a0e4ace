"""Runs GANscape's table again: eight variants, several seeds each, beside the published scores.

`python bench/table/run.py --help`. The flags are the size: small enough for a CPU as they are, the
published system with `--images 1727030 --width 64 --batch-size 128`. Each training is kept in the
project's scratch folder: one that was stopped goes on, a finished one is only measured again.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))

from pipeline.commands.comparison import System, compare  # noqa: E402
from pipeline.params.section import read  # noqa: E402
from pipeline.report.comparison_table import table_of, to_markdown, write_plot  # noqa: E402

SCORES = {"local_score": "published: local, 1..10", "global_score": "published: global, 1..10"}


def main() -> None:
    """Writes table.md and plot.png."""
    variants = read(HERE / "variants.yaml")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=4800, help="that each training sees")
    parser.add_argument("--width", type=int, default=8, help="channels of the first layer")
    parser.add_argument("--batch-size", type=int, default=16, help="twice that for batch_256")
    parser.add_argument("--seeds", type=int, default=2, help="how many")
    parser.add_argument("--variants", nargs="+", default=list(variants), choices=list(variants))
    flags = parser.parse_args()

    systems = [
        System(
            name,
            "ganscape",
            {"preset": "faithful", "width": flags.width, **variants[name]},
            {
                "budget": f"{flags.images} images",
                "batch_size": flags.batch_size * (2 if name == "batch_256" else 1),
            },
        )
        for name in flags.variants
    ]
    rows = compare(systems, range(flags.seeds), ROOT, ROOT / ".work" / "table")

    published = pd.read_csv(HERE / "published.csv").rename(columns=SCORES)
    table = table_of(rows).merge(published, how="left", on="system")
    text = (
        f"{to_markdown(table, extra=SCORES.values())}\n"
        f"`faithful` at width {flags.width}, {flags.images:,} images a training in batches of "
        f"{flags.batch_size}, twice that for `batch_256`; {flags.seeds} seeds, mean ± half the "
        "spread. Published: width 64, batches of 128, 10 epochs of 172,703 photos, one seed, "
        "people's scores of 30 images. Rows without a score are classical fills.\n"
        f"\nRank correlation (Spearman) of hole PSNR with the published scores: {_ranks(table)}.\n"
    )
    (HERE / "table.md").write_text(text)
    write_plot(rows, HERE / "plot.png")
    print(text)


def _ranks(table: pd.DataFrame) -> str:
    scored = table.dropna(subset=list(SCORES.values()))
    each = [
        f"{name.split()[1].rstrip(',')} {scored['hole_psnr'].corr(scored[name], 'spearman'):.2f}"
        for name in SCORES.values()
    ]
    return ", ".join(each)


if __name__ == "__main__":
    main()
