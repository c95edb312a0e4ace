"""The multigrid membrane is the harmonic fill, solved."""

import numpy as np
import pytest
import torch

from models.networks.membrane import membrane
from pipeline.inpainting.harmonic import harmonic
from support.cutters import cutter


@pytest.fixture
def photos() -> np.ndarray:
    """(8, 64, 64, 3) uint8: waves with noise."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:64, :64] / 64
    waves = [
        np.sin(2 * np.pi * (rows * random.uniform(0, 3) + columns * random.uniform(0, 3)))
        for _ in range(24)
    ]
    levels = 128 + 80 * np.stack(waves).reshape(8, 3, 64, 64) + random.normal(0, 10, (8, 3, 64, 64))
    return levels.clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)


@pytest.mark.parametrize("kind", ["box", "center", "strip", "free_form", "random_pixels"])
def test_it_is_the_harmonic_fill(kind: str, photos: np.ndarray) -> None:
    masks = cutter(kind).cut("membrane", len(photos)).masks
    expected = np.stack([harmonic(*pair) for pair in zip(photos, masks, strict=True)])
    values = torch.from_numpy(photos).permute(0, 3, 1, 2).float()
    filled = membrane(values, torch.from_numpy(masks)[:, None].float())
    errors = (filled.permute(0, 2, 3, 1).numpy() - expected)[masks]
    assert np.sqrt((errors**2).mean()) < 1  # of 255 grey levels, of which 0.3 are rounding
    assert np.abs(errors).max() < 10
    known = ~masks[..., None] & np.ones(3, bool)
    np.testing.assert_array_equal(filled.permute(0, 2, 3, 1).numpy()[known], photos[known])


def test_a_slope_is_continued_to_a_level() -> None:
    """No flux at the photo's edge: beside a strip of known columns the surface is flat."""
    values = torch.full((1, 1, 16, 16), torch.nan)
    values[..., :8] = torch.arange(16.0)[:, None].expand(16, 8)
    mask = values.isnan().float()
    filled = membrane(values, mask)
    assert filled.isfinite().all()
    middle = filled[0, 0, :, -1]
    assert (middle.diff() > 0).all() and middle[-1] - middle[0] < 15


@pytest.mark.parametrize("shape", [(48, 48), (33, 50), (1, 7)])
def test_any_size(shape: tuple[int, int]) -> None:
    """A constant stays one wherever the hole is."""
    mask = (torch.rand(3, 1, *shape, generator=torch.Generator().manual_seed(0)) < 0.6).float()
    mask[..., 0] = 0
    values = torch.where(mask > 0, torch.nan, torch.full((3, 2, *shape), 0.25))
    torch.testing.assert_close(membrane(values, mask), torch.full_like(values, 0.25))


def test_nothing_known_is_zero() -> None:
    assert not membrane(torch.full((1, 3, 16, 16), torch.nan), torch.ones(1, 1, 16, 16)).any()
