"""What a run will take: photos, minutes and bytes a stage, before anything is downloaded."""

import hashlib
import io
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline.config.whole import WholeParams
from pipeline.params.section import read
from pipeline.planning.amounts import duration_text, size_text
from pipeline.planning.cache_links import cache_dir, is_stored_once
from pipeline.planning.cluster import SHARED, Cluster, Estimate, estimate
from pipeline.planning.disk import disk_needs, total_need
from pipeline.planning.expected import Expected, expected
from pipeline.planning.sample_run import Costs, measure, splits_of
from pipeline.planning.timings import params_digest, took
from pipeline.planning.training_steps import num_images
from pipeline.runtime.scratch import work_dir
from pipeline.training.budget import Budget

# Nobody knows what the server will give today: said beside the minutes.
BYTES_PER_SECOND = 10e6
# Times as many photos for each selected one as at the measurement, or as few.
ALIKE = 1.1


@dataclass(frozen=True)
class Step:
    """What one stage will do."""

    stage: str
    photos: int | None  # trainings: images, each photo counted as often as it is seen
    estimate: Estimate
    num_bytes: int | None


def plan_text(
    params: WholeParams,
    stages: Sequence[str],
    again: bool = False,
    cluster: Cluster = Cluster(),  # noqa: B008 (immutable)
    times: int = 1,
) -> str:
    """The plan of params.yaml as a table, beside what the last run took.

    For machines like this one in `cluster`, and `times` as many photos as the source has. What was
    measured for these params is measured `again` only where that is asked for.
    """
    source, costs = _measured(params, again)
    source = _more(source, times)
    steps = list(_steps(params, stages, source, costs, cluster))
    is_here = cluster == Cluster() and times == 1
    cache = cache_dir()
    lines = [
        *_source_lines(params, source),
        _table(steps, params_digest(read()) if is_here else None),
        *_disk_lines(total_need(params, source, is_stored_once(cache)), cache),
        *_bottleneck_lines(steps),
        *_remark_lines(params, source, costs, cluster),
    ]
    return "\n".join(lines)


def plan_steps(
    params: WholeParams, stages: Sequence[str], again: bool, cluster: Cluster, times: int
) -> list[Step]:
    """The table's rows; as `plan_text`."""
    source, costs = _measured(params, again)
    return list(_steps(params, stages, _more(source, times), costs, cluster))


def _measured(params: WholeParams, again: bool) -> tuple[Expected, Costs]:
    """What the source brings now, and what the stages cost.

    That is measured where it is not known of such a source, or asked for `again`.
    """
    source, digest = expected(params), _digest(read())
    kept = None if again else _kept(digest)
    if kept is not None and _is_alike(source, kept[0]):
        return source, kept[1]
    costs = measure(params, source, _weights(params))
    _keep(source, costs, digest)
    return source, costs


def _is_alike(source: Expected, measured: Expected) -> bool:
    """Whether a photo of both costs the same: so large, with so many others for each selected."""
    others, before = (each.photos / max(1, each.selected) for each in (source, measured))
    return source.size == measured.size and 1 / ALIKE < others / before < ALIKE


def _weights(params: WholeParams) -> Path | None:
    """The detector's weights if they are here: a plan downloads nothing."""
    if not params.detect_people.enabled:
        return None
    from pipeline.detection.detector import awaits_download, verified_weights

    downloads_dir = work_dir() / "weights"
    if awaits_download(params.detect_people.weights, downloads_dir):
        return None
    return verified_weights(params.detect_people, downloads_dir).absolute()


def _digest(values: dict[str, Any]) -> str:
    """Stands for all of params.yaml: `runtime` decides the speed."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _keep(source: Expected, costs: Costs, digest: str) -> None:
    path = work_dir() / "plan" / "measured.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {"params": digest, "source": asdict(source), "costs": costs.as_json()}
    path.write_text(json.dumps(facts, indent=2) + "\n")


def _kept(digest: str) -> tuple[Expected, Costs] | None:
    """The newest measurement, if it was made for the params of this digest and is whole."""
    path = work_dir() / "plan" / "measured.json"
    if not path.is_file():
        return None
    try:
        facts = json.loads(path.read_bytes())
    except ValueError:
        return None  # half written when the disk was full
    if facts["params"] != digest:
        return None
    facts["source"]["size"] = tuple(facts["source"]["size"])
    return Expected(**facts["source"]), Costs.from_json(facts["costs"])


def _more(source: Expected, times: int) -> Expected:
    """A source like it with so many times the photos."""
    return replace(
        source,
        photos=times * source.photos,
        num_bytes=times * source.num_bytes,
        selected=times * source.selected,
        fetched=times * source.fetched,
        kept_beside=times * source.kept_beside,
    )


def _steps(
    params: WholeParams,
    stages: Sequence[str],
    source: Expected,
    costs: Costs,
    cluster: Cluster,
) -> Iterator[Step]:
    """In the order of the line. Nothing is taken off for people and copies: it is not known yet."""
    splits = splits_of(params, source.selected)
    trains = costs.stages.get("train")
    images = None if trains is None else num_images(params.train, splits["train"], trains)
    shown: dict[str, int | None] = {"download": source.photos, "index": source.photos}
    shown |= {"train_features": params.train_features.images, "train": images}
    shown |= {"evaluate": splits["test"], "report": params.evaluate.num_grid}
    num_bytes = {need.stage: need.num_bytes for need in disk_needs(params, source)}
    for stage in stages:
        photos = shown.get(stage, source.selected)
        # The data stages were timed on miniatures of the source: they cost so much a selected one.
        number = source.selected if stage == "index" else photos
        if stage == "download" and params.download.source != "synthetic":
            found = _download(source)
        elif number is None:
            found = Estimate(None, remark="how many images is not known")
        else:
            found = estimate(stage, number, costs, cluster)
        if stage == "train" and Budget.parse(params.train.budget).unit == "minutes":
            found = Estimate(Budget.parse(params.train.budget).seconds, bound="its budget")
        yield Step(stage, photos, found, num_bytes.get(stage))


def _download(source: Expected) -> Estimate:
    here = "stays in its bucket" if source.in_bucket else "is here"
    remark = f"at {BYTES_PER_SECOND / 1e6:.0f} MB/s" if source.fetched else here
    return Estimate(source.fetched / BYTES_PER_SECOND, bound="the network", remark=remark)


def _source_lines(params: WholeParams, source: Expected) -> Iterator[str]:
    share = source.selected / source.photos
    chosen = params.filter_categories.categories
    which = "all categories" if chosen == "all" else f"the {len(chosen)} chosen categories"
    about = f" (about: {source.remark})" if source.remark else ""
    yield (
        f"{params.download.source}: {source.photos:,} photos, {size_text(source.num_bytes)}; "
        f"{source.selected:,} ({share:.1%}) in {which}{about}"
    )


def _table(steps: list[Step], digest: str | None) -> str:
    """With what the last run took, where `digest` stands for the params that are planned."""
    actual = {step.stage: took(step.stage) if digest else None for step in steps}
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
            _time(step.estimate),
            "" if step.num_bytes is None else size_text(step.num_bytes),
        ]
        run = actual[step.stage]
        if any(actual.values()):
            other = "" if run is None or run.params == digest else " (other params)"
            cells.append("" if run is None else duration_text(run.seconds) + other)
        table.add_row(step.stage, *cells, step.estimate.remark)
    table.add_row("all", "", _total(steps))
    console = Console(width=110, file=io.StringIO(), highlight=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get().rstrip()


def _time(found: Estimate) -> str:
    if found.seconds is not None:
        return duration_text(found.seconds)
    return "unknown" if found.at_most is None else f"at most {duration_text(found.at_most)}"


def _total(steps: list[Step]) -> str:
    estimates = [step.estimate for step in steps]
    known = sum(each.seconds for each in estimates if each.seconds is not None)
    if any(each.seconds is None and each.at_most is None for each in estimates):
        return f"more than {duration_text(known)}"
    return duration_text(known + sum(each.at_most or 0 for each in estimates))


def _disk_lines(needed: int, cache: Path | None) -> Iterator[str]:
    free = shutil.disk_usage(".").free
    verdict = "fits" if needed <= free else f"does NOT fit: {size_text(needed - free)} are missing"
    once = "stored once" if is_stored_once(cache) else "stored twice: see `scenefill doctor`"
    yield (
        f"disk: {size_text(needed)} with all outs ({once}), and the training's states; "
        f"{size_text(free)} free: {verdict}"
    )


def _bottleneck_lines(steps: list[Step]) -> Iterator[str]:
    """The stage that takes longest, and what would make it faster."""
    known = {step.stage: step.estimate for step in steps if step.estimate.seconds is not None}
    if not known:
        return
    stage, longest = max(known.items(), key=lambda item: item[1].seconds or 0)
    total = sum(each.seconds or 0 for each in known.values())
    share = (longest.seconds or 0) / total if total else 0
    unknown = [step.stage for step in steps if _time(step.estimate) == "unknown"]
    but = f"; {', '.join(unknown)} unknown, and may be longer" if unknown else ""
    yield f"bottleneck: {stage}, {share:.0%} of the time, bound by {longest.bound}{but}"


def _remark_lines(
    params: WholeParams, source: Expected, costs: Costs, cluster: Cluster
) -> Iterator[str]:
    width, height = source.size
    yield "photos from detect_people on are at most so many: people and copies are not taken off"
    yield (
        f"measured in {duration_text(costs.seconds)} by running the stages on painted photos of "
        f"{width}x{height} px, with the start of Python, without DVC's own work; "
        "`--again` measures anew"
    )
    if cluster.nodes > 1:
        paints = params.download.source == "synthetic"
        shared = ", ".join(stage for stage in SHARED if paints or stage != "download")
        yield (
            f"{cluster.nodes} nodes like this one share {shared} and train; the network between "
            "them is not counted: neither reading photos nor averaging gradients"
        )
    if source.in_bucket:
        yield (
            "the photos stay in a bucket: what the stages after download wait for it is not counted"
        )
    elif params.download.source in ("places365", "places365_val"):
        yield "the official server often gives less than 10 MB/s: see `mirrors` in params.yaml"
