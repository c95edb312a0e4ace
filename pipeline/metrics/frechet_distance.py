"""FID: how far two sets of features are apart as normal distributions (Heusel et al. 2017)."""

import torch
from torch import Tensor, nn

# Fewer photos than this for each feature, and the covariances are mostly chance.
PHOTOS_PER_FEATURE = 2


def frechet_distance(completed: Tensor, originals: Tensor) -> float:
    """0 = equal; (N, F) float both. Grows as N falls: compare only sets of the same size."""
    # Here, since torchmetrics takes longer to import than small sets to be measured.
    from torchmetrics.image.fid import FrechetInceptionDistance

    metric = FrechetInceptionDistance(feature=_Given(completed.shape[1])).to(completed.device)
    metric.set_dtype(torch.float64)
    metric.update(completed.double(), real=False)
    metric.update(originals.double(), real=True)
    return max(float(metric.compute()), 0.0)  # of equal sets it is a rounding error


class _Given(nn.Module):
    """torchmetrics asks for a network; the features are there already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features
