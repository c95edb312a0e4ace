"""Stage: generator + shards -> metrics, a table of every image, intervals, strata, and grids.

No randomness: the holes are those of the shards, latents are drawn from fixed seeds. A generator
that completes holes is measured by the completed 8-bit images, beside other fills of the same
holes; one that makes up images by as many of them as there are test photos; one that does both by
both.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from PIL import Image
from torch import nn

from models.components.generators import Completer, Sampler
from models.generator_files import load_generator
from models.registry import RECIPES
from pipeline.evaluation.completions import Completions, grid_rows, score_completions
from pipeline.evaluation.distances import DISTANCE_COLUMNS, Extractors, distance_plot, distances
from pipeline.evaluation.image_grid import write_grid
from pipeline.evaluation.samples import score_samples
from pipeline.evaluation.score_tables import (
    MODEL,
    PICTURE_COLUMNS,
    SCORE_COLUMNS,
    STRATUM_COLUMNS,
    figures_of,
    pictures_of,
    plots_of,
    scores_of,
    strata_of,
)
from pipeline.params.evaluate import EvaluateParams
from pipeline.params.runtime import RuntimeParams, workers_of
from pipeline.params.section import load
from pipeline.photos import photo_tables
from pipeline.runtime.checksums import sha256_of
from pipeline.runtime.devices import choose_device, num_threads
from pipeline.runtime.progress import say
from pipeline.runtime.scratch import code_sum, published_together
from pipeline.runtime.workers import Workers
from pipeline.shards.reader import ShardFolder, read_meta, read_split, shard_folder

# The same recipe trained without the adversary, for as long.
PLAIN = "plain"
# Of a model, what `dvc metrics` and `dvc exp show` are to compare.
COMPARED = ("hole_psnr", "hole_ssim", "hole_l1", "seam_error", "detail_ratio", "kid_scene")
# What a training may do otherwise and still stand beside the model.
FREE = ("adversary", "budget", "seed")


def run(data: Path = Path("data")) -> None:
    """Writes data/evaluate/: figures.json and, of it, what DVC is to compare, metrics.json;
    per_image.parquet; scores, strata, images, distances
    (csv); grids/, pictures/ and plots/.
    """
    params = load("evaluate", EvaluateParams)
    runtime = load("runtime", RuntimeParams)
    torch.set_num_threads(num_threads(runtime.threads))
    with published_together(data / "evaluate") as out:
        shards = shard_folder(data / "crop", runtime.shards)
        evaluate(data, shards, out, params, choose_device(runtime.device), workers_of(runtime))


def evaluate(
    data: Path,
    shards: ShardFolder,
    out: Path,
    params: EvaluateParams,
    device: torch.device,
    workers: Workers,
) -> None:
    """What the generator in data/train can do is what is measured; all outs go to `out`."""
    generator = load_generator(data / "train", device)
    extractors = Extractors.load(data / "train_features", params, device)
    photos = list(read_split(shards, "test"))
    copies = photo_tables.read(data / "filter_people" / "near_copies.parquet")
    group_of = dict(zip(copies["key"], copies["group"], strict=True))
    figures: dict[str, Any] = {"num_photos": len(photos), **_sums(data)}
    tables = []

    # Completions beside other fills of the same holes.
    completions = None
    scores = pd.DataFrame(columns=SCORE_COLUMNS)
    if isinstance(generator, Completer):
        generators = _plain(data, device) | {MODEL: generator}
        completions = score_completions(photos, generators, device, params, workers)
        tables.append(completions.table)
        scores = scores_of(completions.table, group_of)
        figures |= figures_of(scores)
    _write_completions(completions, scores, group_of, out)

    # How far each method's boxes are, as a set, from the originals'.
    apart = pd.DataFrame(columns=DISTANCE_COLUMNS)
    if completions is not None:
        boxes = dict(completions.boxes)
        originals = boxes.pop("original")
        apart = distances(boxes, originals, extractors)
    apart.to_csv(out / "distances.csv", index=False)
    distance_plot(apart).to_csv(out / "plots" / "kid_scene.csv", index=False)
    for method, measure, value in apart[["method", "measure", "value"]].itertuples(index=False):
        figures[method][measure] = round(value, 4)

    # Images made up from nothing, beside test photos and training photos.
    if isinstance(generator, Sampler):
        samples = score_samples(photos, generator, shards, device)
        tables.append(samples.table)
        figures["samples"] = samples.figures
        write_grid(samples.grid_rows(params.num_grid), out / "grids" / "samples.png")

    photo_tables.write(pd.concat(tables), out / "per_image.parquet")
    (out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    metrics = {
        method: {name: figures[method][name] for name in COMPARED if name in figures[method]}
        for method in (MODEL, PLAIN)
        if method in figures
    }
    if "samples" in figures:
        metrics["samples"] = figures["samples"]
    (out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")


def _sums(data: Path) -> dict[str, str]:
    """What the figures are of: test photos and holes, generator, the code that measures."""
    recipe = json.loads((data / "train" / "config.json").read_text())["recipe"]
    code = ["pipeline/stages/evaluate.py", f"{RECIPES[recipe].replace('.', '/')}.py"]
    return {
        "test_sha256": read_meta(data / "crop")["sha256"]["test"],
        "generator_sha256": sha256_of(data / "train" / "generator.safetensors"),
        "features_sha256": sha256_of(data / "train_features" / "features.safetensors"),
        "code_sha256": code_sum(code),
    }


def _plain(data: Path, device: torch.device) -> dict[str, nn.Module]:
    """The generator that `scenefill compare NAME:plain` trained, where there is one.

    It is left out, and that is said, where it was trained on other shards or otherwise than the
    model in more than its adversary.
    """
    config = json.loads((data / "train" / "config.json").read_text())
    folder = data / "compare" / "plain" / config["recipe"]
    if not (folder / "generator.safetensors").is_file():
        return {}
    facts, plain = (
        {"shards": read_meta(crop)["sha256"], "options": each["options"]}
        | {"images seen": each["num_images"], "precision": each["precision"]}
        | {f"train.{name}": value for name, value in each["train"].items() if name not in FREE}
        for crop, each in (
            (data / "crop", config),
            (folder, json.loads((folder / "config.json").read_text())),
        )
    )
    others = [name for name, value in facts.items() if plain.get(name) != value]
    if others:
        recipe, seen = config["recipe"], config["num_images"]
        say(
            f"evaluate: {folder} was trained otherwise than the model ({', '.join(others)}) and is "
            f"left out: run `scenefill compare {recipe}:plain --images {seen}`"
        )
        return {}
    return {PLAIN: load_generator(folder, device)}


def _write_completions(
    completions: Completions | None, scores: pd.DataFrame, group_of: dict[str, str], out: Path
) -> None:
    """Tables, grids and images; without completions there are empty tables."""
    for folder in ("grids", "pictures", "plots"):
        (out / folder).mkdir()
    if completions is None:
        strata, chosen = (
            pd.DataFrame(columns=columns) for columns in (STRATUM_COLUMNS, PICTURE_COLUMNS)
        )
    else:
        strata, chosen = strata_of(completions.table, group_of), pictures_of(completions.table)
        _write_pictures(completions, chosen, out)
    for name, each in {"scores": scores, "strata": strata, "pictures": chosen}.items():
        each.to_csv(out / f"{name}.csv", index=False)
    for name, each in plots_of(scores, strata):
        each.to_csv(out / "plots" / f"{name}.csv", index=False)


def _write_pictures(completions: Completions, chosen: pd.DataFrame, out: Path) -> None:
    """The grid of all methods with its images one by one, and a grid against each method."""
    methods = list(dict.fromkeys(completions.table["method"]))
    shown = {key: completions.pictures(key) for key in completions.shown()}
    rows = grid_rows(list(shown.values()), ["masked", *methods, "original"])
    write_grid(rows, out / "grids" / "test.png")
    for key, pictures in shown.items():
        (out / "pictures" / key).mkdir()
        for name, picture in pictures.items():
            Image.fromarray(picture).save(out / "pictures" / key / f"{name}.png")
    for method, places in chosen.groupby("method", sort=False):
        images = [completions.pictures(key) for key in places["key"]]
        rows = grid_rows(images, ["masked", str(method), MODEL, "original"])
        # A band a rank: the worst, the median and the best are as many.
        num = int(places["place"].max()) + 1
        write_grid(rows, out / "grids" / f"against_{method}.png", num_columns=num)
