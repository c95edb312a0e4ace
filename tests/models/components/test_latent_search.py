"""The search for latents: its losses by hand, and that it finds what is there."""

import math

import pytest
import torch
from torch import Tensor

from models.components.latent_search import (
    MAX_LATENT,
    LatentSearch,
    context_loss,
    context_weight,
    prior_loss,
)
from models.recipe import seeded

SIZE = 16
LATENTS = 6


def hole() -> Tensor:
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[:, :, 5:10, 6:12] = 1
    return mask


def basis() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(LATENTS, 3 * SIZE * SIZE, generator=generator) / 8


def sample(latents: Tensor) -> Tensor:
    """Tanh of a linear map: each image has one latent vector."""
    return torch.tanh(latents @ basis()).view(-1, 3, SIZE, SIZE)


def indifferent(picture: Tensor) -> Tensor:
    return 0.0 * picture.mean(dim=(1, 2, 3))


def found(search: LatentSearch, image: Tensor, mask: Tensor, seed: int = 0) -> Tensor:
    with seeded(seed, "test"):
        return search.latents(sample, indifferent, LATENTS, image, mask)


def test_weights_by_hand() -> None:
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[0, 0, 8, 8] = 1
    weight = context_weight(mask)[0, 0]
    expected = torch.zeros(SIZE, SIZE)
    expected[5:12, 5:12] = 1 / 49
    expected[8, 8] = 0
    torch.testing.assert_close(weight, expected)
    corner = torch.zeros(1, 1, SIZE, SIZE)
    corner[0, 0, 0, 0] = 1
    assert context_weight(corner)[0, 0, 0, 1].item() == pytest.approx(1 / 20)  # a window of 4 x 5


def test_losses_by_hand() -> None:
    picture, known = torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    known[0, 0, 0, 0], known[0, 2, 1, 1] = 0.5, -1.0
    weight = torch.tensor([[[[0.2, 0.0], [0.0, 0.4]]]])
    assert context_loss(picture, known, weight).tolist() == pytest.approx([0.2 * 0.5 + 0.4])
    logits = torch.tensor([0.0, 2.0])
    expected = [math.log(1 / 2), math.log(1 - 1 / (1 + math.exp(-2)))]
    assert prior_loss(logits).tolist() == pytest.approx(expected)


def test_it_finds_the_picture_that_the_context_is_of() -> None:
    truth = torch.linspace(-1, 1, LATENTS)[None]
    image, mask = sample(truth), hole()
    search = LatentSearch(num_steps=400, lr=0.05, prior_weight=0.0)
    with torch.no_grad():
        latents = found(search, image, mask)
    torch.testing.assert_close(latents, truth, atol=0.1, rtol=0)
    error = (sample(latents) - image).abs()[mask.expand_as(image) > 0]
    assert error.mean() < 0.03


def test_longer_is_nearer() -> None:
    image, mask = sample(torch.linspace(-1, 1, LATENTS)[None]), hole()
    weight = context_weight(mask)
    losses = [
        context_loss(sample(found(LatentSearch(num, 0.05, 0.0), image, mask)), image, weight)
        for num in (1, 20, 200)
    ]
    assert losses[0] > losses[1] > losses[2]


def test_the_discriminators_word_counts_by_its_weight() -> None:
    image, mask = sample(torch.zeros(1, LATENTS)), hole()

    def likes_bright(picture: Tensor) -> Tensor:
        return picture.mean(dim=(1, 2, 3))

    brightness = []
    for prior_weight in (0.0, 1000.0):
        search = LatentSearch(100, 0.05, prior_weight)
        with seeded(0, "test"):
            latents = search.latents(sample, likes_bright, LATENTS, image, mask)
        brightness.append(sample(latents).mean())
    assert brightness[1] > brightness[0]


def test_latents_stay_within() -> None:
    search = LatentSearch(50, 1.0, 0.0)
    latents = found(search, torch.ones(3, 3, SIZE, SIZE), hole().expand(3, -1, -1, -1))
    assert latents.abs().max() <= MAX_LATENT


def test_each_photo_is_searched_for_by_itself() -> None:
    """A photo's neighbours in the batch count for nothing; the start is torch's generator's."""
    image = sample(torch.randn(3, LATENTS, generator=torch.Generator().manual_seed(1)))
    mask = hole().expand(3, -1, -1, -1)
    search = LatentSearch(10, 0.05, 0.003)
    together = found(search, image, mask)
    others = torch.cat([image[:1], image[1:].flip(3)])
    torch.testing.assert_close(together[:1], found(search, others, mask)[:1])
    assert not torch.allclose(together[1:], found(search, others, mask)[1:])
    assert torch.equal(together, found(search, image, mask))
    assert not torch.equal(together, found(search, image, mask, seed=1))


def test_no_gradient_is_left_and_none_is_needed() -> None:
    weights = basis().requires_grad_()

    def trained(latents: Tensor) -> Tensor:
        return torch.tanh(latents @ weights).view(-1, 3, SIZE, SIZE)

    search = LatentSearch(2, 0.05, 0.0)
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            image = torch.zeros(1, 3, SIZE, SIZE)
            latents = search.latents(trained, indifferent, LATENTS, image, hole())
        assert weights.grad is None and not latents.requires_grad


def test_a_photo_that_is_all_hole_is_no_error() -> None:
    mask = torch.ones(1, 1, SIZE, SIZE)
    latents = found(LatentSearch(3, 0.05, 0.003), torch.full((1, 3, SIZE, SIZE), torch.nan), mask)
    assert latents.isfinite().all()
