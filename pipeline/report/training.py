"""How the training went: each figure's curve, and what pipeline/report/health.py says of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.report.charts import LineChart, line_chart
from pipeline.report.headline import behind_classical
from pipeline.report.health import Episode, Weights, episodes, judgement, verdicts
from pipeline.report.history import read_history
from pipeline.report.tables import data_uri, read_json, table_if_there
from pipeline.report.titles import counted, history_title

# What a verdict means, for who has not read its definition.
MEANINGS = {
    "discriminator_saturated": "the discriminator was always right",
    "discriminator_blind": "the discriminator was no better than chance",
    "generator_ignored": "the adversarial term did not count",
    "reconstruction_ignored": "the reconstruction did not count",
    "mode_collapse": "holes, or samples, were all alike",
    "context_lost": "the holes did not fit their surroundings",
    "holes_smooth": "the holes, or samples, had next to no fine detail",
    "diverging": "the training got worse, or updates were not finite",
}
ASIDE = ("gradient_norm", "nonfinite_updates", "images")


class Training(NamedTuple):
    facts: dict[str, str]
    words: list[str]
    now: list[str]  # what holds at the end, and what to do about it
    validation: list[LineChart]
    losses: list[LineChart]
    aside: list[LineChart]
    progress: str | None  # data URI of the strip of validation photos


def read_training(folder: Path, scores: Path) -> Training:
    """`folder` is data/train or another with the same outs; `scores` is evaluate's scores.csv."""
    config = read_json(folder / "config.json")
    rows = read_history(folder / "history")
    if not rows:
        raise ValueError(f"{folder}/history holds no figures: run `dvc repro {folder.name}` again")
    found = episodes(rows, config["loss_weights"])
    table = table_if_there(scores)
    behind = None if table is None else behind_classical(table)
    strip = folder / "samples" / "progress.png"
    names = sorted({name for row in rows for name in row} - {"step"})
    aside = [name for name in names if name.endswith(ASIDE)]
    return Training(
        _facts(config),
        _words(found, rows, config["loss_weights"], behind),
        [verdict.message for verdict in verdicts(rows, config["loss_weights"])],
        _charts(rows, [name for name in names if name.startswith("val/")], found),
        _charts(rows, [n for n in names if n.startswith("train/") and n not in aside], found),
        _charts(rows, [name for name in aside if name != "images"], found),
        data_uri(strip) if strip.is_file() else None,
    )


def _facts(config: dict[str, Any]) -> dict[str, str]:
    facts = {
        "recipe": f"{config['recipe']} ({config['options'].get('preset', 'own options')})",
        "seen": f"{counted(config['num_images'], 'photo')} in "
        f"{counted(config['num_steps'], 'step')}",
        "precision": config["precision"],
        "device": f"{config['device']}, {counted(config['num_processes'], 'process', 'processes')}",
    }
    if config["kept_images"] != config["num_images"]:
        facts["weights kept"] = f"those after {config['kept_images']:,} images"
    if config["num_returns"]:
        facts["rolled back"] = (
            f"{counted(config['num_returns'], 'time')}, after updates that were not finite"
        )
    return facts


def _words(
    found: Sequence[Episode], rows: Sequence[dict[str, float]], weights: Weights, behind: str | None
) -> list[str]:
    """Verdicts, then what was not judged."""
    words = [] if behind is None else [behind]
    words += [
        f"{MEANINGS[each.name]} in steps {each.first_step:,} to {each.last_step:,} ({each.name})"
        for each in found
    ]
    known = judgement(rows, weights, is_behind=behind is not None)
    return [*words, known] if known else words


def _charts(
    rows: Sequence[dict[str, float]], names: Sequence[str], found: Sequence[Episode]
) -> list[LineChart]:
    bands = [(each.first_step, each.last_step, each.name) for each in found]
    charts = []
    for name in names:
        points = [(row["step"], row[name]) for row in rows if name in row]
        steps = {step for step, _ in points}
        inside = [band for band in bands if steps and min(steps) <= band[0] <= max(steps)]
        title = history_title(name)
        chart = line_chart(title, "step", {name: points}, bands=[_clip(b, steps) for b in inside])
        charts += [chart] if chart else []
    return charts


def _clip(band: tuple[int, int, str], steps: set[float]) -> tuple[float, float, str]:
    return band[0], min(band[1], max(steps)), band[2]
