"""Which weights are kept, and how long better ones are waited for."""

import torch
from torch import Tensor

from pipeline.training.selection import Selection


def weights(value: float) -> dict[str, Tensor]:
    return {"weight": torch.tensor(value)}


def test_the_best_is_kept_and_copied() -> None:
    selection = Selection("hole_psnr", patience=0)
    live = weights(1.0)
    selection.offer({"hole_psnr": 20.0}, live, 100)
    live["weight"].fill_(2.0)
    selection.offer({"hole_psnr": 19.0}, live, 200)
    assert selection.weights["weight"] == 1 and selection.images == 100
    selection.offer({"hole_psnr": 21.0}, live, 300)
    assert selection.weights["weight"] == 2 and selection.images == 300


def test_lower_is_better_for_errors() -> None:
    selection = Selection("hole_l1", patience=0)
    for images, value in ((1, 0.2), (2, 0.1), (3, 0.3)):
        selection.offer({"hole_l1": value}, weights(images), images)
    assert selection.images == 2 and selection.best == 0.1


def test_lower_is_better_for_distances() -> None:
    selection = Selection("sliced_wasserstein", patience=50)
    for images, value in ((1, 0.2), (2, 0.1), (3, 0.3)):
        selection.offer({"sliced_wasserstein": value}, weights(images), images)
    assert selection.images == 2 and selection.is_over(52) and not selection.is_over(51)


def test_last_keeps_nothing() -> None:
    selection = Selection("last", patience=0)
    selection.offer({"hole_l1": 0.1}, weights(1.0), 1)
    assert selection.weights == {} and not selection.is_over(10**9)


def test_patience_counts_from_the_best() -> None:
    selection = Selection("hole_l1", patience=50)
    assert not selection.is_over(1000)  # nothing was offered yet
    selection.offer({"hole_l1": 0.2}, weights(1.0), 100)
    assert not selection.is_over(149) and selection.is_over(150)
    selection.offer({"hole_l1": 0.1}, weights(1.0), 150)
    assert not selection.is_over(199)


def test_state_goes_on_where_it_was() -> None:
    selection, resumed = Selection("hole_l1", 50), Selection("hole_l1", 50)
    selection.offer({"hole_l1": 0.2}, weights(3.0), 100)
    resumed.load_state_dict(selection.state_dict())
    assert vars(resumed) == vars(selection)
