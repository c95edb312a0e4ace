"""Holes that a recipe draws: every photo has one, none is all hole."""

import pytest
import torch

from models.components.random_masks import WIDTHS, strips, strokes

CPU = torch.device("cpu")


@pytest.mark.parametrize("draw", [strokes, strips])
@pytest.mark.parametrize("size", [32, 64])
def test_every_photo_has_hole_and_context(draw: object, size: int) -> None:
    assert callable(draw)
    torch.manual_seed(0)
    masks = draw(200, size, CPU)
    assert masks.shape == (200, 1, size, size) and set(masks.unique().tolist()) == {0.0, 1.0}
    shares = masks.mean(dim=(1, 2, 3))
    assert shares.min() > 0 and shares.max() < 0.8
    assert len({tuple(mask.flatten().tolist()) for mask in masks}) > 30
    torch.manual_seed(0)
    assert torch.equal(draw(200, size, CPU), masks)


def test_strips_lie_at_each_side() -> None:
    torch.manual_seed(0)
    masks = strips(200, 64, CPU)[:, 0] > 0
    low, high = WIDTHS
    sides = torch.zeros(4)
    for mask in masks:
        share = mask.float().mean()
        assert low - 0.02 < share < high + 0.02
        edges = (mask[:, 0], mask[:, -1], mask[0], mask[-1])
        whole = torch.tensor([bool(edge.all()) for edge in edges])
        assert whole.sum() == 1
        sides += whole
    assert (sides > 30).all()
