"""The report and the rating page in a real Chromium, opened from files."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline.stages import report
from support.accessibility import grave_faults
from support.chromium import quiet_page
from support.report_data import CATEGORIES, HOSTILE, METHODS, PSNR, SHOWN, STRATA, write_project

DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 800}}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with its report."""
    folder = tmp_path_factory.mktemp("project")
    write_project(folder)
    _build(folder)
    return folder


def _build(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        report.run()


@pytest.fixture
def page(browser: Browser, built: Path) -> Iterator[Page]:
    with quiet_page(browser, **DESKTOP) as page:
        page.goto((built / "data/report/index.html").as_uri())
        yield page


def test_the_headline_says_who_is_ahead(page: Page) -> None:
    expect(page.locator("#headline")).to_have_text(
        "Biharmonic, the best classical fill, is ahead of the model by 0.40 dB [0.10, 0.70] of "
        "hole PSNR."
    )


def test_the_table_has_the_figures_of_the_csv(page: Page, built: Path) -> None:
    scores = pd.read_csv(built / "data/evaluate/scores.csv").set_index(["method", "metric"])
    digits = {"hole_psnr": 2, "hole_ssim": 3, "detail_ratio": 2}
    rows = page.locator("#scores tbody tr")
    assert rows.count() == len(METHODS)
    for method in METHODS:
        row = page.locator(f"#scores tr[data-method={method}]")
        for name, places in digits.items():
            shown = row.locator(f"td[data-metric={name}] .mean").inner_text()
            assert shown == f"{scores.loc[(method, name), 'value']:.{places}f}"
    order = rows.evaluate_all("rows => rows.map((row) => row.dataset.method)")
    assert order == sorted(METHODS, key=lambda method: -PSNR[method][0])
    differences = page.locator("#differences tbody tr")
    assert differences.count() == len(METHODS) - 1
    bold = page.locator("#scores .best")
    assert bold.evaluate_all("cells => cells.map((cell) => cell.dataset.metric)") == ["hole_ssim"]
    weights = page.locator("#scores .mean, #scores tbody th").evaluate_all(
        "cells => cells.filter((cell) => getComputedStyle(cell).fontWeight > 500).length"
    )
    assert weights == 1, "nothing else is bold, the model's name neither"
    behind = page.locator("#differences tr[data-method=biharmonic] td[data-metric=hole_psnr]")
    assert behind.inner_text().split() == ["−0.40", "[−0.70,", "−0.10]"]
    assert "behind" in (behind.get_attribute("class") or "")
    ratio = page.locator("#differences tr[data-method=telea] td[data-metric=detail_ratio]")
    assert ratio.get_attribute("class") == "ahead", "nearer to 1, though more detail would be worse"


def test_every_chart_and_column_says_which_way_it_counts(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    titles = page.locator(".chart figcaption").all_inner_texts()
    known = r"(higher|lower|nearer to 1) is better|no direction|chance|its update lowers"
    assert len(titles) > 8
    assert [title for title in titles if not re.search(known, title)] == []
    for table in ("#scores", "#differences", "#distances"):
        heads = page.locator(f"{table} thead th:not(:first-child)").all_inner_texts()
        heads = [head for head in heads if head != "photos"]
        assert heads
        assert [head for head in heads if not re.search("higher|lower|nearer to 1", head)] == []


def test_distances_stand_by_method(page: Page) -> None:
    rows = page.locator("#distances tbody tr")
    assert rows.locator("th").all_inner_texts() == ["the model", "mean colour"]
    cells = rows.locator("td[data-measure=kid_scene] .mean").all_inner_texts()
    assert cells == ["0.1200", "0.5000"]


def test_the_funnel_adds_up(page: Page) -> None:
    rows = page.locator("#funnel li")
    left = [int(text) for text in rows.locator(".count").all_inner_texts()]
    lost = [int(text.replace("−", "-") or 0) for text in rows.locator(".lost").all_inner_texts()]
    assert left == [120, 112, 109, 99, 97, 96]
    assert [before + loss for before, loss in zip(left, lost[1:], strict=False)] == left[1:]


def test_the_people_filter_is_measured(page: Page) -> None:
    rows = [text.split("\t") for text in page.locator("#people-shares tbody tr").all_inner_texts()]
    assert [row[1:] for row in rows] == [
        ["75.0%", "46.8% to 91.1%", "12"],
        ["4.2%", "1.1% to 14.0%", "48"],
        ["62.5%", "30.6% to 86.3%", "8"],
        ["100.0%", "30.6% to 86.3%", "4"],
        ["", "", "0"],
    ]


def test_a_picture_is_looked_at_closely_by_mouse_and_keys(page: Page) -> None:
    assert page.locator("#gallery tbody tr").count() == len(SHOWN)
    dialog, title = page.locator("#zoom"), page.locator("#zoom-title")
    expect(dialog).not_to_be_visible()
    first = page.locator("#gallery tbody tr").first
    first.locator("button[data-method=model]").click()
    expect(dialog).to_be_visible()
    expect(title).to_have_text("the model")
    note = page.locator("#zoom-note")
    expect(note).to_contain_text(f"PSNR 20.50 dB, hole SSIM 0.626 · {CATEGORIES[0]}")
    shown = page.locator("#zoom-image")
    model = shown.get_attribute("src")
    assert shown.evaluate("each => getComputedStyle(each).imageRendering") == "pixelated"
    assert shown.bounding_box()["width"] >= 500  # type: ignore[index]
    page.keyboard.press("ArrowLeft")
    expect(title).to_have_text("the original")
    assert shown.get_attribute("src") != model
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
    expect(title).to_have_text("another photo pasted in")
    page.locator("#zoom-methods button", has_text="Telea").click()
    expect(title).to_have_text("Telea")
    telea = shown.get_attribute("src")
    page.keyboard.press("ArrowDown")
    expect(note).to_contain_text(SHOWN[1])
    assert shown.get_attribute("src") != telea
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    page.locator("[data-zoom]").first.click()
    expect(dialog).to_be_visible()
    page.locator("#zoom-close").click()
    expect(dialog).not_to_be_visible()


def test_colours_change_and_are_remembered(page: Page) -> None:
    def paper() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light, button = paper(), page.locator("#theme")
    page.emulate_media(color_scheme="dark")
    dark = paper()
    assert dark != light
    button.click()
    expect(button).to_have_text("light")
    assert paper() == light
    button.click()
    page.reload()
    expect(page.locator("#theme")).to_have_text("dark")
    page.emulate_media(color_scheme="light")
    assert paper() == dark


def test_sheets_are_as_large_as_they_are(page: Page) -> None:
    """Shrunk, their writing could not be read."""
    sizes = page.locator("details[open] .sheet img").evaluate_all(
        "images => images.map((each) => [each.width, each.naturalWidth])"
    )
    assert len(sizes) == 2 and all(shown == own > 0 for shown, own in sizes)
    assert page.evaluate("document.querySelector('main').clientWidth") >= 960


def test_strata_folds_and_thresholds(page: Page, built: Path) -> None:
    assert page.locator("[role=tab]").count() == len(STRATA)
    expect(page.locator("table[data-stratum=hole_size]")).to_be_visible()
    page.locator("[role=tab]", has_text="category").click()
    expect(page.locator("table[data-stratum=hole_size]")).not_to_be_visible()
    rows = page.locator("table[data-stratum=category] tbody tr")
    assert rows.locator("th").all_inner_texts() == CATEGORIES
    page.keyboard.press("ArrowRight")
    expect(page.locator("table[data-stratum=border]")).to_be_visible()
    params = page.locator("#params pre")
    expect(params).not_to_be_visible()
    page.locator("#params summary").click()
    expect(params).to_contain_text("recipe: scenefill")
    assert "runtime" not in params.inner_text()
    expect(page.locator("#kept-out")).to_have_text("96")
    page.locator("#score").fill("0")
    expect(page.locator("#kept-out")).to_have_text("80")
    expect(page.locator("#kept-difference")).to_have_text("16 fewer than in this run")
    page.locator("#area").select_option("0.01")
    expect(page.locator("#kept-out")).to_have_text("84")


def test_names_are_text_and_no_elements(page: Page, built: Path) -> None:
    """A category may be called anything; the console stays quiet (see quiet_page)."""
    assert page.locator("#losses li em", has_text=HOSTILE).count() == 1
    assert page.locator("script").count() == 2  # the what-if's data and the page's own
    source = (built / "data/report/index.html").read_text()
    assert "<script>alert" not in source


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index.html", "rating.html"])
def test_nothing_keeps_people_out(browser: Browser, built: Path, name: str, scheme: str) -> None:
    """Labels, contrast and whatever else axe-core finds."""
    with quiet_page(browser, **DESKTOP | {"color_scheme": scheme}) as page:
        page.goto((built / "data/report" / name).as_uri())
        assert grave_faults(page) == []
        if name == "rating.html":
            page.locator("#begin").click()
            assert grave_faults(page) == []


@pytest.mark.parametrize("name", ["index.html", "rating.html"])
def test_a_phone_shows_all_without_scrolling_sideways(
    browser: Browser, built: Path, name: str
) -> None:
    with quiet_page(browser, **PHONE) as page:
        page.goto((built / "data/report" / name).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_paper_shows_what_is_folded_away(page: Page) -> None:
    folded = page.locator("#params pre")
    expect(folded).not_to_be_visible()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(folded).to_be_visible()
    expect(page.locator("table[data-stratum=border]")).to_be_visible()
    expect(page.locator(".top")).not_to_be_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(folded).not_to_be_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_ratings_go_from_the_page_into_the_report(
    browser: Browser, built: Path, tmp_path: Path
) -> None:
    """Three images, two by keys and one by mouse, with a reload between."""
    folder = tmp_path / "project"
    shutil.copytree(built, folder)
    with quiet_page(browser, **DESKTOP) as page:
        address = (folder / "data/report/rating.html").as_uri()
        page.goto(address)
        for name in METHODS + ["telea", "Telea", "photo-0"]:
            assert not re.search(rf"\b{name}\b", page.content().split("rating-data")[1]), name
        page.locator("#begin").click()
        expect(page.locator("#place")).to_have_text(f"1 of {4 * 7}")
        expect(page.locator("#next")).to_be_disabled()
        smooth = "each => getComputedStyle(each).imageRendering"
        assert page.locator("#image").evaluate(smooth) == "auto", "who sees pixels rates pixels"
        for key in ("7", "0", "Enter"):
            page.keyboard.press(key)
        expect(page.locator("#place")).to_have_text(f"2 of {4 * 7}")
        page.locator("#local button", has_text="3").click()
        page.locator("#global button", has_text=re.compile("^1$")).click()
        page.locator("#next").click()
        page.reload()
        page.locator("#begin", has_text="Go on").click()
        expect(page.locator("#place")).to_have_text(f"3 of {4 * 7}")
        for key in ("5", "5", "Enter", "Backspace"):
            page.keyboard.press(key)
        expect(page.locator("#place")).to_have_text(f"3 of {4 * 7}")
        page.locator("#stop").click()
        expect(page.locator("#summary")).to_have_text(f"You have rated 3 of {4 * 7} images.")
        page.locator("#rater").fill("A. Rater")
        with page.expect_download() as waiting:
            page.locator("#download").click()
        target = folder / "data/ratings" / waiting.value.suggested_filename
        waiting.value.save_as(target)
    found = json.loads(target.read_text())
    scores = [(each["local"], each["global"]) for each in found["ratings"]]
    assert scores == [(7, 10), (3, 1), (5, 5)]
    assert (found["rater"], found["num_pictures"]) == ("A. Rater", 28)
    assert "Nobody has rated" in (folder / "data/report/index.html").read_text()
    _build(folder)
    with quiet_page(browser, **DESKTOP) as page:
        page.goto((folder / "data/report/index.html").as_uri())
        table = page.locator("#rated tbody tr:not(.aside)")
        ratings = [int(text) for text in table.locator("td:last-child").all_inner_texts()]
        assert sum(ratings) == 3
        expect(page.locator("#rated .aside").last).to_contain_text("4.67")
