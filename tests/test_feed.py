"""Batches are functions of (seed, step)."""

import numpy as np
import pytest
import torch

from models.compose import rectangle_mask
from models.pixels import to_uint8
from models.recipe import Batch
from pipeline.feed import Feed, Photos, flip_batch
from pipeline.fresh_holes import HoleSizes, boxes_around, draw_holes
from pipeline.holes import Rectangle, box_around

SIZES = HoleSizes(image_size=64, box_size=28, hole_min=20, hole_max=25)


def photos(num: int) -> Photos:
    """Photo number n has the value n in every pixel; holes and boxes differ."""
    images = torch.arange(num, dtype=torch.uint8).view(num, 1, 1, 1).expand(num, 64, 64, 3)
    corners = torch.arange(num)
    holes = torch.stack([corners, corners * 2 % 40, corners * 0 + 20, corners * 0 + 22], dim=1)
    boxes = torch.from_numpy(boxes_around(holes.numpy(), SIZES))
    return Photos(images.contiguous(), rectangle_mask(holes, 64).bool(), boxes)


def feed(num: int = 10, batch_size: int = 4, fresh: bool = True, flip: bool = True) -> Feed:
    return Feed(photos(num), 7, batch_size, flip, SIZES if fresh else None)


def numbers(batch: Batch) -> list[int]:
    return to_uint8(batch.image)[:, 0, 0, 0].tolist()


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    in_order = [feed().batch(step) for step in range(6)]
    for step in (5, 2, 0):
        again = feed().batch(step)
        for name in ("image", "mask", "box"):
            assert torch.equal(getattr(again, name), getattr(in_order[step], name))


@pytest.mark.parametrize("batch_size", [3, 4, 10, 23])
def test_every_pass_sees_every_photo_once(batch_size: int) -> None:
    seen = [n for step in range(10) for n in numbers(feed(batch_size=batch_size).batch(step))]
    passes = [seen[start : start + 10] for start in range(0, len(seen) - 9, 10)]
    assert len(passes) >= 3
    assert all(sorted(each) == list(range(10)) for each in passes)
    assert passes[0] != passes[1]


def test_the_order_does_not_depend_on_the_batch_size() -> None:
    small = [n for step in range(6) for n in numbers(feed(batch_size=2).batch(step))]
    assert small == [n for step in range(3) for n in numbers(feed(batch_size=4).batch(step))]


def test_fresh_holes_differ_between_steps_and_lie_in_their_box() -> None:
    source = feed(num=4)
    first, second = source.batch(0), source.batch(1)
    assert not torch.equal(first.mask, second.mask)
    for batch in (first, second):
        inside = rectangle_mask(batch.box, 64)
        assert (inside[batch.mask > 0] == 1).all()
        assert (batch.box[:, 2:] == 28).all()


def test_stored_holes_stay_with_their_photo() -> None:
    source = feed(fresh=False, flip=False)
    batch = source.batch(3)
    for index, number in enumerate(numbers(batch)):
        assert torch.equal(batch.mask[index], source.photos.masks[number].float())
        assert torch.equal(batch.box[index], source.photos.boxes[number])


def test_flip_mirrors_image_mask_and_box_alike() -> None:
    ramp = torch.arange(64.0).view(1, 1, 1, 64).expand(2, 3, 64, 64)
    box = torch.tensor([[3, 5, 28, 28], [3, 5, 28, 28]])
    batch = Batch(ramp, rectangle_mask(box, 64), box)
    flipped = flip_batch(batch, torch.tensor([True, False]))
    assert flipped.image[0, 0, 0, 0] == 63 and flipped.image[1, 0, 0, 0] == 0
    assert flipped.box.tolist() == [[3, 64 - 5 - 28, 28, 28], [3, 5, 28, 28]]
    assert torch.equal(flipped.mask, rectangle_mask(flipped.box, 64))


def test_about_half_is_flipped() -> None:
    ramp = torch.arange(64, dtype=torch.uint8).view(1, 1, 64, 1).expand(50, 64, 64, 3)
    source = Feed(Photos(ramp, photos(50).masks, photos(50).boxes), 7, 50, True, None)
    flipped = sum(int((to_uint8(source.batch(s).image)[:, 0, 0, 0] == 63).sum()) for s in range(8))
    assert 150 < flipped < 250


def test_hole_sizes_and_places_are_all_used() -> None:
    holes = draw_holes(np.random.default_rng(0), 20_000, SIZES)
    for side in (2, 3):
        assert set(holes[:, side]) == set(range(20, 26))
    ends = holes[:, :2] + holes[:, 2:]
    assert holes[:, :2].min() == 0 and ends.max() == 64


def test_boxes_agree_with_those_of_the_shards() -> None:
    holes = draw_holes(np.random.default_rng(1), 300, SIZES)
    for hole, box in zip(holes.tolist(), boxes_around(holes, SIZES).tolist(), strict=True):
        assert tuple(box) == box_around(Rectangle(*hole), box_size=28, image_size=64)
