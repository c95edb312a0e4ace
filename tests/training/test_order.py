"""The order of the training photos."""

import numpy as np

from pipeline.training.order import Order

SIZES = (5, 5, 5, 5, 5, 5, 5, 3)


def test_every_pass_is_a_permutation_of_its_own() -> None:
    order = Order(0, SIZES, 12)
    passes = [order.photos(np.arange(38) + 38 * number).tolist() for number in range(4)]
    assert all(sorted(each) == list(range(38)) for each in passes)
    assert len({tuple(each) for each in passes}) == 4
    assert passes[0] != Order(1, SIZES, 12).photos(np.arange(38)).tolist()


def test_windows_hold_whole_shards_one_after_another() -> None:
    order = Order(0, SIZES, 12)
    windows = order.windows(0)
    assert sorted(shard for window in windows for shard in window.shards) == list(range(8))
    photos = order.photos(np.arange(38))
    for window in windows:
        size = sum(SIZES[shard] for shard in window.shards)
        assert sorted(window.rows) == list(range(size))
        inside = photos[window.start : window.start + size] // 5
        assert set(inside.tolist()) == set(window.shards)
    sizes = [len(window.rows) for window in windows]
    assert all(size >= 12 for size in sizes[:-1]) and sum(sizes) == 38


def test_places_and_photos_agree() -> None:
    order = Order(4, SIZES, 12)
    positions = np.arange(30, 90)  # over three passes
    starts = np.concatenate([[0], np.cumsum(SIZES)])
    for place, photo in zip(order.places(positions), order.photos(positions), strict=True):
        shards = order.windows(place.number)[place.window].shards
        rows = np.concatenate([np.arange(starts[shard], starts[shard + 1]) for shard in shards])
        assert rows[place.row] == photo


def test_a_small_split_is_one_window() -> None:
    (window,) = Order(0, SIZES).windows(0)
    assert sorted(window.shards) == list(range(8)) and len(window.rows) == 38


def test_a_window_is_shuffled_evenly() -> None:
    """Each photo comes early in the pass about as often as any other."""
    order = Order(0, (10, 10))
    first_half = np.concatenate([order.photos(np.arange(10) + 20 * n) for n in range(400)])
    counts = np.bincount(first_half, minlength=20)
    assert counts.min() > 140 and counts.max() < 260
