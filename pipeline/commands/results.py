"""What the last run found, as text for a terminal."""

import io
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.report.funnel import REASONS
from pipeline.report.headline import behind_classical, sentences
from pipeline.report.health import episodes, judgement
from pipeline.report.history import read_history
from pipeline.report.tables import read_table, records, table_if_there
from pipeline.report.titles import SAMPLE_FIGURES, counted

FILES = {
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
    "detail_ratio": ("detail (nearer to 1)", 2),
}
# What the figures are of: photos with their holes, generator, the code that measures.
SUMS = ("test", "generator", "code")
SAMPLES = "samples"


def summary(data: Path) -> str:
    """The funnel, the metrics beside the baselines, and where images and figures lie."""
    console = Console(width=100, file=io.StringIO(), highlight=False)
    with console.capture() as capture:
        console.print(_funnel_line(data), soft_wrap=True)
        console.print(_people_line(data / "filter_people"), soft_wrap=True)
        for table in _tables(data / "evaluate"):
            console.print(table)
        for sentence in _sentences(data / "evaluate"):
            console.print(sentence, soft_wrap=True)
        console.print(_training_line(data), soft_wrap=True)
        for what, where in FILES.items():
            if (data / where).exists():
                console.print(f"{what + ':':34}{data / where}")
    return capture.get().rstrip()


def _sentences(folder: Path) -> list[str]:
    """The report's: who is ahead, in what the model is worse, and what stands behind it."""
    scores = table_if_there(folder / "scores.csv")
    if scores is None:
        return []
    found = sentences(scores, table_if_there(folder / "distances.csv"))
    return [*found, "Intervals are over test photos; one training stands behind them.\n"]


def _training_line(data: Path) -> str:
    """What was wrong while it trained and is now, as pipeline/report/health.py defines it."""
    config = _json(data / "train" / "config.json")
    line = f"training: {counted(config['num_images'], 'photo')} in {config['precision']}"
    if config["num_returns"]:
        line += f", rolled back {counted(config['num_returns'], 'time')}"
    rows, weights = read_history(data / "train" / "history"), config["loss_weights"]
    found = [
        f"{each.name} in steps {each.first_step}..{each.last_step}"
        for each in episodes(rows, weights)
    ]
    scores = table_if_there(data / "evaluate" / "scores.csv")
    behind = None if scores is None else behind_classical(scores)
    found += [] if behind is None else [behind]
    known = judgement(rows, weights, is_behind=behind is not None)
    return f"{'; '.join([line, *found])}. {known}".rstrip() + "\n"


def _json(path: Path) -> Any:
    return json.loads(path.read_text())


def _funnel_line(data: Path) -> str:
    funnel = _json(data / "filter_people" / "funnel.json")
    too_small = _json(data / "downscale" / "funnel.json").get("too_small", 0)
    dropped = "; ".join(f"{funnel[name]:,} {why}" for name, why in REASONS.items())
    kept = funnel["kept"] - too_small
    return (
        f"{counted(funnel['photos'], 'photo')}: {kept:,} kept. Dropped: {dropped}; "
        f"{too_small:,} too small. {funnel['leaks']['photos_alike_in_train']:,} of val "
        "and test look like one of train\n"
    )


def _people_line(folder: Path) -> str:
    """What the filter finds, where the source knows who is in its photos."""
    found = _json(folder / "figures.json")
    if not found.get("photos_with_people"):
        return "people filter: not measured, since nobody knows who is in these photos\n"
    return (
        f"people filter: finds {_cell(found, 'recall', 2)} of "
        f"{counted(found['photos_with_people'], 'photo')} with people, "
        f"drops {_cell(found, 'false_alarms', 2)} of those without\n"
    )


def _tables(folder: Path) -> Iterator[Table]:
    """Of what the generator can do: complete holes, make up images, or both."""
    metrics = _json(folder / "figures.json")
    if "model" in metrics:
        yield _completions_table(read_table(folder / "scores.csv"), metrics)
    if SAMPLES in metrics:
        yield _samples_table(metrics[SAMPLES], metrics["num_photos"])


def _completions_table(scores: pd.DataFrame, metrics: dict[str, Any]) -> Table:
    """One row a method, best PSNR first; bold is what is ahead of all others."""
    sums = ", ".join(f"{name} {metrics[f'{name}_sha256'][:8]}" for name in SUMS)
    table = Table(
        title=f"{counted(metrics['num_photos'], 'test photo')}, the same holes for all",
        caption="95 % bootstrap intervals; bold: ahead of all others by more than the paired one\n"
        f"sha256: {sums}",
    )
    table.add_column("method")
    for title, _ in COLUMNS.values():
        table.add_column(title, justify="right")
    rows = {(row["method"], row["metric"]): row for row in records(scores)}
    ranking = scores[scores["metric"] == "hole_psnr"].sort_values("value", ascending=False)
    for name in ranking["method"]:
        cells = [
            Text(_cell(rows[name, metric], "value", digits), style=_style(rows[name, metric]))
            for metric, (_, digits) in COLUMNS.items()
        ]
        table.add_row(name.replace("_", " "), *cells, style="cyan" if name == "model" else None)
    return table


def _style(row: Mapping[str, Any]) -> str:
    return "bold" if row["is_ahead"] else ""


def _cell(row: Mapping[str, Any], name: str, digits: int) -> str:
    """A figure with its interval, if it has one: beside it as `low` or `<name>_low`."""
    prefix = "" if name == "value" else f"{name}_"
    value, low, high = (float(row[key]) for key in (name, f"{prefix}low", f"{prefix}high"))
    span = "" if math.isnan(low) else f" ({low:.{digits}f}..{high:.{digits}f})"
    return f"{value:.{digits}f}{span}"


def _samples_table(samples: dict[str, float], num: int) -> Table:
    """One row a figure."""
    table = Table(title=f"{counted(num, 'sample')} beside as many test photos")
    table.add_column("figure")
    table.add_column("samples", justify="right")
    for name, title in SAMPLE_FIGURES.items():
        table.add_row(title, f"{samples[name]:.3f}")
    return table
