"""Images cut from photos, and what the scene network is asked about them."""

import json
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.components.pixels import to_tensor
from models.recipe import seeded
from models.scene_network import NUM_TURNS
from pipeline.features.damage import draw_damage
from pipeline.shards.reader import ShardFolder, image_of, read_fields, read_meta, shards_of

# Question -> the right answer of each image, int64.
Answers = dict[str, Tensor]


@dataclass(frozen=True)
class LabelledPhotos:
    """Photos in memory."""

    images: Tensor  # (N, S, S, 3) uint8
    labels: Tensor  # (N,) int64 into `categories`
    categories: list[str]  # in order

    @property
    def image_size(self) -> int:
        """px."""
        return self.images.shape[1]


def read_labelled_photos(crop_dir: ShardFolder, split: str, max_photos: int) -> LabelledPhotos:
    """At most `max_photos` of `split`, evenly spaced; the shards are in random order."""
    every = -(-read_meta(crop_dir)["num_samples"][split] // max_photos)
    chosen = [
        (image_of(fields), json.loads(fields["json"])["category"])
        for row, fields in enumerate(read_fields(shards_of(crop_dir, split)))
        if row % every == 0
    ]
    names = [category for _, category in chosen]
    categories = sorted(set(names))
    labels = torch.tensor([categories.index(name) for name in names])
    return LabelledPhotos(torch.from_numpy(np.stack([x for x, _ in chosen])), labels, categories)


def labelled_alike(photos: LabelledPhotos, categories: list[str]) -> LabelledPhotos:
    """Those of `photos` whose category is among `categories`, with their numbers there."""
    numbers = [categories.index(name) if name in categories else -1 for name in photos.categories]
    labels = torch.tensor(numbers)[photos.labels]
    return LabelledPhotos(photos.images[labels >= 0], labels[labels >= 0], categories)


def draw_pictures(
    photos: LabelledPhotos, num: int, side: int, seed: int, name: str
) -> tuple[Tensor, Answers]:
    """`num` square cut-outs of `side` px, turned and half of them damaged, and the answers.

    (N, 3, side, side) in [-1, 1]. A function of (seed, name). The place is the quarter of the photo
    that holds the middle.
    """
    size = photos.image_size
    with seeded(seed, name):
        rows = torch.randint(len(photos.images), (num,))
        corners = torch.randint(size - side + 1, (2, num))
        turns = torch.randint(NUM_TURNS, (num,))
    span = torch.arange(side)
    top, left = corners[:, :, None] + span
    pictures = to_tensor(photos.images[rows[:, None, None], top[:, :, None], left[:, None, :]])
    for turn in range(1, NUM_TURNS):
        pictures[turns == turn] = pictures[turns == turn].rot90(turn, (2, 3))
    with seeded(seed, f"{name}, damage"):
        pictures, damages = draw_damage(pictures)
    below, right = (2 * corners + side >= size).long()
    places = 2 * below + right
    answers = {
        "category": photos.labels[rows],
        "turn": turns,
        "place": places,
        "damage": damages,
    }
    return pictures, answers


def questions_loss(logits: dict[str, Tensor], answers: Answers) -> Tensor:
    """Sum of the cross entropies of the questions answered in `logits`, over the batch's mean."""
    losses = [functional.cross_entropy(logits[name], answers[name]) for name in answers]
    return torch.stack(losses).sum()
