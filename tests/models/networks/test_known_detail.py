"""Detail comes from known pixels, in the amount that is around."""

import pytest
import torch
from torch import Tensor

from models.networks.known_detail import detail_of, known_detail
from models.networks.membrane import membrane

SIZE = 64


def laid(image: Tensor, mask: Tensor) -> Tensor:
    """The detail over the membrane of `image`."""
    fine, texture = detail_of(image, mask)
    spanned = membrane(torch.cat([image, texture], 1), mask)
    return known_detail(spanned[:, :3], mask, fine, spanned[:, 3:])


@pytest.fixture
def mask() -> Tensor:
    hole = torch.zeros(1, 1, SIZE, SIZE)
    hole[..., 20:44, 20:44] = 1
    return hole


def noise(deviation: float) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return deviation * torch.randn(1, 3, SIZE, SIZE, generator=random)


def test_a_smooth_photo_gets_none(mask: Tensor) -> None:
    ramp = torch.linspace(-1, 1, SIZE).expand(1, 3, SIZE, SIZE)
    assert laid(ramp, mask).abs().max() < 0.01


def test_noise_gets_as_much_as_is_around(mask: Tensor) -> None:
    """All of it where there is much, a share where there is little."""
    ratios = []
    for deviation in (0.1, 0.4, 1.6):
        detail = laid(noise(deviation), mask)
        assert not detail[mask.expand_as(detail) == 0].any()
        fine, _ = detail_of(noise(deviation), torch.zeros_like(mask))
        places = (..., slice(24, 40), slice(24, 40))
        ratios.append((detail[places].std() / fine[places].std()).item())
    assert ratios[0] < ratios[1] < ratios[2]
    assert ratios[0] < 0.4 and 0.8 < ratios[2] < 1.2


def test_a_sky_beside_a_wood_stays_a_sky(mask: Tensor) -> None:
    """A hole all in the sky: no grain of the wood below, though it is half of the known pixels."""
    image = noise(0.2)
    image[..., :40, :] = 0.5
    hole = torch.zeros_like(mask)
    hole[..., 8:28, 20:44] = 1
    assert laid(image, hole).abs().max() < 0.01


def test_no_hole_pixel_has_an_influence(mask: Tensor) -> None:
    image = noise(0.5)
    hidden = torch.where(mask > 0, torch.nan, image)
    assert torch.equal(laid(image, mask), laid(hidden, mask))


def test_no_whole_block_no_detail(mask: Tensor) -> None:
    comb = torch.zeros_like(mask)
    comb[..., ::4] = 1
    assert not laid(noise(0.2), comb).any()
    assert not laid(noise(0.2), torch.ones_like(mask)).any()
