"""How far a method's completed boxes are, as a set, from those of the same photos' originals."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from pipeline.features.scene_features import SceneFeatures, load_scene_features
from pipeline.metrics.frechet_distance import PHOTOS_PER_FEATURE, frechet_distance
from pipeline.metrics.kernel_distance import kernel_distance
from pipeline.metrics.sliced_wasserstein import PATCH, sliced_wasserstein
from pipeline.metrics.standard_features import InceptionFeatures, Lpips
from pipeline.metrics.two_sample import NUM_FOLDS, two_sample
from pipeline.params.evaluate import EvaluateParams
from pipeline.runtime.progress import progress

DISTANCE_COLUMNS = ["method", "measure", "value", "low", "high", "num_photos", "features_sha256"]

DIGITS = 6


@dataclass(frozen=True)
class Extractors:
    """The networks that look at boxes: the project's own, and the standard ones where given."""

    scene: SceneFeatures
    inception: InceptionFeatures | None
    lpips: Lpips | None

    @classmethod
    def load(cls, folder: Path, params: EvaluateParams, device: torch.device) -> "Extractors":
        """What `train_features` left in `folder`, and the files of weights that `params` name.

        A ValueError where one is missing or holds something else.
        """
        inception, lpips = params.inception_weights_path, params.lpips_weights_path
        return cls(
            load_scene_features(folder, device),
            InceptionFeatures.load(inception, device) if inception else None,
            Lpips.load(lpips, device) if lpips else None,
        )


@dataclass(frozen=True)
class Row:
    """One measure of one method. FID and sliced Wasserstein have no interval: drawing photos anew
    makes them larger, and not only uncertain."""

    measure: str
    value: float
    low: float
    high: float
    features_sha256: str = ""  # of the network's weights; sliced Wasserstein has none


def distances(
    boxes: Mapping[str, np.ndarray], originals: np.ndarray, extractors: Extractors
) -> pd.DataFrame:
    """DISTANCE_COLUMNS, a row for each method and measure; (N, B, B, 3) uint8 each, alike in order.

    A measure for which the photos are too few is left out: FID below 2 for each feature, the
    classifier below 10, KID below 4; sliced Wasserstein where a box is smaller than its patches.
    """
    known = {name: look.of(originals) for name, look in _looks(extractors).items()}
    rows = []
    with progress("evaluate", len(boxes), "methods' distances") as advance:
        for method, pictures in boxes.items():
            assert pictures.shape == originals.shape and pictures.dtype == np.uint8
            for row in _measure(pictures, originals, known, extractors):
                rows.append({"method": method, **vars(row), "num_photos": len(originals)})
            advance(1)
    return pd.DataFrame(rows, columns=DISTANCE_COLUMNS).round(DIGITS)


def _looks(extractors: Extractors) -> dict[str, SceneFeatures | InceptionFeatures]:
    looks: dict[str, SceneFeatures | InceptionFeatures] = {"scene": extractors.scene}
    return looks | ({"inception": extractors.inception} if extractors.inception else {})


def _measure(
    pictures: np.ndarray, originals: np.ndarray, known: Mapping[str, Tensor], extractors: Extractors
) -> list[Row]:
    rows = []
    for name, look in _looks(extractors).items():
        features = look.of(pictures)
        rows += _of_features(name, features, known[name], look.sha256)
        if name == "scene" and len(features) >= 2 * NUM_FOLDS:
            rows.append(Row("two_sample", *two_sample(features, known[name]), look.sha256))
    if min(pictures.shape[1:3]) >= PATCH:
        device = extractors.scene.device
        pair = (torch.from_numpy(each).to(device) for each in (pictures, originals))
        rows.append(Row("sliced_wasserstein", sliced_wasserstein(*pair), np.nan, np.nan))
    if extractors.lpips:
        interval = extractors.lpips.between(pictures, originals)
        rows.append(Row("lpips", *interval, extractors.lpips.sha256))
    return rows


def _of_features(name: str, features: Tensor, known: Tensor, sha256: str) -> list[Row]:
    rows = []
    if len(features) >= 4:
        rows.append(Row(f"kid_{name}", *kernel_distance(features, known), sha256))
    if len(features) >= PHOTOS_PER_FEATURE * features.shape[1]:
        distance = frechet_distance(features, known)
        rows.append(Row(f"fid_{name}", distance, np.nan, np.nan, sha256))
    return rows


def distance_plot(found: pd.DataFrame) -> pd.DataFrame:
    """What `dvc plots` draws: method, kid_scene, low, high."""
    rows = found[found["measure"] == "kid_scene"]
    return rows[["method", "value", "low", "high"]].rename(columns={"value": "kid_scene"})
