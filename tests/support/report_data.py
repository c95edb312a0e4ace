"""A data/ folder as the stages leave it, small and with known figures, for the report."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from safetensors.numpy import save_file

from pipeline.config.profiles import render
from pipeline.evaluation.image_grid import write_grid
from pipeline.photos import photo_tables
from pipeline.training.history import write_history

# A category may be called anything: folders of one's own photos are.
HOSTILE = "<script>alert('x')</script>|`&\""
CATEGORIES = ["b/beach", HOSTILE]
TEST, GENERATOR, FEATURES, CODE = ("ab" * 32, "cd" * 32, "ef" * 32, "01" * 32)
SPLITS = {"train": 80, "val": 10, "test": 6}
KEYS = [f"photo-{number:02d}" for number in range(SPLITS["test"])]
SHOWN = KEYS[:4]
METHODS = ["mean_color", "biharmonic", "telea", "other_photo", "plain", "model"]
# Per method: hole PSNR, and model minus it with its interval.
PSNR = {
    "mean_color": (14.07, 6.43, 5.9, 7.1),
    "biharmonic": (20.9, -0.4, -0.7, -0.1),
    "telea": (20.27, 0.23, -0.1, 0.6),
    "other_photo": (11.5, 9.0, 8.1, 9.9),
    "plain": (20.7, -0.2, -0.4, 0.1),
    "model": (20.5, None, None, None),
}
SSIM = {
    "mean_color": (0.333, 0.293, 0.26, 0.33),
    "biharmonic": (0.594, 0.032, 0.01, 0.05),
    "telea": (0.566, 0.06, 0.04, 0.08),
    "other_photo": (0.21, 0.416, 0.39, 0.44),
    "plain": (0.6, 0.026, 0.01, 0.04),
    "model": (0.626, None, None, None),
}
# The difference is that of the distances from 1.
DETAIL = {
    "mean_color": (0.01, -0.41, -0.5, -0.3),
    "biharmonic": (0.05, -0.37, -0.5, -0.3),
    "telea": (0.08, -0.34, -0.4, -0.3),
    "other_photo": (1.1, 0.48, 0.3, 0.6),
    "plain": (0.2, -0.22, -0.3, -0.1),
    "model": (0.42, None, None, None),
}
SEAM = {
    "mean_color": (0.12, -0.06, -0.07, -0.05),
    "biharmonic": (0.04, 0.02, 0.01, 0.03),
    "telea": (0.05, 0.01, -0.01, 0.02),
    "other_photo": (0.2, -0.14, -0.15, -0.13),
    "plain": (0.05, 0.01, 0.005, 0.02),
    "model": (0.06, None, None, None),
}
FIGURES = {"hole_psnr": PSNR, "hole_ssim": SSIM, "seam_error": SEAM, "detail_ratio": DETAIL}
FIGURES |= {"box_psnr": PSNR}
# Of a metric, who is ahead of all others beyond the interval; nobody of the others.
AHEAD = {"hole_ssim": "model"}
STRATA = {"hole_size": ["small", "large"], "category": CATEGORIES, "border": ["at the border"]}
SAMPLES = {"sliced_wasserstein": 0.21, "diversity": 0.9, "detail_ratio": 0.8, "novelty": 0.7}


def write_data(data: Path, *, completes: bool = True, samples: bool = False) -> Path:
    """All that the report reads; returns `data`."""
    _write_photos(data)
    _write_training(data / "train")
    _write_evaluation(data / "evaluate", completes, samples)
    for name in ("ratings", "compare"):
        (data / name).mkdir(parents=True)
    return data


def write_project(folder: Path, **what: Any) -> Path:
    """params.yaml of the sample and data/; returns data/."""
    (folder / "params.yaml").write_text(render("sample"))
    return write_data(folder / "data", **what)


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


CONVERTED = {"profile": 7, "bad_profile": 0, "deep": 0, "transparent": 1}


def _write_photos(data: Path) -> None:
    """120 photos of which 96 are kept."""
    dropped = {"other_category": 8, "broken": 3, "person": 10, "exact_copy": 2, "near_copy": 0}
    dropped |= dict.fromkeys(("unreadable_mode", "damaged", "transparent", "flat"), 0)
    counts = {"photos": 120, "kept": 97, **dropped, "near_copies": 4, "split": SPLITS}
    leaks = {"pairs": 3, "photos_alike_in_train": 2, "compared": 500}
    people = data / "filter_people"
    _write_json(
        people / "funnel.json",
        counts | {"leaks": leaks, "converted": CONVERTED, "in_other_categories": 4},
    )
    _write_json(data / "index" / "funnel.json", {"photos": 120, "unknown_category": 1})
    _write_json(data / "downscale" / "funnel.json", {"ok": 96, "too_small": 1})
    meta = {"image_size": 64, "box_size": 28, "kind": "box", "num_samples": SPLITS}
    meta |= {"holes": {"side_min": 20, "side_max": 25, "num_holes": 1}}
    meta |= {"sha256": dict.fromkeys(SPLITS, TEST)}
    _write_json(data / "crop" / "meta.json", meta)
    (data / "download").mkdir()
    (data / "download" / "photos.tar.sha256").write_text(f"{'99' * 32}  photos.tar\n")
    (people / "groups.csv").write_text(
        "group,photos,kept,categories,path\nphoto-3,30,30,2,lake/card & co.jpg\n"
    )
    (people / "sheets").mkdir()
    Image.fromarray(_picture("sheet", 160)).save(people / "sheets" / "dropped.jpg")
    (people / "sheets.csv").write_text("sheet,row,column,key\ndropped,0,0,photo-77\n")
    (people / "thresholds").mkdir()
    _write_people_truth(people)
    grid = [
        {"category": category, "min_score": score, "min_box_area": area, "photos": 55, "kept": kept}
        for category in CATEGORIES
        for area, extra in ((0.0, 0), (0.01, 2))
        for score, kept in ((0.2, 40 + extra), (0.4, 48 + extra), (0.6, 50 + extra))
    ]
    pd.DataFrame(grid).to_csv(people / "thresholds" / "grid.csv", index=False)
    pd.DataFrame(
        {"min_score": [0.2, 0.4, 0.6], "photos": 110, "kept": [80, 96, 100]}
        | {"kept_share": [0.7273, 0.8727, 0.9091]}
    ).to_csv(people / "thresholds" / "kept_by_min_score.csv", index=False)


def _write_people_truth(folder: Path) -> None:
    """Of 60 photos 12 have people, of which 9 are found; no person is large."""
    figures: dict[str, Any] = {"photos_with_truth": 60, "photos_with_people": 12}
    figures |= {"recall": 0.75, "recall_low": 0.4677, "recall_high": 0.9111}
    figures |= {"false_alarms": 0.0417, "false_alarms_low": 0.0115, "false_alarms_high": 0.1398}
    small = {"photos": 8, "recall": 0.625, "recall_low": 0.3057, "recall_high": 0.8632}
    heights = {"small": small, "medium": small | {"photos": 4, "recall": 1.0}}
    heights["large"] = {"photos": 0}
    _write_json(
        folder / "figures.json", figures | {"average_precision": 0.8} | {"by_height": heights}
    )
    points = [(0.2, 0.92, 0.6), (0.4, 0.75, 0.82), (0.6, 0.5, 1.0), (0.9, 0.0, None)]
    columns = ["min_score", "recall", "precision"]
    pd.DataFrame(points, columns=columns).to_csv(folder / "people_filter.csv", index=False)


def _write_training(folder: Path) -> None:
    """Twelve rows; in the last six the discriminator is always right."""
    weights = {"joint": {"mse": 1.0, "adversarial": 0.003}, "discriminator": {"real": 1.0}}
    config = {"recipe": "ganscape", "options": {"preset": "default", "width": 16}}
    config |= {"precision": "fp32", "device": "cpu", "num_processes": 1, "num_steps": 600}
    config |= {
        "train": {"seed": 3, "holes": "fresh"},
        "num_images": 9600,
        "kept_images": 9600,
        "num_returns": 0,
        "loss_weights": weights,
    }
    _write_json(folder / "config.json", config)
    save_file({"weight": np.zeros((3, 5), np.float32)}, folder / "generator.safetensors")
    rows = [
        {
            "step": 50 * number,
            "train/joint/mse": 1 / number,
            "train/joint/adversarial": 1.0,
            "train/discriminator/accuracy": 0.8 if number <= 6 else 0.995,
            "val/hole_psnr": 15 + number / 2,
        }
        for number in range(1, 13)
    ]
    write_history(folder / "history", rows)
    (folder / "samples").mkdir()
    Image.fromarray(_picture("progress", 64)).save(folder / "samples" / "progress.png")


def _write_evaluation(folder: Path, completes: bool, samples: bool) -> None:
    metrics: dict[str, Any] = {"num_photos": len(KEYS), "test_sha256": TEST}
    metrics |= {"generator_sha256": GENERATOR, "code_sha256": CODE, "features_sha256": FEATURES}
    folder.mkdir(parents=True)
    (folder / "grids").mkdir()
    (folder / "pictures").mkdir()
    tables = []
    if completes:
        metrics |= {
            method: {name: values[method][0] for name, values in FIGURES.items()}
            for method in METHODS
        }
        tables.append(_per_image())
        _write_tables(folder)
        _write_pictures(folder)
    if samples:
        metrics["samples"] = SAMPLES
        rows = {"key": "sample-000000", "method": "samples", "nearest_key": "photo-50"}
        tables.append(pd.DataFrame([rows]))
        write_grid({"samples": [_picture("made up", 64)]}, folder / "grids" / "samples.png")
    photo_tables.write(pd.concat(tables), folder / "per_image.parquet")
    _write_json(folder / "figures.json", metrics)


def _per_image() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "key": key,
            "category": CATEGORIES[number % 2],
            "method": method,
            "hole_psnr": PSNR[method][0] + number,
            "hole_ssim": SSIM[method][0],
        }
        for number, key in enumerate(KEYS)
        for method in METHODS
    )


def _write_tables(folder: Path) -> None:
    rows = [_score(method, name) for name in FIGURES for method in METHODS]
    pd.DataFrame(rows).to_csv(folder / "scores.csv", index=False)
    strata = [
        _score(method, "hole_psnr") | {"stratum": stratum, "group": group, "bounds": ""}
        for stratum, groups in STRATA.items()
        for group in groups
        for method in METHODS
    ]
    pd.DataFrame(strata).to_csv(folder / "strata.csv", index=False)
    distances = [
        {"method": method, "measure": "kid_scene", "value": value, "low": value - 0.01}
        | {"high": value + 0.01, "num_photos": len(KEYS), "features_sha256": FEATURES}
        for method, value in (("model", 0.12), ("mean_color", 0.5))
    ]
    pd.DataFrame(distances).to_csv(folder / "distances.csv", index=False)


def _score(method: str, name: str) -> dict[str, Any]:
    mean, difference, low, high = FIGURES[name][method]
    row = {"method": method, "metric": name, "value": mean, "median": mean}
    row |= {"low": mean - 0.05, "high": mean + 0.05, "num_photos": len(KEYS)}
    row |= {"is_ahead": AHEAD.get(name) == method}
    return row | {"difference": difference, "difference_low": low, "difference_high": high}


def _write_pictures(folder: Path) -> None:
    names = ["masked", *METHODS, "original"]
    for key in SHOWN:
        (folder / "pictures" / key).mkdir()
        for name in names:
            picture = Image.fromarray(_picture(f"{key}/{name}", 64))
            picture.save(folder / "pictures" / key / f"{name}.png")
    rows = []
    for method in METHODS[:-1]:
        pictures = {name: [_picture(f"{method}/{name}", 64)] * 3 for name in ("model", method)}
        write_grid(pictures, folder / "grids" / f"against_{method}.png")
        for rank, key, difference in zip(
            ("worst", "median", "best"), KEYS, (-2.0, 0.0, 3.0), strict=False
        ):
            rows.append((method, rank, 0, key, difference))
    columns = ["method", "rank", "place", "key", "difference"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "pictures.csv", index=False)


def _picture(name: str, size: int) -> np.ndarray:
    """Smooth noise that is always the same for a name; HWC uint8."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((size, size)))
