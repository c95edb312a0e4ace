"""What completes windows, whichever library runs it."""

from typing import Protocol

import numpy as np

# Of a window's side: the holes that generators are trained on (20 to 25 px of 64), the longest.
HOLE_SHARE = 25 / 64


class Network(Protocol):
    """A trained generator. Its output is raw: known pixels are put back by whoever calls it."""

    @property
    def image_size(self) -> int:
        """The side S of its windows, px."""

    @property
    def recipe(self) -> str:
        """What it was trained as: a name of models/registry.py."""

    def __call__(self, windows: np.ndarray, masks: np.ndarray, seed: int) -> np.ndarray:
        """windows (N, S, S, 3) uint8 RGB, masks (N, S, S) bool, True = complete -> like windows.

        No masked pixel of `windows` has an influence. The same `seed` gives the same images.
        """


def check_outputs(are_finite: bool, recipe: str) -> None:
    """ValueError where a network gave numbers that are none: they would show as a dark hole."""
    if not are_finite:
        raise ValueError(
            f"the generator ({recipe}) gives numbers that are not finite, and no image: its "
            "weights are damaged or were made up; copy it again, or name another with --model"
        )


def hole_side(network: Network) -> int:
    """px of the longest hole that is completed in one window."""
    return max(1, round(HOLE_SHARE * network.image_size))
