import numpy as np
import pytest

from pipeline.detection.views import MAX_SLICES, OVERLAP, View, views

SIZES = [(256, 1536), (1536, 256), (480, 640), (100, 201), (7, 3000), (3000, 1), (64, 787)]


def test_photos_up_to_the_ratio_are_seen_whole() -> None:
    for size in [(256, 256), (480, 640), (640, 480), (100, 200), (1, 1), (1, 2), (0, 5)]:
        assert views(size, 2.0) == [View(0, 0, *size)]


@pytest.mark.parametrize("size", SIZES)
def test_slices_cover_the_photo_and_show_its_neighbours_borders(size: tuple[int, int]) -> None:
    whole, *slices = views(size, 1.0)
    assert whole == View(0, 0, *size)
    short, long = sorted(size)
    if (slices[0].height, slices[0].width) != (short, short):
        slices.pop()  # the square in the middle
    is_wide = size[1] == long
    starts = [each.left if is_wide else each.top for each in slices]
    ends = [
        start + (each.width if is_wide else each.height)
        for start, each in zip(starts, slices, strict=True)
    ]
    assert all((each.height if is_wide else each.width) == short for each in slices)
    assert starts[0] == 0 and ends[-1] == long
    length = ends[0]
    for end, start in zip(ends, starts[1:], strict=False):
        assert end - start >= OVERLAP * length - 1
    assert len(slices) % 2 == 1 and 3 <= len(slices) <= MAX_SLICES
    assert (length == short) == (long <= short * (1 + (MAX_SLICES - 1) * (1 - OVERLAP)))


LONG = [(100, 1220), (100, 1221), (100, 5000), (5001, 100), (1, 3000)]


@pytest.mark.parametrize("size", [(256, 1536), (1536, 256), (481, 640), (100, 201), *LONG])
def test_one_of_the_views_is_what_downscale_keeps(size: tuple[int, int]) -> None:
    slices = views(size, 1.0)[1:]
    middle = slices[-1] if len(slices) > MAX_SLICES else slices[len(slices) // 2]
    kept = min(size)
    assert (middle.height, middle.width) == (kept, kept)
    assert middle.top == pytest.approx((size[0] - kept) / 2, abs=0.5)
    assert middle.left == pytest.approx((size[1] - kept) / 2, abs=0.5)


def test_a_view_shows_its_part() -> None:
    image = np.arange(4 * 10 * 3).reshape(4, 10, 3)
    assert np.array_equal(View(1, 2, 3, 4).of(image), image[1:4, 2:6])
