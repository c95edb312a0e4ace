from pathlib import Path

import pytest

from pipeline.runtime.listing import listed


@pytest.mark.parametrize(
    ("num", "text"),
    [(0, ""), (2, "0, 1"), (5, "0, 1, 2, 3, 4"), (1006, "0, 1, 2, 3, 4 and 1,001 more")],
)
def test_five_are_named_and_the_others_counted(num: int, text: str) -> None:
    assert listed(Path(str(number)) for number in range(num)) == text
