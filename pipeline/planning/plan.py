"""What a run will take: photos, minutes and bytes a stage, before anything is downloaded."""

import io
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.config.whole import WholeParams
from pipeline.params.section import read
from pipeline.planning.amounts import duration_text, size_text
from pipeline.planning.cache_links import cache_dir, is_stored_once
from pipeline.planning.disk import disk_needs, total_need
from pipeline.planning.expected import Expected, expected
from pipeline.planning.sample_run import NUM_PAINTED, Rates, measure
from pipeline.planning.timings import params_digest, took
from pipeline.runtime.scratch import work_dir
from pipeline.training.budget import Budget

# Nobody knows what the server will give today: said beside the minutes.
BYTES_PER_SECOND = 10e6


@dataclass(frozen=True)
class Step:
    """What one stage will do; None where it is not known."""

    stage: str
    photos: int | None  # trainings: images, each photo counted as often as it is seen
    seconds: float | None
    num_bytes: int | None
    remark: str = ""


@dataclass(frozen=True)
class Plan:
    """What is printed, but for what has happened since."""

    head: list[str]
    steps: list[Step]
    disk: int  # bytes
    foot: list[str]


def plan_text(params: WholeParams, stages: Sequence[str], again: bool) -> str:
    """The plan of params.yaml on this machine as a table, beside what the last run took.

    Where stages have run since a plan for these params was made, that plan is shown, unless `again`
    asks for a new measurement.
    """
    digest = params_digest(read())
    kept = _kept(digest)
    if kept is None or again or not any(took(stage) for stage in stages):
        kept = _measured(params, stages)
        _keep(kept, digest)
    cache = cache_dir()
    lines = [*kept.head, _table(kept.steps, digest), *_disk_lines(kept.disk, cache), *kept.foot]
    return "\n".join(lines)


def _measured(params: WholeParams, stages: Sequence[str]) -> Plan:
    source = expected(params)
    rates = measure(params, source.size, _weights(params))
    return Plan(
        head=list(_source_lines(params, source)),
        steps=list(_steps(params, stages, source, rates)),
        disk=total_need(params, source, is_stored_once(cache_dir())),
        foot=list(_measurement_lines(params, source, rates)),
    )


def _weights(params: WholeParams) -> Path | None:
    """The detector's weights if they are here: a plan downloads nothing."""
    if not params.detect_people.enabled:
        return None
    from pipeline.detection.detector import awaits_download, verified_weights

    downloads_dir = work_dir() / "weights"
    if awaits_download(params.detect_people.weights, downloads_dir):
        return None
    return verified_weights(params.detect_people, downloads_dir).absolute()


def _steps(
    params: WholeParams, stages: Sequence[str], source: Expected, rates: Rates
) -> Iterator[Step]:
    """In the order of the line. Nothing is taken off for people and copies: it is not known yet."""
    kept = source.selected
    num_test = round(kept * params.filter_people.test_share)
    num_train = round(kept * (1 - params.filter_people.val_share)) - num_test
    photos: dict[str, int | None] = {"download": source.photos, "index": source.photos}
    images = _images(params, num_train, rates)
    photos |= {"train_features": params.train_features.images, "train": images}
    photos |= {"evaluate": num_test, "report": params.evaluate.num_grid}
    num_bytes = {need.stage: need.num_bytes for need in disk_needs(params, source)}
    for stage in stages:
        number = photos.get(stage, kept)
        rate = rates.get(stage)
        seconds = None if rate is None or number is None else rate * number
        remark = rates.reasons.get(stage, "")
        if stage == "download" and params.download.source != "synthetic":
            seconds = source.fetched / BYTES_PER_SECOND
            remark = f"at {BYTES_PER_SECOND / 1e6:.0f} MB/s" if source.fetched else "is here"
        if stage == "train" and Budget.parse(params.train.budget).unit == "minutes":
            seconds = Budget.parse(params.train.budget).seconds
        yield Step(stage, number, seconds, num_bytes.get(stage), remark)


def _images(params: WholeParams, num_train: int, rates: Rates) -> int | None:
    """Images that the training's budget pays for."""
    budget = Budget.parse(params.train.budget)
    if budget.unit == "minutes":
        return round(budget.seconds / rates["train"]) if "train" in rates else None
    return round(budget.number * (num_train if budget.unit == "epochs" else 1))


def _keep(plan: Plan, digest: str) -> None:
    path = work_dir() / "plan" / "plan.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"params": digest, **asdict(plan)}, indent=2) + "\n")


def _kept(digest: str) -> Plan | None:
    """The newest plan, if it was made for the params of this digest."""
    path = work_dir() / "plan" / "plan.json"
    if not path.is_file():
        return None
    facts = json.loads(path.read_text())
    if facts.pop("params") != digest:
        return None
    return Plan(**facts | {"steps": [Step(**step) for step in facts["steps"]]})


def _source_lines(params: WholeParams, source: Expected) -> Iterator[str]:
    share = source.selected / source.photos
    chosen = params.filter_categories.categories
    which = "all categories" if chosen == "all" else f"the {len(chosen)} chosen categories"
    about = f" (about: {source.remark})" if source.remark else ""
    yield (
        f"{params.download.source}: {source.photos:,} photos, {size_text(source.num_bytes)}; "
        f"{source.selected:,} ({share:.1%}) in {which}{about}"
    )


def _table(steps: list[Step], digest: str) -> str:
    actual = {step.stage: took(step.stage) for step in steps}
    table = Table()
    table.add_column("stage")
    for title in ("photos", "time", "disk"):
        table.add_column(title, justify="right", no_wrap=True)
    if any(actual.values()):
        table.add_column("took", justify="right", no_wrap=True)
    table.add_column("")
    for step in steps:
        cells = [
            "" if step.photos is None else f"{step.photos:,}",
            "unknown" if step.seconds is None else duration_text(step.seconds),
            "" if step.num_bytes is None else size_text(step.num_bytes),
        ]
        run = actual[step.stage]
        if any(actual.values()):
            other = "" if run is None or run.params == digest else " (other params)"
            cells.append("" if run is None else duration_text(run.seconds) + other)
        table.add_row(step.stage, *cells, step.remark)
    known = [step.seconds for step in steps if step.seconds is not None]
    more = "" if len(known) == len(steps) else "more than "
    table.add_row("all", "", more + duration_text(sum(known)))
    console = Console(width=110, file=io.StringIO(), highlight=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get().rstrip()


def _disk_lines(needed: int, cache: Path | None) -> Iterator[str]:
    free = shutil.disk_usage(".").free
    verdict = "fits" if needed <= free else f"does NOT fit: {size_text(needed - free)} are missing"
    once = "stored once" if is_stored_once(cache) else "stored twice: see `scenefill doctor`"
    yield (
        f"disk: {size_text(needed)} with all outs ({once}), and the training's states; "
        f"{size_text(free)} free: {verdict}"
    )


def _measurement_lines(params: WholeParams, source: Expected, rates: Rates) -> Iterator[str]:
    width, height = source.size
    yield "photos from detect_people on are at most so many: people and copies are not taken off"
    yield (
        f"measured in {rates.seconds:.0f} s by running the stages on {NUM_PAINTED} painted photos "
        f"of {width}x{height} px, many times over; imports are not counted"
    )
    if params.download.source in ("places365", "places365_val"):
        yield "the official server often gives less than 10 MB/s: see `mirrors` in params.yaml"
