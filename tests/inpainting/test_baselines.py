"""Fills of a hole without learning."""

from typing import get_args

import numpy as np
import pytest
from skimage.restoration import inpaint_biharmonic

from pipeline.inpainting import baselines
from pipeline.inpainting.patch_copy import patch_copy
from pipeline.metrics.psnr import psnr
from pipeline.params.evaluate import Baseline, EvaluateParams
from support.cutters import KINDS, cutter
from support.pictures import picture

IMAGE = np.asarray(picture(0, (64, 64)))
OTHER = np.asarray(picture(1, (64, 64)))
MASK = np.zeros((64, 64), dtype=bool)
MASK[20:42, 10:33] = True
NAMES: tuple[Baseline, ...] = get_args(Baseline)


def holes() -> list[np.ndarray]:
    """In the middle, at one border, in a corner, two of them, ragged."""
    masks = [MASK.copy() for _ in range(5)]
    masks[1][:, :12] = True
    masks[2][50:, 45:] = True
    masks[3][2:9, 50:60] = True
    masks[4] ^= np.random.default_rng(0).random((64, 64)) < 0.2
    return masks


def error(filled: np.ndarray, image: np.ndarray, mask: np.ndarray) -> float:
    return float(np.mean((filled[mask].astype(float) - image[mask]) ** 2))


@pytest.mark.parametrize("name", NAMES)
def test_a_fill_keeps_the_context_and_never_sees_the_hole(name: Baseline) -> None:
    changed = IMAGE.copy()
    changed[MASK] = 200
    filled = baselines.complete(name, IMAGE, MASK, OTHER)
    assert filled.dtype == np.uint8
    assert np.array_equal(filled[~MASK], IMAGE[~MASK])
    assert np.array_equal(filled, baselines.complete(name, changed, MASK, OTHER))
    assert not np.array_equal(filled[MASK], IMAGE[MASK])


def test_every_baseline_of_the_params_exists() -> None:
    schema = EvaluateParams.model_json_schema()
    enum = set(schema["properties"]["baselines"]["items"]["enum"])
    assert enum == set(baselines.FILLS) | {"other_photo"} == set(NAMES)


def ramp(height: int = 64, width: int = 64) -> np.ndarray:
    """Whole grey levels that rise evenly down and to the right."""
    rows, columns = np.mgrid[:height, :width]
    channels = [rows + 2 * columns, 2 * rows, 255 - rows - columns]
    return np.stack(channels, axis=2).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["harmonic", "biharmonic"])
def test_a_linear_ramp_is_its_own_smooth_fill(name: Baseline) -> None:
    """Inside the image; at its border a slope's end is unknown."""
    image = ramp()
    for mask in (MASK, holes()[4] & (np.pad(np.ones((58, 58)), 3) > 0)):
        assert np.array_equal(baselines.complete(name, image, mask), image)


def test_a_parabola_is_biharmonic_and_not_harmonic() -> None:
    rows = np.arange(64.0)[:, None, None]
    image = np.tile(np.rint(rows**2 / 16), (1, 64, 3)).astype(np.uint8)
    errors = {
        name: error(baselines.complete(name, image, MASK), image, MASK)
        for name in ("harmonic", "biharmonic")
    }
    assert errors["biharmonic"] <= 1 < errors["harmonic"]


@pytest.mark.parametrize("number", range(5))
def test_biharmonic_is_that_of_scikit_image(number: int) -> None:
    mask = holes()[number]
    blanked = np.where(mask[..., None], np.uint8(0), IMAGE)
    theirs = np.clip(inpaint_biharmonic(blanked, mask, channel_axis=2), 0, 1) * 255
    ours = baselines.complete("biharmonic", IMAGE, mask)
    assert np.abs(ours.astype(float) - theirs)[mask].max() <= 1


@pytest.mark.parametrize("name", ["harmonic", "biharmonic"])
def test_a_hole_is_filled_alike_wherever_it_is(name: Baseline) -> None:
    """What is remembered of one hole must fit the next of its size, and at the border does not."""
    moved = np.roll(IMAGE, (3, 5), axis=(0, 1))
    moved_mask = np.roll(MASK, (3, 5), axis=(0, 1))
    first = baselines.complete(name, IMAGE, MASK)
    assert np.array_equal(baselines.complete(name, moved, moved_mask)[moved_mask], first[MASK])
    corner = np.zeros_like(MASK)
    corner[:22, :23] = True
    rolled = np.roll(IMAGE, (-20, -10), axis=(0, 1))
    assert not np.array_equal(baselines.complete(name, rolled, corner)[corner], first[MASK])


def test_harmonic_stays_within_what_surrounds_it() -> None:
    """The maximum principle: no colour beyond those at the hole's border."""
    filled = baselines.complete("harmonic", IMAGE, MASK)[MASK]
    ring = np.zeros_like(MASK)
    ring[19:43, 9:34] = True
    around = IMAGE[ring & ~MASK]
    assert (filled >= around.min(axis=0)).all() and (filled <= around.max(axis=0)).all()


def test_nearest_takes_the_nearest_colour() -> None:
    image = np.zeros((9, 9, 3), np.uint8)
    image[:, :4], image[:, 5:] = 10, 200
    mask = np.zeros((9, 9), bool)
    mask[:, 2:8] = True
    filled = baselines.complete("nearest", image, mask)[..., 0]
    assert filled[4].tolist() == [10, 10, 10, 10, 10, 200, 200, 200, 200]


def test_patch_copy_continues_a_pattern() -> None:
    """Stripes and a checkerboard with a period that a patch can see are restored exactly."""
    rows, columns = np.mgrid[:64, :64]
    for pattern in (rows % 4 < 2, (rows % 6 < 3) ^ (columns % 6 < 3)):
        image = np.repeat((pattern * 150 + 40).astype(np.uint8)[..., None], 3, axis=2)
        assert np.array_equal(patch_copy(np.where(MASK[..., None], 0, image), MASK), image)


def test_patch_copy_copies_colours_of_the_context_alone() -> None:
    filled = patch_copy(np.where(MASK[..., None], 0, IMAGE), MASK)
    known = {tuple(color) for color in IMAGE[~MASK]}
    assert {tuple(color) for color in filled[MASK]} <= known


def test_patch_copy_where_no_patch_is_whole_is_nearest() -> None:
    mask = np.ones((64, 64), bool)
    mask[::2, ::2] = False
    one, other = (baselines.complete(name, IMAGE, mask) for name in ("patch_copy", "nearest"))
    assert np.array_equal(one, other)


def test_other_photo_is_the_other_photo_s_hole() -> None:
    filled = baselines.complete("other_photo", IMAGE, MASK, OTHER)
    assert np.array_equal(filled[MASK], OTHER[MASK])


def test_a_blended_flat_colour_is_nearly_harmonic() -> None:
    """Whoever blends is to know: the border's colours run in, whatever was painted there."""
    blended, harmonic, flat = (
        baselines.complete(name, IMAGE, MASK)
        for name in ("mean_color_blended", "harmonic", "mean_color")
    )
    assert psnr(error(blended, harmonic, MASK)) > 30 > psnr(error(flat, harmonic, MASK))


def test_smooth_fills_beat_mean_colour_on_a_gradient() -> None:
    gradient = np.tile(np.arange(64, dtype=np.uint8)[:, None, None] * 3, (1, 64, 3))
    errors = {
        name: error(baselines.complete(name, gradient, MASK), gradient, MASK)
        for name in baselines.FILLS
    }
    assert max(errors, key=lambda name: errors[name]) == "mean_color"


@pytest.mark.parametrize("name", NAMES)
def test_no_context_is_no_crash(name: Baseline) -> None:
    filled = baselines.complete(name, IMAGE, np.ones_like(MASK), OTHER)
    assert filled.shape == IMAGE.shape and filled.dtype == np.uint8
    assert np.array_equal(filled, OTHER) if name == "other_photo" else (filled == 128).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [32, 64])
def test_every_kind_and_size_of_hole_is_filled(kind: str, size: int) -> None:
    changes: dict[str, object] = {}
    if kind in ("box", "center"):
        sides = {"box": ("side_min", "side_max"), "center": ("height", "width")}[kind]
        changes = dict.fromkeys(sides, size // 3)
    masks, _, _ = cutter(kind, size, size // 2, **changes).cut("key", 1)
    mask = np.asarray(masks[0]) > 0
    image = np.asarray(picture(3, (size, size)))
    for name in NAMES:
        filled = baselines.complete(name, image, mask, image[::-1])
        assert np.array_equal(filled[~mask], image[~mask])
