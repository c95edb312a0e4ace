"""A small network that looks at scenes: its features are what distances between images rest on.

It is asked four things of an image: its category, by how many quarter turns it was rotated, which
part of the photo it was cut from, and what it was damaged by. The last is what completions suffer
from: without that question a grid or false grain hardly moves a feature. A set of a single category
has nothing to learn from the first, whose loss is then zero; the others need no labels.
"""

import torch
from torch import Tensor, nn

NUM_TURNS = 4  # 0, 90, 180, 270 degrees
NUM_PLACES = 4  # quarters of the photo: upper left, upper right, lower left, lower right
NUM_DAMAGES = 4  # none, blur, grid, grain
MIN_SIDE = 4  # px; below, nothing is left after two halvings
SLOPE = 0.1  # of the leaky ReLUs


class SceneNetwork(nn.Module):
    """Three blocks at full, half and quarter size; the features are the means of all three.

    The first block's are of edges and colours, the last one's of shapes: blur and noise show in the
    former, a wrong scene in the latter. They are scaled to mean 0 and variance 1 over the training
    crops, so that distances made with two of these networks are of the same order.
    """

    def __init__(self, width: int, num_categories: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            [
                nn.Sequential(*_layer(3, width, 1)),
                nn.Sequential(*_layer(width, 2 * width, 2), *_layer(2 * width, 2 * width, 1)),
                nn.Sequential(*_layer(2 * width, 4 * width, 2), *_layer(4 * width, 4 * width, 1)),
            ]
        )
        self.num_features = 7 * width
        # Without weights of its own, so that the features' scale is a fact of the data.
        self.scale = nn.BatchNorm1d(self.num_features, affine=False)
        self.category = nn.Linear(self.num_features, num_categories)
        self.turn = nn.Linear(self.num_features, NUM_TURNS)
        self.place = nn.Linear(self.num_features, NUM_PLACES)
        self.damage = nn.Linear(self.num_features, NUM_DAMAGES)

    def features(self, picture: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1], sides of at least MIN_SIDE -> (N, 7 * width)."""
        assert min(picture.shape[2:]) >= MIN_SIDE
        means = []  # (N, width), (N, 2 * width), (N, 4 * width): together 7 * width
        for block in self.blocks:
            picture = block(picture)
            means.append(picture.mean(dim=(2, 3)))
        scaled: Tensor = self.scale(torch.cat(means, dim=1))
        return scaled

    def forward(self, picture: Tensor) -> dict[str, Tensor]:
        """Question -> logits."""
        features = self.features(picture)
        questions = ("category", "turn", "place", "damage")
        return {name: getattr(self, name)(features) for name in questions}


def _layer(channels_in: int, channels: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.LeakyReLU(SLOPE),
    ]
