"""What the last run found, as text for a terminal."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline.report.health import episodes
from pipeline.report.history import read_history
from pipeline.report.titles import SAMPLE_FIGURES

PICTURES = {
    "all figures": "evaluate/figures.json",
    "all metrics, with intervals": "evaluate/scores.csv",
    "by hole size, category, texture": "evaluate/strata.csv",
    "completed test photos": "evaluate/grids/test.png",
    "worst, median, best against": "evaluate/grids/against_harmonic.png",
    "samples, nearest training photos": "evaluate/grids/samples.png",
    "training, step by step": "train/samples",
    "photos kept though near a person": "filter_people/sheets/kept.jpg",
    "photos dropped for a person": "filter_people/sheets/dropped.jpg",
    "pairs alike in different splits": "filter_people/sheets/leaks.jpg",
    "report, open it in a browser": "report/index.html",
}
# metric -> title and digits behind the point
COLUMNS = {
    "hole_psnr": ("hole PSNR (dB, higher)", 2),
    "hole_ssim": ("hole SSIM (higher)", 3),
    "detail_ratio": ("detail (1 = truth)", 2),
}
# What the figures are of: photos with their holes, generator, the code that measures.
SUMS = ("test", "generator", "code")
SAMPLES = "samples"


def summary(data: Path) -> str:
    """The funnel, the metrics beside the baselines, and where pictures and figures lie."""
    console = Console(width=100, file=io.StringIO(), highlight=False)
    with console.capture() as capture:
        console.print(_funnel_line(data), soft_wrap=True)
        console.print(_people_line(data / "filter_people"), soft_wrap=True)
        for table in _tables(data / "evaluate"):
            console.print(table)
        console.print(_training_line(data / "train"), soft_wrap=True)
        for what, where in PICTURES.items():
            if (data / where).exists():
                console.print(f"{what + ':':34}{data / where}")
    return capture.get().rstrip()


def _training_line(train_dir: Path) -> str:
    """What was wrong while it trained, as pipeline/report/health.py defines it."""
    config = _json(train_dir / "config.json")
    line = f"training: {config['num_images']:,} images in {config['precision']}"
    if config["num_returns"]:
        line += f", went back {config['num_returns']} times"
    found = episodes(read_history(train_dir / "history"), config["loss_weights"])
    spans = [f"{each.name} in steps {each.first_step}..{each.last_step}" for each in found]
    return f"{line}; {', '.join(spans) or 'no verdict against it'}\n"


def _json(path: Path) -> Any:
    return json.loads(path.read_text())


def _funnel_line(data: Path) -> str:
    funnel = _json(data / "filter_people" / "funnel.json")
    too_small = _json(data / "downscale" / "funnel.json").get("too_small", 0)
    dropped = ", ".join(
        f"{funnel[name]:,} {name.replace('_', ' ')}"
        for name in ("other_category", "broken", "person", "exact_copy", "near_copy")
    )
    kept = funnel["kept"] - too_small
    return (
        f"{funnel['photos']:,} photos: {kept:,} kept; dropped: {dropped}, {too_small:,} too small; "
        f"{funnel['leaks']['photos_alike_in_train']:,} of val and test look like one of train\n"
    )


def _people_line(folder: Path) -> str:
    """What the filter finds, where the source knows who is in its photos."""
    found = _json(folder / "people_filter.json")
    if not found.get("photos_with_people"):
        return "people filter: not measured, since nobody knows who is in these photos\n"
    return (
        f"people filter: finds {_cell(found, 'recall', 2)} of {found['photos_with_people']:,} "
        f"photos with people, drops {_cell(found, 'false_alarms', 2)} of those without\n"
    )


def _tables(folder: Path) -> Iterator[Table]:
    """Of what the generator can do: complete holes, make up pictures, or both."""
    metrics = _json(folder / "figures.json")
    if "model" in metrics:
        with (folder / "scores.csv").open() as file:
            yield _completions_table(list(csv.DictReader(file)), metrics)
    if SAMPLES in metrics:
        yield _samples_table(metrics[SAMPLES], metrics["num_photos"])


def _completions_table(scores: list[dict[str, str]], metrics: dict[str, Any]) -> Table:
    """One row a method, best PSNR first; means over the test photos and their intervals."""
    sums = ", ".join(f"{name} {metrics[f'{name}_sha256'][:8]}" for name in SUMS)
    table = Table(
        title=f"{metrics['num_photos']:,} test photos, the same holes for all",
        caption=f"mean and its 95 % bootstrap interval\nsha256: {sums}",
    )
    table.add_column("method")
    for title, _ in COLUMNS.values():
        table.add_column(title, justify="right")
    rows = {
        method: {row["metric"]: row for row in scores if row["method"] == method}
        for method in dict.fromkeys(row["method"] for row in scores)
    }
    for name, row in sorted(rows.items(), key=lambda item: -float(item[1]["hole_psnr"]["mean"])):
        style = "bold" if name == "model" else None
        cells = [_cell(row[metric], "mean", digits) for metric, (_, digits) in COLUMNS.items()]
        table.add_row(name.replace("_", " "), *cells, style=style)
    return table


def _cell(row: Mapping[str, Any], name: str, digits: int) -> str:
    """A figure with its interval, which stands beside it as `low` or `<name>_low`."""
    prefix = "" if name == "mean" else f"{name}_"
    value, low, high = (float(row[key]) for key in (name, f"{prefix}low", f"{prefix}high"))
    return f"{value:.{digits}f} ({low:.{digits}f}..{high:.{digits}f})"


def _samples_table(samples: dict[str, float], num: int) -> Table:
    """One row a figure."""
    table = Table(title=f"{num:,} samples beside as many test photos")
    table.add_column("figure")
    table.add_column("samples", justify="right")
    for name, title in SAMPLE_FIGURES.items():
        table.add_row(title, f"{samples[name]:.3f}")
    return table
