"""All that the page and the cards show, gathered from the outs, and its HTML and Markdown."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from safetensors import safe_open

from pipeline.params.report import ReportParams
from pipeline.photos import photo_tables
from pipeline.report import provenance
from pipeline.report.funnel import Funnel, Sheet, read_funnel, read_sheets
from pipeline.report.gallery import Against, Photo, read_extremes, read_gallery
from pipeline.report.grounds import Grounds, read_grounds
from pipeline.report.headline import MAIN
from pipeline.report.people import People, read_people
from pipeline.report.rating_page import RatingPage, rating_page
from pipeline.report.ratings import Published, Rated, published, read_ratings
from pipeline.report.results import Results, read_results
from pipeline.report.runs import Runs, read_runs
from pipeline.report.sources import SOURCES, Terms
from pipeline.report.strata import Loss, Stratum, read_strata
from pipeline.report.tables import data_uri, read_json, read_table
from pipeline.report.titles import MODEL, ORIGINAL, counted
from pipeline.report.training import Training, read_training


class Report(NamedTuple):
    """One run. What a recipe that completes no holes does not have is empty or None."""

    results: Results
    grounds: Grounds
    funnel: Funnel
    sheets: list[Sheet]
    people: People
    training: Training
    strata: list[Stratum]
    losses: list[Loss]
    photos: list[Photo]
    extremes: list[Against]
    samples: str | None  # data URI of the grid of samples
    runs: Runs
    rated: list[Rated]
    published: list[Published]
    rating: RatingPage | None
    source: Terms
    meta: dict[str, Any]
    config: dict[str, Any]
    num_parameters: int
    sums: dict[str, str]
    file_sums: dict[str, str]
    versions: dict[str, str]
    params: dict[str, Any]
    params_text: str


def gather(data: Path, whole: dict[str, Any], params: ReportParams) -> Report:
    """Reads all outs under `data`; `whole` is params.yaml. A missing out names its stage."""
    decisive = provenance.decisive(whole)
    metrics = read_json(data / "evaluate" / "figures.json")
    test, generator = metrics["test_sha256"], metrics["generator_sha256"]
    completes = MODEL in metrics
    rateable = _rateable(photo_tables.read(data / "evaluate" / "per_image.parquet"))
    order = _order(data) if completes else []
    photos = read_gallery(data, order) if completes else []
    strata, losses = read_strata(data) if completes else ([], [])
    samples = data / "evaluate" / "grids" / "samples.png"
    meta = read_json(data / "crop" / "meta.json")
    config = read_json(data / "train" / "config.json")
    funnel, people = read_funnel(data), read_people(data, whole)
    runs = read_runs(data)
    rated = read_ratings(data / "ratings", rateable, test, generator) if completes else []
    return Report(
        results=read_results(data),
        grounds=read_grounds(
            data,
            meta=meta,
            config=config,
            params=decisive,
            metrics=metrics,
            funnel=funnel,
            people=people,
            runs=runs,
            rated=rated,
        ),
        funnel=funnel,
        sheets=read_sheets(data),
        people=people,
        training=read_training(data / "train", data / "evaluate" / "scores.csv"),
        strata=strata,
        losses=losses,
        photos=photos,
        extremes=read_extremes(data, order) if completes else [],
        samples=data_uri(samples) if "samples" in metrics else None,
        runs=runs,
        rated=rated,
        published=published(),
        rating=rating_page(data, test, generator, seed=params.seed, num_photos=params.num_rated)
        if completes
        else None,
        source=SOURCES[whole["download"]["source"]],
        meta=meta,
        config=config,
        num_parameters=_num_parameters(data / "train" / "generator.safetensors"),
        sums=provenance.read_sums(data, whole),
        file_sums=provenance.read_file_sums(data),
        versions=provenance.versions(),
        params=decisive,
        params_text=provenance.params_text(decisive),
    )


def _order(data: Path) -> list[str]:
    """The methods in the table, the best first."""
    scores = read_table(data / "evaluate" / "scores.csv")
    means = scores[scores["metric"] == MAIN].sort_values("value", ascending=False)
    return [str(method) for method in means["method"]]


def _rateable(table: pd.DataFrame) -> list[tuple[str, str]]:
    """(key, method) of every image that a rating may be of."""
    pairs = list(zip(table["key"], table["method"], strict=True))
    return pairs + [(key, ORIGINAL) for key in dict.fromkeys(table["key"])]


def _num_parameters(weights: Path) -> int:
    with safe_open(weights, framework="np") as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())


def _environment() -> Environment:
    """Pages are escaped: categories and keys are what folders and files are called.

    The cards are Markdown, where an apostrophe is one: what others have named goes through `cell`.
    """
    environment = Environment(
        loader=PackageLoader("pipeline.report"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = cell
    environment.filters["counted"] = counted
    return environment


def cell(text: object) -> str:
    """Text that neither ends a cell of a Markdown table nor begins an element, of HTML either."""
    safe = str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return " ".join(safe.replace("|", "\\|").replace("`", "'").split())


def render(report: Report) -> dict[str, str]:
    """File name -> content: the page, the rating page and the cards."""
    environment = _environment()
    names = ("index.html", "rating.html", "model_card.md", "data_card.md")
    return {name: environment.get_template(name).render(report._asdict()) for name in names}
