"""What figures are called, which way they count, and plurals."""

import pytest

from pipeline.metrics.image_metrics import METRICS
from pipeline.report.grounds import _kind
from pipeline.report.titles import counted, history_title, metric
from pipeline.training.completion_validation import CompletionValidation
from pipeline.training.sampling_validation import SamplingValidation


def test_the_report_and_the_evaluation_agree_on_what_is_better() -> None:
    assert {name: metric(name).better for name in METRICS} == METRICS


@pytest.mark.parametrize("validation", [CompletionValidation, SamplingValidation])
def test_every_figure_of_a_validation_has_a_direction(
    validation: type[CompletionValidation | SamplingValidation],
) -> None:
    for name in validation.FIGURES:
        assert history_title(f"val/{name}").endswith(" is better)")
    assert history_title("val/hole_psnr") == "val/hole_psnr, dB (higher is better)"
    assert history_title("val/seam_ratio") == "val/seam_ratio (nearer to 1 is better)"


def test_a_metric_that_nobody_knows_has_no_direction_by_default() -> None:
    with pytest.raises(ValueError, match="'hole_beauty' ends in none of psnr, .* is better"):
        metric("hole_beauty")


def test_a_ratio_s_difference_is_of_distances() -> None:
    found = metric("detail_ratio").of_difference
    assert (found.title, found.better) == ("distance of the detail ratio from 1", "lower")
    assert metric("hole_psnr").of_difference == metric("hole_psnr")


@pytest.mark.parametrize(
    ("value", "text", "signed"),
    [
        (12.346, "12.35", "+12.35"),
        (0.004, "0.004", "+0.004"),
        (-0.0049, "−0.005", "−0.005"),
        (0.000012, "0.00001", "+0.00001"),
        (0.006, "0.01", "+0.01"),
        (0.0, "0.00", "0.00"),
        (-0.0, "0.00", "0.00"),
        (-1e-9, "0.00", "0.00"),
    ],
)
def test_what_is_there_does_not_read_as_nothing(value: float, text: str, signed: str) -> None:
    psnr = metric("hole_psnr")
    assert (psnr.text(value), psnr.signed(value)) == (text, signed)


@pytest.mark.parametrize(
    ("num", "noun", "plural", "text"),
    [
        (0, "photo", "", "0 photos"),
        (1, "photo", "", "1 photo"),
        (1234, "photo", "", "1,234 photos"),
        (1, "box", "boxes", "1 box"),
        (2, "box", "boxes", "2 boxes"),
    ],
)
def test_plurals(num: int, noun: str, plural: str, text: str) -> None:
    assert counted(num, noun, plural) == text


@pytest.mark.parametrize(
    ("kind", "options", "text"),
    [
        ("box", {"side_min": 5, "side_max": 9, "num_holes": 2}, "2 rectangles, which may overlap"),
        ("center", {"height": 8, "width": 10}, "8 px high and 10 px wide, in the middle."),
        (
            "strip",
            {"sides": ["left", "top"], "cut": "one", "share_min": 0.1, "share_max": 0.25},
            "one of the left and top sides, drawn for each photo, as wide as 10 to 25 %",
        ),
        (
            "strip",
            {"sides": ["right"], "cut": "one", "share_min": 0.25, "share_max": 0.25},
            "a strip along the right side, as wide as 25 % of the 64 px there",
        ),
        ("random_pixels", {"share_min": 0.1, "share_max": 0.9}, "px: 10 to 90 % of them"),
        (
            "free_form",
            {"strokes_min": 1, "strokes_max": 4, "width_min": 0.05, "width_max": 0.1}
            | {"share_max": 0.3},
            "1 to 4 strokes of a round brush that is 5 to 10 % of the photo's 64 px wide",
        ),
    ],
)
def test_every_kind_of_holes_has_a_sentence(
    kind: str, options: dict[str, object], text: str
) -> None:
    found = _kind(kind, options, 64)
    assert text in found and found.startswith("The hole") and found.endswith(".")
