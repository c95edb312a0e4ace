"""A network that tells how far it is, and that can be stopped between two batches of windows."""

from collections.abc import Callable

import numpy as np

from pipeline.completion.network import Network

# Windows done, and those known to be needed so far, 0 where that is not known: each scale and each
# hole adds its own. What it raises ends the completion.
Tell = Callable[[int, int], None]


class Watched:
    """A Network (pipeline/completion/network.py) that calls `tell` before and after each batch."""

    def __init__(self, network: Network, tell: Tell) -> None:
        self._network, self._tell = network, tell
        self.image_size, self.recipe = network.image_size, network.recipe
        self._num_done = self._num_expected = 0

    def expect(self, num: int) -> None:
        """So many windows more will be asked for."""
        self._num_expected += num

    def __call__(self, windows: np.ndarray, masks: np.ndarray, seed: int) -> np.ndarray:
        """See Network."""
        self._say()
        made = self._network(windows, masks, seed)
        self._num_done += len(windows)
        self._say()
        return made

    def _say(self) -> None:
        self._tell(self._num_done, self._num_expected)
