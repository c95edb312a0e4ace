"""What the generator's pictures are before they are measured."""

import numpy as np
import torch
from torch import Tensor

from models.generators import Completer
from pipeline.holes import Rectangle
from pipeline.params.evaluate import EvaluateParams
from pipeline.shard_reader import Sample
from pipeline.stages.evaluate import MODEL, evaluate

CPU = torch.device("cpu")
HOLE = Rectangle(4, 6, 20, 22)


class Noise(Completer):
    """Another picture each time, were it not seeded."""

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        return torch.rand(image.shape) * 2 - 1


def samples(num: int) -> list[Sample]:
    rng = np.random.default_rng(0)
    mask = np.zeros((32, 32), dtype=bool)
    mask[HOLE.rows, HOLE.columns] = True
    images = rng.integers(0, 256, (num, 32, 32, 3), dtype=np.uint8)
    return [
        Sample(f"photo-{i}", image, mask, HOLE, [HOLE], "sea", f"sea/{i}.png")
        for i, image in enumerate(images)
    ]


def pictures(num: int, colors: int) -> list[np.ndarray]:
    params = EvaluateParams(baselines=[], num_grid=num, colors=colors)
    _, completed = evaluate(samples(num), Noise(), CPU, params)
    return [completed[sample.key][MODEL] for sample in samples(num)]


def test_noise_is_the_same_each_time_and_another_for_each_photo() -> None:
    first, again = pictures(3, colors=0), pictures(3, colors=0)
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    holes = [picture[HOLE.rows, HOLE.columns] for picture in first]
    assert not np.array_equal(holes[0], holes[1])


def test_colors_are_those_of_the_output_and_the_context_keeps_its_own() -> None:
    for picture, sample in zip(pictures(3, colors=10), samples(3), strict=True):
        assert np.array_equal(picture[~sample.mask], sample.image[~sample.mask])
        assert len(np.unique(picture[sample.mask], axis=0)) <= 10
    full = pictures(1, colors=0)[0][HOLE.rows, HOLE.columns].reshape(-1, 3)
    assert len(np.unique(full, axis=0)) > 400
