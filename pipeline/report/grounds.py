"""What the figures rest on, in sentences: holes, trainings, and what was not measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.report.funnel import Funnel
from pipeline.report.people import People
from pipeline.report.ratings import Rated
from pipeline.report.runs import Runs
from pipeline.report.tables import table_if_there
from pipeline.report.titles import MODEL, PLAIN, measure_title

# Measures of images as sets that are there where the photos suffice, and how many that takes;
# FID takes two for each of its network's features.
NEEDS = {
    "kid_scene": "4 photos",
    "two_sample": "10 photos",
    "fid_scene": "2 photos for each of its features",
}


class Grounds(NamedTuple):
    """Sentences, each whole."""

    holes: list[str]
    trainings: list[str]
    unmeasured: list[str]


def read_grounds(
    data: Path,
    *,
    meta: Mapping[str, Any],
    config: Mapping[str, Any],
    params: Mapping[str, Any],
    metrics: Mapping[str, Any],
    funnel: Funnel,
    people: People,
    runs: Runs,
    rated: Sequence[Rated],
) -> Grounds:
    """`meta` is that of the shards, `config` the generator's, `metrics` what `evaluate` found."""
    distances = table_if_there(data / "evaluate" / "distances.csv")
    return Grounds(
        _holes(meta, config, params["crop"]["seed"]),
        _trainings(config, metrics, runs),
        _unmeasured(params["evaluate"], metrics, distances, funnel, people, rated),
    )


def _holes(meta: Mapping[str, Any], config: Mapping[str, Any], seed: int) -> list[str]:
    side, box = meta["image_size"], meta["box_size"]
    train = config["train"]
    drawn_anew = (
        f"While training every photo got a new hole of the kind each time it was seen (train.seed "
        f"{train['seed']})."
        if train["holes"] == "fresh"
        else "While training every photo had the one hole that its shard stores."
    )
    return [
        f"{_kind(meta['kind'], meta['holes'], side)}",
        f"A hole follows from crop.seed ({seed}), the split and the photo's key alone, so that "
        "every method and every run fills the same ones.",
        f"Around each lies a box of {box} x {box} px, larger where the hole is, which the local "
        "discriminator and the distances of boxes look at.",
        drawn_anew,
    ]


def _kind(kind: str, options: Mapping[str, Any], side: int) -> str:
    """How holes of the kind are drawn, in photos of `side` px."""
    match kind:
        case "box":
            num = options["num_holes"]
            holes = "one rectangle" if num == 1 else f"{num} rectangles, which may overlap"
            sides = _span(options["side_min"], options["side_max"], "px")
            return (
                f"The hole of a photo of {side} x {side} px is {holes}: height and width are drawn "
                f"evenly from {sides}, each by itself, and the place evenly from all where it fits."
            )
        case "center":
            height, width = options["height"], options["width"]
            return (
                f"The hole is the same in every photo of {side} x {side} px: {height} px high and "
                f"{width} px wide, in the middle."
            )
        case "strip":
            names = options["sides"]
            share = _shares(options, "share")
            where = (
                f"the {names[0]} side" if len(names) == 1 else f"the {' and '.join(names)} sides"
            )
            if options["cut"] == "one" and len(names) > 1:
                where = f"one of {where}, drawn for each photo"
            return (
                f"The hole is a strip along {where}, as wide as {share} of the {side} px there, "
                "drawn evenly."
            )
        case "random_pixels":
            share = _shares(options, "share")
            return (
                f"The hole is of single pixels all over the photo of {side} x {side} px: {share} "
                "of them, drawn evenly."
            )
        case "free_form":
            strokes = _span(options["strokes_min"], options["strokes_max"], "strokes")
            width = _shares(options, "width")
            return (
                f"The hole is of {strokes} of a round brush that is {width} of the photo's {side} "
                f"px wide; they end before {100 * options['share_max']:g} % of it are covered."
            )
    raise ValueError(f"pipeline/report/grounds.py has no sentence for holes of the kind {kind!r}")


def _span(low: float, high: float, unit: str) -> str:
    return f"{low:g} {unit}" if low == high else f"{low:g} to {high:g} {unit}"


def _shares(options: Mapping[str, Any], name: str) -> str:
    return _span(100 * options[f"{name}_min"], 100 * options[f"{name}_max"], "%")


def _trainings(config: Mapping[str, Any], metrics: Mapping[str, Any], runs: Runs) -> list[str]:
    found = [
        f"One training, with train.seed {config['train']['seed']}, stands behind every figure of "
        "the model."
    ]
    if PLAIN in metrics:
        found.append("One more stands behind the recipe without its adversary.")
    found.append(
        "The intervals are over the test photos alone: they say how far other photos could move a "
        "figure, and nothing of how far another training could."
    )
    found.append(
        f"How much seeds differ is to be seen among the other runs, of {runs.num_seeds} seeds each."
        if runs.compared and runs.num_seeds > 1
        else "No other seed was trained beside it."
    )
    return found


def _unmeasured(
    params: Mapping[str, Any],
    metrics: Mapping[str, Any],
    distances: pd.DataFrame | None,
    funnel: Funnel,
    people: People,
    rated: Sequence[Rated],
) -> list[str]:
    """What a reader may look for and not find, or find and take for more than it is."""
    found = []
    if people.is_enabled and people.truth is None:
        found.append(
            "How many photos with people the filter misses: nobody has marked the people in them."
        )
    if MODEL in metrics:
        if not params["inception_weights_path"]:
            found.append("FID and KID on Inception: evaluate.inception_weights_path is empty.")
        if not params["lpips_weights_path"]:
            found.append("LPIPS: evaluate.lpips_weights_path is empty.")
        there = set() if distances is None else set(distances["measure"])
        found += [
            f"{measure_title(name)}: it takes {needed}, and there are {metrics['num_photos']:,}."
            for name, needed in NEEDS.items()
            if name not in there
        ]
        if not rated:
            found.append("What people think of the completions: nobody has rated them.")
    if "samples" in metrics:
        found.append(
            "Intervals of the figures of made-up images: each is of one set of images alone."
        )
    if funnel.near_copies:
        found.append(
            f"How far near copies ({funnel.near_copies:,} in all splits) narrow the intervals of "
            "distances, which take every test photo for an independent one; those of the other "
            "figures count a group of near copies as one photo."
        )
    found.append("Holes of other kinds, photos of other sizes or from elsewhere.")
    return found
