"""What is held decoded, and for how long."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.web import decoded_photos
from pipeline.web.decoded_photos import Decoded, DecodedPhotos
from pipeline.web.uploads import Limits


def test_the_photos_asked_for_last_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def decode(path: Path, limits: Limits) -> tuple[np.ndarray, np.ndarray]:
        read.append(path.name)
        return np.zeros((10, 10, 3), np.uint8), np.zeros((10, 10), bool)

    monkeypatch.setattr(decoded_photos, "read_upload", decode)
    photos = DecodedPhotos(Limits(), max_held=800)  # two of 400 bytes
    for name in "abacab":
        photos.get(Path(name))
    assert "".join(read) == "abcb"


def test_one_that_is_larger_than_all_may_be_is_held_alone() -> None:
    photos = DecodedPhotos(Limits(), max_held=1)
    image = np.zeros((10, 10, 3), np.uint8)
    for name in "ab":
        photos.put(Path(name), Decoded(image, np.zeros((10, 10), bool)))
    assert photos.get(Path("b")).image is image
    with pytest.raises(ValueError, match="no longer kept"):
        photos.get(Path("a"))
