"""Recipes and classical fills on your own photos: quality after equal processor time.

python bench/recipe.py photos --seconds 300 --seeds 3 --recipes scenefill ganscape --out table.md

Each recipe trains for so many seconds of processor time on holes of the kind `box`, once a seed,
and then completes test photos that nothing was chosen by: boxes, strokes and strips at any side.
With --weights FOLDER what is trained is kept there, and what is there is not trained again.
The photos are the JPEGs below a folder; which are test photos depends on their names alone.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageOps
from ruamel.yaml import YAML
from torch import nn

from models import registry
from models.components.generators import Completer
from models.components.pixels import to_tensor, to_uint8
from models.determinism import be_deterministic
from models.generator_files import load_generator, save_generator
from models.recipe import Batch, DataSpec, seeded
from pipeline.config.profiles import BASE, render
from pipeline.features.scene_features import SceneFeatures, load_scene_features
from pipeline.holes.cutter import CutHoles, HoleCutter
from pipeline.inpainting import baselines
from pipeline.metrics.image_metrics import completion_metrics
from pipeline.metrics.intervals import mean_with_ends
from pipeline.metrics.kernel_distance import kernel_distance
from pipeline.photos.keys import shuffled
from pipeline.shards.rectangle import Rectangle
from pipeline.training.ema import EMA
from pipeline.training.precision import autocast_dtype
from pipeline.training.update_step import update_step

SIZE, BOX = 64, 28  # px
KINDS: dict[str, dict[str, Any]] = {
    "box": {},
    "free_form": {},
    "strip": {"sides": ["left", "right", "top", "bottom"]},
}
FILLS = ("harmonic", "biharmonic", "telea", "navier_stokes", "mean_color_blended", "patch_copy")
HALF_LIFE = 2000  # images, of the averaged weights
AT_ONCE = 50  # photos
CPU = torch.device("cpu")

# Photos (N, S, S, 3) uint8 and masks (N, S, S) bool -> completed photos.
Method = Callable[[np.ndarray, np.ndarray], np.ndarray]


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    be_deterministic(CPU)
    train, test = load_photos(options.photos, options.train, options.test)
    features = load_scene_features(options.features, CPU) if options.features else None
    lines = [
        f"{len(train):,} training photos, {len(test)} test photos, {options.seconds:g} s of "
        f"processor time a training, {options.seeds} seed(s), {options.precision}, "
        f"{options.threads} thread(s).",
        "",
        "| method | holes | PSNR, dB | SSIM | PSNR against harmonic | detail | grid | KID | "
        "ms a photo |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    methods: list[tuple[str, Callable[[], list[Method]]]] = [
        (name, partial(lambda name: [partial(fill, name)], name))
        for name in ("harmonic", *(each for each in options.fills if each != "harmonic"))
    ]
    for name in options.recipes:
        methods.append((name, partial(trained_all, name, train, options)))
    smooth: dict[str, np.ndarray] = {}  # PSNR of the harmonic fill, which comes first
    for name, make in methods:
        for label, made in labelled(name, make()):
            for kind in KINDS:
                lines.append(row(label, kind, made, test, features, smooth))
                print(lines[-1], flush=True)
    text = "\n".join(lines)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    completers = sorted(set(registry.RECIPES) - {"vanilla"})  # which draws samples alone
    quick = [each for each in completers if each != "dcgan"]  # seconds a photo
    parser.add_argument("photos", type=Path, nargs="+", help="folders of JPEGs")
    parser.add_argument("--seconds", type=float, default=300, help="of the processor, a training")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--recipes", nargs="*", default=quick, choices=completers)
    parser.add_argument("--fills", nargs="*", default=FILLS, choices=FILLS)
    parser.add_argument("--train", type=int, default=3000, help="training photos, at most")
    parser.add_argument("--test", type=int, default=700, help="test photos")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--features", type=Path, help="a data/train_features; without it no KID")
    parser.add_argument("--weights", type=Path, help="folder for what is trained")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def load_photos(
    folders: list[Path], num_train: int, num_test: int
) -> tuple[np.ndarray, np.ndarray]:
    """Photos of SIZE, their middles: the first of an order by name are the test photos."""
    found = [(folder, path) for folder in folders for path in folder.rglob("*.jpg")]
    paths = {f"{folder.name}/{path.relative_to(folder)}": path for folder, path in found}
    chosen = shuffled(paths, seed=0)[: num_train + num_test]
    if len(chosen) < 2 * num_test:
        raise SystemExit(f"there are {len(chosen)} JPEGs: lower --test ({num_test})")
    photos = []
    for name in chosen:
        with Image.open(paths[name]) as image:
            fitted = ImageOps.fit(image.convert("RGB"), (SIZE, SIZE), Image.Resampling.LANCZOS)
        photos.append(np.asarray(fitted))
    return np.stack(photos[num_test:]), np.stack(photos[:num_test])


def cutter(kind: str) -> HoleCutter:
    """With the options of the profile `sample`."""
    holes = YAML(typ="safe").load(render(BASE))["holes"][kind] | KINDS[kind]
    sizes = {"image_size": SIZE, "box_size": BOX}
    return HoleCutter.of_meta(sizes | {"kind": kind, "holes": holes})


def trained_all(name: str, photos: np.ndarray, options: argparse.Namespace) -> list[Method]:
    """The recipe trained once a seed."""
    made: list[Method] = []
    for seed in range(options.seeds):
        label = f"{name}-{options.seconds:g}s-{options.precision}-{len(photos)}photos-seed{seed}"
        kept = options.weights / label if options.weights else None
        if kept and (kept / "config.json").is_file():
            generator = load_generator(kept, CPU)
        else:
            generator, config = trained(name, photos, seed, options.seconds, options.precision)
            if kept:
                kept.mkdir(parents=True)
                save_generator(kept, generator, config)
        made.append(partial(completed_by, generator))
    return made


def trained(
    name: str, photos: np.ndarray, seed: int, seconds: float, precision: str
) -> tuple[nn.Module, dict[str, Any]]:
    """As the stage `train` does it, with the profile's options and batches; its config."""
    params = YAML(typ="safe").load(render(BASE))
    size = params["train"]["batch_size"]
    chosen = registry.options_model(name).model_validate(params["recipes"][name])
    color = tuple((photos.mean(axis=(0, 1, 2)) / 127.5 - 1).tolist())
    spec = DataSpec(SIZE, BOX, len(photos) // size, seed, color)
    recipe = registry.build(name, chosen, spec, CPU)
    averaged = EMA(recipe.generator, HALF_LIFE)
    rates = [
        (group, group["lr"]) for each in recipe.optimizers.values() for group in each.param_groups
    ]
    rng = np.random.default_rng(seed)
    order = np.empty(0, np.int64)
    holes = cutter("box")
    begun, step = time.process_time(), 0
    while (spent := (time.process_time() - begun) / seconds) < 1:
        for group, rate in rates:
            group["lr"] = rate * recipe.rate(spent)
        if len(order) < size:
            order = rng.permutation(len(photos))
        rows, order = order[:size], order[size:]
        batch = batch_of(photos[rows], holes.cut(f"{seed}/{step}", size), rng.random(size) < 0.5)
        torch.manual_seed(seed * 10**6 + step)
        sums: dict[str, tuple[float, int]] = {}
        for update in recipe.schedule.updates:
            result = update_step(recipe, update, [batch], autocast_dtype(precision))
            sums |= {f"{update}/{term}": (v.item(), 1) for term, v in result.terms.items()}
        recipe.schedule.advance()
        recipe.schedule.observe(sums)
        step += 1
        averaged.update(size, step * size)
    print(f"{name}, seed {seed}: {step} steps of {size}", flush=True)
    config = {"recipe": name, "options": chosen.model_dump(), "image_size": SIZE, "steps": step}
    return averaged.network, config


def batch_of(photos: np.ndarray, holes: CutHoles, flips: np.ndarray) -> Batch:
    flipped = np.where(flips[:, None, None, None], photos[:, :, ::-1], photos)
    mask = torch.from_numpy(holes.masks)[:, None].float()
    return Batch(to_tensor(torch.from_numpy(flipped)), mask, torch.from_numpy(holes.boxes))


@torch.no_grad()
def completed_by(generator: nn.Module, photos: np.ndarray, masks: np.ndarray) -> np.ndarray:
    assert isinstance(generator, Completer)
    parts = []
    with seeded(0, "bench"):
        for start in range(0, len(photos), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            image = to_tensor(torch.from_numpy(photos[some]))
            output = generator(image, torch.from_numpy(masks[some])[:, None].float())
            parts.append(to_uint8(output).numpy())
    return np.where(masks[..., None], np.concatenate(parts), photos)


def fill(name: Any, photos: np.ndarray, masks: np.ndarray) -> np.ndarray:
    pairs = zip(photos, masks, strict=True)
    return np.stack([baselines.complete(name, *pair) for pair in pairs])


def labelled(name: str, made: list[Method]) -> list[tuple[str, list[Method]]]:
    """Also scenefill without its detail, which costs no training."""
    generators = [each.args[0] for each in made if isinstance(each, partial)]
    if name != "scenefill":
        return [(name, made)]
    plain: list[Method] = [partial(without_detail, generator) for generator in generators]
    return [(f"{name}, no detail", plain), (name, made)]


def without_detail(generator: Any, photos: np.ndarray, masks: np.ndarray) -> np.ndarray:
    kept, generator.detail = generator.detail, 0.0
    made = completed_by(generator, photos, masks)
    generator.detail = kept
    return made


def row(
    label: str,
    kind: str,
    methods: list[Method],
    photos: np.ndarray,
    features: SceneFeatures | None,
    smooth: dict[str, np.ndarray],
) -> str:
    """Means over photos and seeds; the difference to the harmonic fill has its 95 % interval."""
    holes = cutter(kind).cut("test", len(photos))
    scores, details, grids, distances, seconds = [], [], [], [], []
    for method in methods:
        begun = time.perf_counter()
        completed = method(photos, holes.masks)
        seconds.append((time.perf_counter() - begun) / len(photos))
        scores.append(scored(completed, photos, holes))
        details.append(energy(completed, holes.masks).sum() / energy(photos, holes.masks).sum())
        grids.append(grid_index(completed, holes.masks) / grid_index(photos, holes.masks))
        if features:
            distances.append(kid(completed, photos, holes.boxes, features))
    means = pd.concat(scores).groupby(level=0).mean()
    psnr = means["hole_psnr"].to_numpy()
    smooth.setdefault(kind, psnr)
    gain, low, high = mean_with_ends(psnr - smooth[kind])
    spread = f" ± {np.ptp([each['hole_psnr'].mean() for each in scores]) / 2:.2f}"
    return (
        f"| {label} | {kind} | {psnr.mean():.2f}{spread if len(methods) > 1 else ''} | "
        f"{means['hole_ssim'].mean():.3f} | {gain:+.2f} ({low:+.2f} to {high:+.2f}) | "
        f"{np.mean(details):.3f} | {np.mean(grids):.2f} | "
        f"{f'{np.mean(distances):.3f}' if features else '-'} | {1000 * np.mean(seconds):.1f} |"
    )


def scored(completed: np.ndarray, photos: np.ndarray, holes: CutHoles) -> pd.DataFrame:
    """A row a photo."""
    rows = []
    for made, photo, mask, box in zip(completed, photos, holes.masks, holes.boxes, strict=True):
        rows += completion_metrics([made], photo, mask, Rectangle(*box.tolist()))
    return pd.DataFrame(rows)


def laplacians(photos: np.ndarray) -> np.ndarray:
    """(N, S, S): of the brightness."""
    grey = photos.mean(axis=3)
    return np.stack(
        [cv2.Laplacian(each, cv2.CV_64F, borderType=cv2.BORDER_REFLECT) for each in grey]
    )


def inner(masks: np.ndarray) -> np.ndarray:
    """Pixels of holes with all of their neighbours in them."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    return np.stack([cv2.erode(mask.astype(np.uint8), cross, borderValue=1) > 0 for mask in masks])


def energy(photos: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Squared Laplacians inside the holes, pooled over all photos: detail."""
    values: np.ndarray = laplacians(photos)[inner(masks)] ** 2
    return values


def grid_index(photos: np.ndarray, masks: np.ndarray) -> float:
    """Spread of the mean absolute Laplacian over the four phases of a 2 px grid, of its mean."""
    sizes, inside = np.abs(laplacians(photos)), inner(masks)
    phases = [
        sizes[:, row::2, column::2][inside[:, row::2, column::2]].mean()
        for row in (0, 1)
        for column in (0, 1)
    ]
    return float(np.std(phases) / np.mean(phases))


def kid(
    completed: np.ndarray, photos: np.ndarray, boxes: np.ndarray, features: SceneFeatures
) -> float:
    """On the scene network's features of the boxes."""
    pair = []
    for each in (completed, photos):
        cut = [
            photo[top : top + height, left : left + width]
            for photo, (top, left, height, width) in zip(each, boxes.tolist(), strict=True)
        ]
        pair.append(features.of(np.stack(cut)))
    return kernel_distance(*pair)[0]


if __name__ == "__main__":
    main()
