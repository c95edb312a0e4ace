"""What people said of the images: the rating page's result files, read back.

A file says nothing of methods: its images have names that only the report can tell apart.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy.stats import bootstrap

from pipeline.report.tables import read_table, records
from pipeline.report.titles import method_title
from pipeline.runtime.code_closure import ROOT

FORMAT = "scenefill-rating-1"
# GANscape's own table, by its authors, of 30 validation photos.
PUBLISHED = ROOT / "bench" / "table" / "published.csv"
PUBLISHED_TITLES = {
    "base": "GANscape, base, as published",
    "mse_10": "GANscape, best, as published",
}
RESAMPLES = 2000
# As of photos in pipeline/metrics/intervals.py: two equal ratings are no interval of width 0.
MIN_RATINGS = 6


class Rating(BaseModel):
    """One image: how well the hole is filled, how good the whole looks; 1 to 10, 10 is best."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    picture: str = Field(pattern="^[0-9a-f]{16}$")
    local: int = Field(ge=1, le=10)
    whole: int = Field(ge=1, le=10, alias="global")


class RatingFile(BaseModel):
    """What the rating page lets a rater download."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    format: Literal["scenefill-rating-1"]
    rater: str = Field(max_length=200)
    test_sha256: str
    generator_sha256: str
    num_pictures: int = Field(ge=1)
    ratings: list[Rating] = Field(min_length=1)


class Score(NamedTuple):
    mean: str
    span: str


class Rated(NamedTuple):
    """A method's ratings; of a former generator, its sum stands in the title."""

    title: str
    local: Score
    whole: Score
    num_raters: int
    num_photos: int
    num_ratings: int


class Published(NamedTuple):
    title: str
    local: str
    whole: str


class _Seen(NamedTuple):
    rater: str  # a file is a rater
    key: str
    local: int
    whole: int


def image_name(test_sha256: str, generator_sha256: str, key: str, method: str) -> str:
    """16 hex digits that tell a rater nothing; the same for the same image."""
    text = "\n".join([test_sha256, generator_sha256, key, method])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_ratings(
    folder: Path, images: Iterable[tuple[str, str]], test_sha256: str, generator_sha256: str
) -> list[Rated]:
    """Best method first; empty without a file. `images` are (key, method).

    Raises ValueError for a file that is damaged, of another test set or there twice.
    """
    seen: dict[tuple[str, str], list[_Seen]] = defaultdict(list)
    images = list(images)
    contents: dict[bytes, Path] = {}
    for path in sorted(folder.glob("*.json")):
        content = path.read_bytes()
        if content in contents:
            raise ValueError(f"{path} is the same as {contents[content]}: remove one of them")
        contents[content] = path
        found = _checked(path, content, test_sha256)
        names = {image_name(test_sha256, found.generator_sha256, *each): each for each in images}
        former = "" if found.generator_sha256 == generator_sha256 else found.generator_sha256
        for place, rating in enumerate(found.ratings):
            if rating.picture not in names:
                raise ValueError(
                    f"{path}: ratings.{place}.picture is {rating.picture!r}, which is no image "
                    "of this test set: is the file whole, and of this project?"
                )
            key, method = names[rating.picture]
            # Only the model's images differ from generator to generator.
            owner = (method, former if method == "model" else "")
            seen[owner].append(_Seen(path.name, key, rating.local, rating.whole))
    ranked = sorted(seen.items(), key=lambda item: -np.mean([each.whole for each in item[1]]))
    return [_rated(method, former, ratings) for (method, former), ratings in ranked]


def _checked(path: Path, content: bytes, test_sha256: str) -> RatingFile:
    try:
        found = RatingFile.model_validate(json.loads(content))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON ({error}): download it anew, or remove it") from error
    except ValidationError as error:
        faults = [
            f"{path}: {'.'.join(map(str, fault['loc']))}: {fault['msg']} "
            f"(it is {str(fault['input'])[:80]!r})"
            for fault in error.errors()
        ]
        raise ValueError("\n".join(faults)) from None
    if found.test_sha256 != test_sha256:
        raise ValueError(
            f"{path}: test_sha256 is {found.test_sha256[:12]}..., but this run's test set is "
            f"{test_sha256[:12]}...: the ratings are of other images, move the file elsewhere"
        )
    names = [rating.picture for rating in found.ratings]
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: ratings has an image twice: download the file anew")
    return found


def _rated(method: str, former: str, ratings: list[_Seen]) -> Rated:
    title = method_title(method) + (f" (former generator {former[:8]})" if former else "")
    return Rated(
        title,
        _score([each.local for each in ratings]),
        _score([each.whole for each in ratings]),
        len({each.rater for each in ratings}),
        len({each.key for each in ratings}),
        len(ratings),
    )


def _score(values: list[int]) -> Score:
    """The mean and the 95 % bootstrap interval over ratings; fewer than MIN_RATINGS have none."""
    mean = f"{np.mean(values):.2f}"
    if len(values) < MIN_RATINGS:
        return Score(mean, "")
    rng = np.random.default_rng(0)
    found = bootstrap(
        (np.array(values, float),), np.mean, n_resamples=RESAMPLES, method="percentile", rng=rng
    ).confidence_interval
    return Score(mean, f"{found.low:.2f} to {found.high:.2f}")


def published() -> list[Published]:
    """GANscape's own scores, which were given by another panel for other images."""
    rows = {row["system"]: row for row in records(read_table(PUBLISHED))}
    return [
        Published(title, *(f"{rows[name][score]:.2f}" for score in ("local_score", "global_score")))
        for name, title in PUBLISHED_TITLES.items()
    ]
