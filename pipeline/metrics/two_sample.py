"""Classifier two-sample score: how often a classifier tells completed boxes from original ones.

After Lopez-Paz and Oquab 2017. The classifier is a ridge regression, whose best weights are found
by solving one equation, on the features of the scene network.
"""

import torch
from torch import Tensor

from pipeline.metrics.intervals import Z

NUM_FOLDS = 5
# The folds' classifiers have learnt from mostly the same photos, so that their errors go together:
# the variance is larger by this factor (Nadeau and Bengio 2003).
WIDER = 1 + NUM_FOLDS / (NUM_FOLDS - 1)
# Of the features' mean variance; on real landscapes 0.1 and 1 told planted faults less often.
RIDGE = 0.01


def two_sample(completed: Tensor, originals: Tensor) -> tuple[float, float, float]:
    """Held-out accuracy and the ends of its 95 % interval; 0.5 or less: cannot be told, 1: always.

    (N, F) float both, N >= 2 * NUM_FOLDS, a row a photo in each. The two boxes of a photo are held
    out together: they share known pixels, by which the classifier would recognise them.
    """
    assert completed.shape == originals.shape and len(completed) >= 2 * NUM_FOLDS
    features = torch.stack([completed, originals], dim=1).double()  # (N, 2, F)
    fold = torch.arange(len(features), device=features.device) % NUM_FOLDS
    hits = torch.empty(len(features), dtype=torch.float64, device=features.device)
    for each in range(NUM_FOLDS):
        is_held_out = fold == each
        hits[is_held_out] = _hits(features[~is_held_out], features[is_held_out])
    value = hits.mean().item()
    error = Z * hits.std().item() * (WIDER / len(hits)) ** 0.5
    return value, max(value - error, 0.0), min(value + error, 1.0)


def _hits(known: Tensor, held_out: Tensor) -> Tensor:
    """(M,) the share of a held-out photo's two boxes that are told right: 0, a half or 1."""
    centre = known.mean(dim=(0, 1))
    rows = (known - centre).flatten(0, 1)
    side = known.new_tensor([1.0, -1.0])  # completed, original
    covariance = rows.T @ rows / len(rows)
    covariance.diagonal().add_(RIDGE * covariance.diagonal().mean())
    weights = torch.linalg.solve(covariance, rows.T @ side.repeat(len(known)) / len(rows))
    scores = (held_out - centre) @ weights
    right: Tensor = (0.5 + 0.5 * (scores * side).sign()).mean(dim=1)
    return right
