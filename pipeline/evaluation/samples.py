"""Images that a generator makes up, beside the test photos and the training photos."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from models.components.generators import Sampler
from models.components.samples import draw_samples
from pipeline.metrics.hole_figures import whole_figures
from pipeline.metrics.nearest_photos import Keyed, Nearest, nearest_photos
from pipeline.metrics.sliced_wasserstein import sliced_wasserstein
from pipeline.runtime.progress import progress
from pipeline.shards.reader import Sample, ShardFolder, image_of, read_fields, read_meta, shards_of


@dataclass(frozen=True)
class SampleScores:
    """Of as many samples as test photos.

    `novelty`: 0 = copies of training photos, 1 = as far from them as the test photos are. Pixels
    are compared: a blurred sample is near to every photo, so that between the two the grid decides.
    """

    samples: Tensor  # (N, S, S, 3) uint8
    nearest: Nearest  # training photos
    figures: dict[str, float]

    @property
    def table(self) -> pd.DataFrame:
        """A row for each sample: its nearest training photo, and how far that is."""
        return pd.DataFrame(
            {
                "key": [f"sample-{number:06d}" for number in range(len(self.samples))],
                "method": "samples",
                "nearest_key": self.nearest.keys,
                "nearest_distance": self.nearest.distances.double().numpy(),
            }
        )

    def grid_rows(self, num: int) -> dict[str, list[np.ndarray]]:
        """The first `num` samples above the training photos nearest to them."""
        return {
            "samples": list(self.samples[:num].cpu().numpy()),
            "nearest training": list(self.nearest.photos[:num].cpu().numpy()),
        }


def score_samples(
    test: list[Sample], generator: Sampler, crop_dir: ShardFolder, device: torch.device
) -> SampleScores:
    """The training photos are gone through twice: for those nearest, and evenly for the floor."""
    photos = torch.from_numpy(np.stack([sample.image for sample in test])).to(device)
    samples = draw_samples(generator, len(photos), device)
    # One pass for both: the photos' own distances are what the samples' are measured by.
    found = nearest_photos(torch.cat([samples, photos]), _training_photos(crop_dir))
    num = len(samples)
    nearest = Nearest(found.keys[:num], found.photos[:num], found.distances[:num])
    unseen = found.distances[num:].mean().item()
    floor = _spread_training_photos(crop_dir, num).to(device)
    figures = {
        "sliced_wasserstein": sliced_wasserstein(samples, photos),
        # With fewer training photos than test photos the pair is smaller, and apart the further.
        "sliced_wasserstein_floor": sliced_wasserstein(floor, photos[: len(floor)]),
        **whole_figures(samples, photos),
        "novelty": nearest.distances.mean().item() / unseen,
    }
    return SampleScores(samples, nearest, {name: round(figures[name], 4) for name in figures})


def _training_photos(crop_dir: ShardFolder) -> Iterator[Keyed]:
    num = read_meta(crop_dir)["num_samples"]["train"]
    with progress("evaluate", num, "training photos") as advance:
        for fields in read_fields(shards_of(crop_dir, "train")):
            yield fields["__key__"], torch.from_numpy(image_of(fields))
            advance(1)


def _spread_training_photos(crop_dir: ShardFolder, num: int) -> Tensor:
    """(at most num, S, S, 3) uint8, evenly spread over the split."""
    num_all = read_meta(crop_dir)["num_samples"]["train"]
    num = min(num, num_all)
    chosen = {row * num_all // num for row in range(num)}
    fields = enumerate(read_fields(shards_of(crop_dir, "train")))
    return torch.stack([torch.from_numpy(image_of(each)) for row, each in fields if row in chosen])
