"""A person's afternoon on the page: a wire, a passer-by, a wider frame, and a look at the data.

Screenshots of every station lie in the test's folder, in both themes and as a phone shows them.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, ViewportSize, expect

from pipeline.sources.synthetic import source as synthetic
from pipeline.sources.synthetic.options import SyntheticOptions
from support.website import (
    downloaded,
    drag,
    local_page,
    outcome,
    served,
    upload,
    wait_for_canvas,
    write_project,
)

pytestmark = pytest.mark.slow

SIZE = 4000, 3000  # px, width and height: 12 megapixels
WIRE = (2600, 0, 2600, 1400)  # px of the photo; what the lasso goes around
SCALE = 2048 / SIZE[0]  # of what is drawn on
DESKTOP, PHONE = (1280, 900), (390, 800)
THEMES: tuple[Literal["dark"], Literal["light"]] = ("dark", "light")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("project")
    write_project(folder)
    with served(folder) as found:
        yield found


def large_photo() -> bytes:
    """A painted landscape with people, enlarged, and a wire across its sky."""
    options = SyntheticOptions(num_photos=1, seed=0, people_share=1.0, broken_share=0.0)
    data, _ = synthetic.encode(3, options)
    photo = Image.open(io.BytesIO(data)).convert("RGB").resize(SIZE, Image.Resampling.LANCZOS)
    ImageDraw.Draw(photo).line(WIRE, fill=(30, 30, 30), width=9)
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=92)
    return file.getvalue()


def view(size: tuple[int, int]) -> ViewportSize:
    return {"width": size[0], "height": size[1]}


def lasso(page: Page) -> None:
    page.keyboard.press("l")
    left, top, right, bottom = WIRE[0] - 60, 0, WIRE[2] + 60, WIRE[3] + 60
    corners = [(left, top + 4), (right, top + 4), (right, bottom), (left, bottom)]
    drag(page, [(x * SCALE, y * SCALE) for x, y in corners])


@pytest.mark.usefixtures("demo_detector")
def test_an_afternoon(browser: Browser, url: str, tmp_path: Path) -> None:
    with local_page(browser, url, viewport=view(DESKTOP)) as page:

        def shoot(name: str) -> None:
            for width, height in (PHONE, DESKTOP):
                page.set_viewport_size(view((width, height)))
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
                for theme in THEMES:
                    page.emulate_media(color_scheme=theme)
                    page.screenshot(path=tmp_path / f"{name}-{width}-{theme}.png", full_page=True)
            page.emulate_media(color_scheme="light")

        shoot("1-open")
        photo = large_photo()
        upload(page, photo, "holiday.jpg")
        wait_for_canvas(page)
        lasso(page)
        shoot("2-lasso")
        first = outcome(page, "#complete")
        assert first.shape == (SIZE[1], SIZE[0], 3)
        changed = (first != np.asarray(Image.open(io.BytesIO(photo)))).any(axis=2)
        columns = np.flatnonzero(changed.any(axis=0))
        assert WIRE[0] - 70 <= columns[0] <= columns[-1] <= WIRE[2] + 70
        assert changed[: WIRE[3], WIRE[0] - 4 : WIRE[0] + 4].mean() > 0.9
        shoot("3-without-the-wire")
        page.keyboard.press("n")
        expect(page.locator(".sheet")).to_have_attribute("data-view", "mark")
        page.locator("#people").click()
        expect(page.locator("svg.people polygon").first).to_be_attached()
        expect(page.locator(".hint")).to_contain_text("Press an outline to keep who is in it")
        for outline in page.locator("svg.people polygon").all():
            outline.press("Enter")
        page.locator("#complete").click()
        expect(page.locator(".toast-body")).to_contain_text("Nothing is marked")
        expect(page.locator(".status")).not_to_be_visible()
        for outline in page.locator("svg.people polygon").all():
            outline.press("Enter")
        shoot("4-people")
        second = outcome(page, "#complete", 2)
        away = (second != first).any(axis=2)
        assert 0 < away.mean() < 0.2
        shoot("5-nobody")
        page.keyboard.press("n")
        expect(page.locator(".sheet")).to_have_attribute("data-view", "mark")
        page.locator("#outpaint > button").click()
        page.locator("#shape input").click()
        page.get_by_role("option", name="16:9").click()
        wide = outcome(page, "#extend", 3)
        assert wide.shape == (SIZE[1], round(SIZE[1] * 16 / 9), 3)
        left = (wide.shape[1] - SIZE[0] + 1) // 2
        assert np.array_equal(wide[:, left : left + SIZE[0]], second)
        shoot("6-wide")
        assert np.array_equal(downloaded(page), wide)
        page.get_by_role("tab", name="Data set").click()
        expect(page.locator("#count")).to_have_text("1 photo")
        page.locator("#photos button").first.click()
        expect(page.locator("#story pre")).to_contain_text("dropped: a person")
        shoot("7-dropped")
