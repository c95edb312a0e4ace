"""What the rating page shows: images without names, in an order that says nothing."""

import random
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.report.gallery import methods_of
from pipeline.report.ratings import image_name
from pipeline.report.tables import data_uri
from pipeline.report.titles import MASKED


class Shown(NamedTuple):
    """An image to rate; `hole` is the place in `RatingPage.holes` of the photo with its hole."""

    name: str
    hole: int
    uri: str


class RatingPage(NamedTuple):
    test_sha256: str
    generator_sha256: str
    holes: list[str]  # data URIs
    images: list[Shown]

    @property
    def data(self) -> dict[str, Any]:
        """What the page's script reads."""
        return self._asdict() | {"images": [shown._asdict() for shown in self.images]}


def rating_page(
    data: Path, test_sha256: str, generator_sha256: str, *, seed: int, num_photos: int
) -> RatingPage:
    """The first photos of the grid as every method completed them, and as they were."""
    folder = data / "evaluate" / "pictures"
    photos = sorted(path for path in folder.glob("*") if path.is_dir())[:num_photos]
    images = [
        Shown(
            image_name(test_sha256, generator_sha256, photo.name, method),
            place,
            data_uri(photo / f"{method}.png"),
        )
        for place, photo in enumerate(photos)
        for method in methods_of(photo, [])
        if method != MASKED
    ]
    random.Random(seed).shuffle(images)
    holes = [data_uri(photo / f"{MASKED}.png") for photo in photos]
    return RatingPage(test_sha256, generator_sha256, holes, images)
