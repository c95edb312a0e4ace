"""Masking, compositing and the box."""

import torch

from models.components.compose import (
    composite,
    context_mean,
    cut_box,
    grown,
    mask_out,
    random_boxes,
)
from models.recipe import Batch


def test_context_mean_is_that_of_known_pixels(batch: Batch) -> None:
    mean = context_mean(batch.image, batch.mask)
    for index in range(len(batch.image)):
        known = batch.mask[index, 0] == 0
        by_hand = batch.image[index][:, known].mean(dim=1)
        assert torch.allclose(mean[index, :, 0, 0], by_hand, atol=1e-6)
    poisoned = torch.where(batch.mask > 0, torch.nan, batch.image)
    assert torch.equal(context_mean(poisoned, batch.mask), mean)
    assert (context_mean(batch.image, torch.ones_like(batch.mask)) == 0).all()


def test_mask_out_fills_the_hole_alone(batch: Batch) -> None:
    masked = mask_out(batch.image, batch.mask, fill=0.25)
    hole = batch.mask.expand_as(batch.image) > 0
    assert (masked[hole] == 0.25).all()
    assert torch.equal(masked[~hole], batch.image[~hole])


def test_nan_in_the_hole_does_not_pass(batch: Batch) -> None:
    poisoned = torch.where(batch.mask > 0, torch.nan, batch.image)
    assert mask_out(poisoned, batch.mask, fill=0).isfinite().all()


def test_context_is_untouched_by_compositing(batch: Batch) -> None:
    output = torch.full_like(batch.image, torch.nan)
    completed = composite(output, batch.image, batch.mask)
    hole = batch.mask.expand_as(batch.image) > 0
    assert torch.equal(completed[~hole], batch.image[~hole])
    assert completed[hole].isnan().all()


def test_cut_box_equals_slicing(batch: Batch) -> None:
    cut = cut_box(batch.image, batch.box, 28)
    assert cut.shape == (4, 3, 28, 28)
    for index, (top, left, height, width) in enumerate(batch.box.tolist()):
        expected = batch.image[index, :, top : top + height, left : left + width]
        assert torch.equal(cut[index], expected)


def test_cut_box_passes_gradient_to_its_pixels_alone(batch: Batch) -> None:
    image = batch.image.clone().requires_grad_()
    cut_box(image, batch.box, 28).sum().backward()  # type: ignore[no-untyped-call]
    assert image.grad is not None
    expected = torch.zeros_like(image)
    for index, (top, left, height, width) in enumerate(batch.box.tolist()):
        expected[index, :, top : top + height, left : left + width] = 1
    assert torch.equal(image.grad, expected)


def rectangles(each: torch.Tensor) -> torch.Tensor:
    """(4, 4) -> (4, 1, 64, 64) masks."""
    mask = torch.zeros(4, 1, 64, 64)
    for index, (top, left, height, width) in enumerate(each.tolist()):
        mask[index, :, top : top + height, left : left + width] = 1
    return mask


def test_grown_by_a_margin(batch: Batch) -> None:
    wide = torch.tensor([[1, 3, 24, 29], [38, 28, 26, 26], [0, 0, 23, 23], [18, 42, 29, 22]])
    assert torch.equal(grown(batch.mask, 2), rectangles(wide))
    assert torch.equal(grown(batch.mask, 0), batch.mask)


def test_random_boxes_lie_in_the_image_everywhere() -> None:
    torch.manual_seed(0)
    boxes = random_boxes(2000, 32, 28, torch.device("cpu"))
    assert (boxes[:, 2:] == 28).all()
    for corner in (boxes[:, 0], boxes[:, 1]):
        assert corner.unique().tolist() == [0, 1, 2, 3, 4]
