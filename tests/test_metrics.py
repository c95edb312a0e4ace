import numpy as np
import pytest

from pictures import picture
from pipeline import baselines
from pipeline.metrics import PSNR_CAP, hole_l1, hole_metrics, hole_psnr, hole_ssim
from pipeline.params.evaluate import EvaluateParams

IMAGE = np.asarray(picture(0, (64, 64)))
MASK = np.zeros((64, 64), dtype=bool)
MASK[20:42, 10:33] = True


def with_hole(value: int) -> np.ndarray:
    changed = IMAGE.copy()
    changed[MASK] = value
    return changed


def test_a_perfect_fill() -> None:
    assert hole_metrics(IMAGE, IMAGE, MASK) == {
        "hole_psnr": PSNR_CAP,
        "hole_l1": 0.0,
        "hole_ssim": pytest.approx(1.0),
    }


def test_values_by_hand() -> None:
    black = np.zeros_like(IMAGE)
    off_by_51 = black.copy()
    off_by_51[MASK] = 51  # a fifth of 255
    assert hole_l1(off_by_51, black, MASK) == pytest.approx(0.2)
    assert hole_psnr(off_by_51, black, MASK) == pytest.approx(20 * np.log10(5))


def test_pixels_outside_the_hole_do_not_count_in_psnr_and_l1() -> None:
    completed = with_hole(100)
    elsewhere = completed.copy()
    elsewhere[~MASK] = 0
    for metric in (hole_psnr, hole_l1):
        assert metric(completed, IMAGE, MASK) == metric(elsewhere, IMAGE, MASK)


def test_ssim_falls_with_noise() -> None:
    noise = np.random.default_rng(0).normal(size=IMAGE.shape)
    scores = [
        hole_ssim(np.clip(IMAGE + sigma * noise, 0, 255).astype(np.uint8), IMAGE, MASK)
        for sigma in (0, 5, 20, 60)
    ]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 0.5 < scores[1]


@pytest.mark.parametrize("name", baselines.FILLS)
def test_a_fill_keeps_the_context_and_never_sees_the_hole(name: baselines.Baseline) -> None:
    filled = baselines.complete(name, IMAGE, MASK)
    assert filled.dtype == np.uint8
    assert np.array_equal(filled[~MASK], IMAGE[~MASK])
    assert np.array_equal(filled, baselines.complete(name, with_hole(200), MASK))
    assert not np.array_equal(filled[MASK], IMAGE[MASK])


def test_smooth_fills_beat_mean_colour_on_a_gradient() -> None:
    ramp = np.tile(np.arange(64, dtype=np.uint8)[:, None, None] * 3, (1, 64, 3))
    scores = {
        name: hole_psnr(baselines.complete(name, ramp, MASK), ramp, MASK)
        for name in baselines.FILLS
    }
    assert min(scores, key=lambda name: scores[name]) == "mean_color"
    assert scores["biharmonic"] > 40


def test_every_baseline_of_the_params_exists() -> None:
    schema = EvaluateParams.model_json_schema()
    assert set(schema["properties"]["baselines"]["items"]["enum"]) == set(baselines.FILLS)
