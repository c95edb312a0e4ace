"""Result files of the rating page, read back."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.report.rating_page import rating_page
from pipeline.report.ratings import Rated, image_name, published, read_ratings
from support.report_data import GENERATOR, METHODS, SHOWN, TEST, write_data

PICTURES = [(key, method) for key in SHOWN for method in ("model", "telea", "original")]
FORMER = "12" * 32


def result(
    scores: dict[tuple[str, str], tuple[int, int]], generator: str = GENERATOR, **changes: Any
) -> dict[str, Any]:
    """A file's content: (key, method) -> local and global score."""
    ratings = [
        {"picture": image_name(TEST, generator, *each), "local": local, "global": whole}
        for each, (local, whole) in scores.items()
    ]
    found = {"format": "scenefill-rating-1", "rater": "", "test_sha256": TEST}
    found |= {"generator_sha256": generator, "num_pictures": 12, "ratings": ratings}
    return found | changes


def read(folder: Path, *contents: Any) -> list[Rated]:
    for number, content in enumerate(contents):
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / f"rating-{number}.json").write_text(text)
    return read_ratings(folder, PICTURES, TEST, GENERATOR)


ONE = {(SHOWN[0], "model"): (4, 6)}


def test_means_counts_and_order(tmp_path: Path) -> None:
    first = {(SHOWN[0], "model"): (4, 6), (SHOWN[1], "model"): (5, 7), (SHOWN[0], "telea"): (1, 2)}
    second = {(SHOWN[0], "model"): (6, 8), (SHOWN[0], "original"): (10, 9)}
    original, model, telea = read(tmp_path, result(first), result(second))
    assert [each.title for each in (original, model, telea)] == [
        "the original",
        "the model",
        "Telea",
    ]
    assert (model.local.mean, model.whole.mean) == ("5.00", "7.00")
    assert (model.num_raters, model.num_photos, model.num_ratings) == (2, 2, 3)
    assert (telea.num_ratings, telea.local.span) == (1, "")
    assert read_ratings(tmp_path, PICTURES, TEST, GENERATOR) == [original, model, telea]


def test_six_ratings_have_an_interval_and_fewer_none(tmp_path: Path) -> None:
    files = [
        result({(SHOWN[0], "model"): (4 + number, 6), (SHOWN[1], "model"): (4 + number, 6)})
        for number in range(3)
    ]
    (few,) = read(tmp_path, *files[:2])
    assert (few.num_ratings, few.local.span, few.whole.span) == (4, "", "")
    (enough,) = read(tmp_path, *files)
    low, high = map(float, enough.local.span.split(" to "))
    assert 4 <= low < 5 < high <= 6
    assert (enough.num_ratings, enough.whole.span) == (6, "6.00 to 6.00")


def test_no_file_no_ratings(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("not a result")
    assert read(tmp_path) == []


def test_ratings_of_a_former_generator_stay_and_are_called_so(tmp_path: Path) -> None:
    scores = {(SHOWN[0], "model"): (2, 3), (SHOWN[0], "telea"): (5, 5)}
    now, former = result({**ONE, (SHOWN[1], "telea"): (5, 5)}), result(scores, FORMER)
    found = {each.title: each for each in read(tmp_path, now, former)}
    assert set(found) == {"the model", f"the model (former generator {FORMER[:8]})", "Telea"}
    assert found["Telea"].num_raters == 2, "fills do not depend on the generator"
    assert found["the model"].whole.mean == "6.00"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "rating-0.json is no JSON"),
        ("[" * 100_000, "rating-0.json is no JSON"),
        ("[]", "rating-0.json: "),
        (result(ONE, test_sha256="00" * 32), "test_sha256 is 000000000000"),
        (result(ONE, generator=FORMER, generator_sha256=GENERATOR), "ratings.0.picture is '"),
        (result({(SHOWN[0], "model"): (11, 6)}), r"ratings.0.local: .*10.*\(it is '11'\)"),
        (result({(SHOWN[0], "model"): (4, 0)}), r"ratings.0.global: .*\(it is '0'\)"),
        (result(ONE, format="other"), "format: "),
        (result(ONE, ratings=[]), "ratings: "),
        (result(ONE, surplus=1), "surplus: "),
        (result(ONE, ratings=result(ONE)["ratings"] * 2), "has an image twice"),
    ],
)
def test_a_bad_file_is_named_with_its_field(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        read(tmp_path, content)
    assert "rating-0.json" in str(error.value)


def test_a_file_does_not_count_twice(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"rating-1.json is the same as .*rating-0.json"):
        read(tmp_path, result(ONE), result(ONE))


def test_the_page_mixes_methods_and_says_nothing_of_them(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    pages = [rating_page(data, TEST, GENERATOR, seed=seed, num_photos=2) for seed in (0, 0, 1)]
    first, again, other = pages
    assert first == again and [p.name for p in first.images] != [p.name for p in other.images]
    assert len(first.images) == len({shown.name for shown in first.images}) == 2 * 7
    assert len(first.holes) == 2
    names = {
        image_name(TEST, GENERATOR, key, method): method
        for key in SHOWN[:2]
        for method in [*METHODS, "original"]
    }
    shown = [names[shown.name] for shown in first.images]
    assert sorted(shown) == sorted([*METHODS, "original"] * 2)
    assert shown != sorted(shown)
    assert not any(method in json.dumps(first.data) for method in ("telea", "biharmonic", "plain"))


def test_published_scores_are_those_of_the_table() -> None:
    assert [(each.local, each.whole) for each in published()] == [
        ("3.67", "5.33"),
        ("4.67", "6.33"),
    ]
