"""Masks are read by one rule, and what is ambiguous is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.image_files.masks import MaskRule, described, grown, read_mask

PLAIN = MaskRule()
HOLE = [[False, False, True, True]]


def saved(image: Image.Image, folder: Path) -> Path:
    path = folder / "mask.png"
    image.save(path)
    return path


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "P"])
@pytest.mark.parametrize("low, high", [(0, 255), (0, 1), (100, 128)])
def test_of_two_values_the_brighter_one_is_the_hole(
    mode: str, low: int, high: int, tmp_path: Path
) -> None:
    levels = np.array([[low, low, high, high]], np.uint8)
    image = Image.fromarray(levels).convert("RGB" if mode in ("RGBA", "P") else "L")
    if mode == "1":
        image = Image.fromarray(levels == high)
    if mode == "P":
        image = image.quantize(2)
    path = saved(image.convert(mode, dither=Image.Dither.NONE), tmp_path)
    assert read_mask(path, PLAIN).tolist() == HOLE
    assert read_mask(path, MaskRule(black=True)).tolist() == [[True, True, False, False]]


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_what_is_erased_is_the_hole_whatever_its_colour(mode: str, tmp_path: Path) -> None:
    """A photo with a hole erased to transparency: bright pixels elsewhere are none of it."""
    rgba = np.full((1, 4, 4), 250, np.uint8)
    rgba[0, :, :3] += np.arange(4, dtype=np.uint8)[:, None]
    rgba[0, 2:, 3] = 0
    rgba[0, :2, 3] = 255
    image = Image.fromarray(rgba)
    if mode == "P":
        image = image.convert("RGB").quantize(4)
        image.info["transparency"] = bytes(
            0 if k in set(np.array(image)[0, 2:]) else 255 for k in range(4)
        )
    else:
        image = image.convert(mode)
    path = saved(image, tmp_path)
    assert read_mask(path, PLAIN).tolist() == HOLE
    painted = read_mask(path, MaskRule(black=True))
    assert painted.tolist() == [[True, True, False, False]], "as painted on a transparent layer"


def test_a_soft_mask_needs_a_threshold(tmp_path: Path) -> None:
    path = saved(Image.fromarray(np.array([[0, 127, 128, 255]], np.uint8)), tmp_path)
    with pytest.raises(ValueError, match="has 4 colours, but must have two: .*--mask-threshold"):
        read_mask(path, PLAIN)
    assert read_mask(path, MaskRule(threshold=127)).tolist() == HOLE
    assert read_mask(path, MaskRule(threshold=0)).tolist() == [[False, True, True, True]]
    with pytest.raises(ValueError, match="--mask-threshold 254: its values are 0 to 128"):
        read_mask(
            saved(Image.fromarray(np.array([[0, 128]], np.uint8)), tmp_path),
            MaskRule(threshold=254),
        )


def test_half_transparent_pixels_need_a_threshold(tmp_path: Path) -> None:
    rgba = np.zeros((1, 4, 4), np.uint8)
    rgba[0, :, 3] = 255, 200, 100, 0
    path = saved(Image.fromarray(rgba), tmp_path)
    with pytest.raises(ValueError, match="has 4 degrees of transparency, but must have two"):
        read_mask(path, PLAIN)
    assert read_mask(path, MaskRule(threshold=127)).tolist() == HOLE


def test_a_map_of_labels_is_refused_also_where_they_are_equally_bright(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8))
    image.putpalette([0, 0, 0, 200, 0, 0, 0, 102, 0])
    grey = np.array(image.convert("RGB").convert("L"))
    assert len(np.unique(grey)) == 2
    with pytest.raises(ValueError, match="has 3 colours, but must have two"):
        read_mask(saved(image, tmp_path), PLAIN)


def test_masks_of_one_value_and_broken_ones_are_errors(tmp_path: Path) -> None:
    for level in (0, 127, 255):
        with pytest.raises(ValueError, match="mask.png has one value all over"):
            read_mask(saved(Image.new("L", (4, 4), level), tmp_path), PLAIN)
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match="broken.png cannot be read"):
        read_mask(tmp_path / "broken.png", PLAIN)


def test_holes_grow_by_so_many_px_and_no_more() -> None:
    hole = np.zeros((21, 21), bool)
    hole[10, 10] = True
    distance = np.hypot(*(np.indices(hole.shape) - 10))
    for px in (1, 2, 3, 4, 5, 7, 10, 30):
        assert np.array_equal(grown(hole, px), distance <= px)
    assert np.array_equal(grown(hole, 0), hole)


def test_what_a_hole_takes_is_said() -> None:
    hole = np.zeros((10, 100), bool)
    hole[0, :4] = hole[5, 7] = True
    assert described(hole) == "5 px in 2 holes, 0.5% of the photo"
    hole[:] = True
    hole[0, 0] = False
    said = "999 px in 1 hole, 99.9% of the photo; WARNING: more than half is completed"
    assert described(hole) == said
    assert described(hole, PLAIN).endswith("the other way round, add --mask-black")
    assert described(hole, MaskRule(black=True)).endswith("round, leave out --mask-black")


def test_a_pixel_is_not_nothing_and_all_but_one_not_all() -> None:
    hole = np.zeros((100, 100), bool)
    hole[3, 4] = True
    assert described(hole) == "1 px in 1 hole, less than 0.1% of the photo"
    assert described(~hole).startswith("9,999 px in 1 hole, more than 99.9% of the photo")
    assert described(hole | True).startswith("10,000 px in 1 hole, 100.0% of the photo")


def test_labels_of_16_bits_are_told_apart_also_where_8_bits_are_one(tmp_path: Path) -> None:
    labels = np.zeros((4, 4), np.uint16)
    labels[0], labels[1] = 30_000, 30_001
    with pytest.raises(ValueError, match="has 3 values, but must have two"):
        read_mask(saved(Image.fromarray(labels), tmp_path), PLAIN)
    labels[1] = 0
    assert read_mask(saved(Image.fromarray(labels), tmp_path), PLAIN).sum() == 4
