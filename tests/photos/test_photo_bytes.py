from pathlib import Path

import pytest

from pipeline.photos.photo_bytes import read_at


def test_reading_past_the_end_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "photos.tar"
    path.write_bytes(b"abcdef")
    with path.open("rb") as file:
        assert read_at(file, 2, 3) == b"cde"
        with pytest.raises(ValueError, match="ends inside the photo at byte 4"):
            read_at(file, 4, 3)
