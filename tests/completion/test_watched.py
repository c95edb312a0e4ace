"""Windows are counted as they are done, and what the listener raises ends the completion."""

import numpy as np
import pytest

from pipeline.api import Generator
from support.pictures import picture


class Grey:
    """A Network."""

    image_size, recipe = 16, "grey"

    def __call__(self, windows: np.ndarray, masks: np.ndarray, seed: int) -> np.ndarray:
        return np.full_like(windows, 128)


@pytest.mark.parametrize("side", [5, 60])
def test_the_count_ends_at_all_that_was_expected(side: int) -> None:
    image, mask = np.asarray(picture(0, (200, 150))), np.zeros((150, 200), bool)
    mask[20 : 20 + side, 30 : 30 + side] = True
    told: list[tuple[int, int]] = []
    model = Generator(Grey())
    made = model.watched(lambda done, total: told.append((done, total))).complete(image, mask)
    assert np.array_equal(made, model.complete(image, mask))
    assert told == sorted(told) and all(done <= total for done, total in told)
    assert told[0][0] == 0 and told[-1][0] == told[-1][1] > 0


def test_a_completion_is_ended() -> None:
    def stop(done: int, total: int) -> None:
        raise ValueError("enough")

    mask = np.zeros((150, 200), bool)
    mask[20:80, 30:90] = True
    with pytest.raises(ValueError, match="enough"):
        Generator(Grey()).watched(stop).complete(np.asarray(picture(0, (200, 150))), mask)
