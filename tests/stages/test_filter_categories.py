import pytest

from pipeline.params.filter_categories import FilterCategoriesParams
from pipeline.stages.filter_categories import choose

CATEGORIES = ["f/field/wild", "m/mountain", "s/sky", "m/mountain"]


def selected(categories: list[str] | str) -> list[int]:
    """Numbers of the photos of the chosen categories."""
    params = FilterCategoriesParams.model_validate({"categories": categories})
    chosen = choose(set(CATEGORIES), params)
    return [number for number, name in enumerate(CATEGORIES) if name in chosen]


def test_chosen_categories_stay_in_order() -> None:
    assert selected(["/m/mountain", "f/field/wild"]) == [0, 1, 3]
    assert selected("all") == [0, 1, 2, 3]


def test_an_unknown_category_names_the_closest() -> None:
    with pytest.raises(ValueError, match="holds 'm/mountin'.*did you mean `m/mountain`"):
        selected(["m/mountin"])


def test_no_category_is_an_error() -> None:
    with pytest.raises(ValueError, match="is empty"):
        selected([])
