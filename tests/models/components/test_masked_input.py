"""What a completion network sees."""

import pytest
import torch

from models.components.masked_input import MaskedInput
from models.recipe import Batch


def test_noise_is_drawn_or_given(batch: Batch) -> None:
    masked_input = MaskedInput(fill="black", mask_channel=True, noise_channels=3)
    torch.manual_seed(0)
    noise = masked_input.draw_noise(batch.mask)
    assert noise.shape == (4, 3, 1, 1)
    torch.manual_seed(0)
    drawn = masked_input(batch.image, batch.mask)
    assert torch.equal(drawn, masked_input(batch.image, batch.mask, noise))
    assert not torch.equal(drawn, masked_input(batch.image, batch.mask))
    assert torch.equal(drawn[:, 4:], noise * batch.mask)


@pytest.mark.parametrize(
    ("mask_channel", "noise_channels", "num"), [(0, 0, 3), (1, 0, 4), (1, 2, 6)]
)
def test_number_of_channels(mask_channel: int, noise_channels: int, num: int, batch: Batch) -> None:
    masked_input = MaskedInput(
        fill="black", mask_channel=bool(mask_channel), noise_channels=noise_channels
    )
    assert masked_input.num_channels == num
    before = torch.get_rng_state()
    assert masked_input(batch.image, batch.mask).shape == (4, num, 64, 64)
    assert torch.equal(torch.get_rng_state(), before) == (noise_channels == 0)
