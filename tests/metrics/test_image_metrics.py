"""Metrics of one image: values by hand, and those of the libraries where they have the metric."""

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torchmetrics.functional import mean_absolute_error
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from pipeline.metrics.image_metrics import (
    METRICS,
    POOLED,
    completion_metrics,
    context_psnr,
    detail,
    seam_error,
    ssim_maps,
)
from pipeline.metrics.psnr import PSNR_CAP
from pipeline.shards.rectangle import Rectangle
from support.pictures import picture

IMAGE = np.asarray(picture(0, (64, 64)))
MASK = np.zeros((64, 64), dtype=bool)
MASK[20:42, 10:33] = True
BOX = Rectangle(17, 8, 28, 28)
BLACK = np.zeros_like(IMAGE)


def with_hole(value: int, image: np.ndarray = IMAGE) -> np.ndarray:
    changed = image.copy()
    changed[MASK] = value
    return changed


def noisy(sigma: float, seed: int = 0) -> np.ndarray:
    """IMAGE with noise in its hole."""
    noise = sigma * np.random.default_rng(seed).normal(size=IMAGE.shape)
    changed = np.clip(IMAGE + noise, 0, 255).astype(np.uint8)
    return np.where(MASK[..., None], changed, IMAGE)


def measured(completed: np.ndarray, original: np.ndarray = IMAGE) -> dict[str, float]:
    return completion_metrics([completed], original, MASK, BOX)[0]


def test_a_perfect_fill() -> None:
    expected = {f"{area}_psnr": PSNR_CAP for area in ("hole", "box", "image")}
    expected |= {f"{area}_ssim": 1.0 for area in ("hole", "box", "image")}
    expected |= {f"{area}_l1": 0.0 for area in ("hole", "box", "image")}
    expected |= {"seam_error": 0.0}
    found = measured(IMAGE)
    assert found.pop("detail") == found.pop("original_detail") > 0
    assert found == pytest.approx(expected)
    assert set(expected) | {"context_psnr", *POOLED} == set(METRICS)


def test_values_by_hand() -> None:
    found = measured(with_hole(51, BLACK), BLACK)  # a fifth of 255
    share_of_box, share_of_image = MASK.sum() / 28**2, MASK.mean()
    for area, share in {"hole": 1, "box": share_of_box, "image": share_of_image}.items():
        assert found[f"{area}_l1"] == pytest.approx(0.2 * share)
        assert found[f"{area}_psnr"] == pytest.approx(20 * np.log10(5) - 10 * np.log10(share))


def test_the_context_counts_in_box_and_image_alone() -> None:
    elsewhere = noisy(30)
    elsewhere[~MASK] = 0
    one, other = measured(noisy(30)), measured(elsewhere)
    for metric in ("hole_psnr", "hole_l1", "detail"):
        assert one[metric] == other[metric]
    for metric in ("box_psnr", "image_psnr"):
        assert one[metric] > other[metric]


@pytest.mark.parametrize("sigma", [3, 40])
def test_hole_and_box_ssim_are_of_scikit_image_s_map(sigma: float) -> None:
    """It mirrors the image's border in another way, which the box here is too far from to see."""
    completed = noisy(sigma)
    mean, local = structural_similarity(
        completed,
        IMAGE,
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    found = measured(completed)
    assert found["hole_ssim"] == pytest.approx(local[MASK].mean(), abs=1e-9)
    assert found["box_ssim"] == pytest.approx(local[BOX.rows, BOX.columns].mean(), abs=1e-9)
    (ours,) = ssim_maps([completed], IMAGE)
    assert ours[5:-5, 5:-5].mean() == pytest.approx(mean, abs=1e-9)


@pytest.mark.parametrize("sigma", [3, 40])
def test_what_torchmetrics_has_is_as_there(sigma: float) -> None:
    """At the image's border too."""
    noise = sigma * np.random.default_rng(2).normal(size=IMAGE.shape)
    completed = np.clip(IMAGE + noise, 0, 255).astype(np.uint8)
    pair = [
        torch.from_numpy(np.array(each)).permute(2, 0, 1)[None].double().contiguous()
        for each in (completed, IMAGE)
    ]
    found = measured(completed)
    ssim = structural_similarity_index_measure(*pair, data_range=255.0)
    assert found["image_ssim"] == pytest.approx(float(ssim), abs=1e-6)
    psnr = peak_signal_noise_ratio(*pair, data_range=255.0)
    assert found["image_psnr"] == pytest.approx(float(psnr), abs=1e-4)
    l1 = mean_absolute_error(*pair) / 255
    assert found["image_l1"] == pytest.approx(float(l1), abs=1e-9)


def test_pictures_measured_together_are_as_if_alone() -> None:
    """Also where there are more than one call of the blur takes."""
    pictures = [noisy(5, seed) for seed in range(60)]
    together = ssim_maps(pictures, IMAGE)
    assert len(together) == 60
    for number in (0, 30, 59):
        assert np.array_equal(together[number], ssim_maps([pictures[number]], IMAGE)[0])


def test_ssim_falls_with_noise() -> None:
    scores = [measured(noisy(sigma))["hole_ssim"] for sigma in (0, 5, 20, 60)]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 0.5 < scores[1]


def test_a_seam_is_seen_and_a_constant_shift_inside_is_a_step_at_the_border() -> None:
    """A hole one grey step too bright: only the pairs across the border are wrong."""
    shifted = np.full_like(IMAGE, 100)
    original = shifted.copy()
    shifted[MASK] += 51
    across = 2 * (22 + 23)
    # Pairs in the ring that have a completed pixel: across, and along the hole's own outline.
    inside = 2 * (22 + 23) - 4
    assert seam_error(shifted, original, MASK) == pytest.approx(0.2 * across / (across + inside))


def test_what_happens_deep_in_the_hole_is_no_seam() -> None:
    deep = IMAGE.copy()
    deep[25:37, 15:28] = 0
    assert seam_error(deep, IMAGE, MASK) == 0
    assert seam_error(with_hole(0), IMAGE, MASK) > 0


def test_the_picture_s_border_is_no_seam() -> None:
    mask = np.zeros((64, 64), dtype=bool)
    mask[:, 48:] = True
    changed = IMAGE.copy()
    changed[:, 50:] = 0
    assert seam_error(changed, IMAGE, mask) == 0
    assert np.isnan(seam_error(BLACK, IMAGE, np.ones_like(mask)))


def test_detail_of_smooth_sharp_and_noisy_fills() -> None:
    truth = detail(noisy(20), MASK)
    assert detail(with_hole(100), MASK) == 0
    ratios = [detail(noisy(sigma, seed=1), MASK) / truth for sigma in (10, 20, 40)]
    assert ratios == sorted(ratios)
    assert ratios[1] == pytest.approx(1, abs=0.1)


def test_detail_by_hand() -> None:
    """One pixel of 10 in the middle: its Laplacian is 40, its four neighbours' are 10."""
    dotted = BLACK.copy()
    dotted[30, 20] = 10
    assert detail(dotted, MASK) == 3 * (40**2 + 4 * 10**2)
    assert detail(dotted, np.roll(MASK, 32, axis=0)) == 0, "it lies outside of the hole"


def test_context_of_the_raw_output() -> None:
    raw = np.where(MASK[..., None], IMAGE, 51).astype(np.uint8)
    assert context_psnr(with_hole(7), IMAGE, MASK) == PSNR_CAP
    assert context_psnr(raw, BLACK, MASK) == pytest.approx(20 * np.log10(5))
    assert np.isnan(context_psnr(raw, BLACK, np.ones_like(MASK)))
