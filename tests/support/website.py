"""The page as a user starts it, on a small project, and a browser that it may not lead astray."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, expect
from ruamel.yaml import YAML

from models.generator_files import save_generator
from models.registry import build_generator
from pipeline.config.profiles import render
from pipeline.photos import photo_tables
from pipeline.photos.keys import key_of
from pipeline.runtime.code_closure import ROOT
from support.chromium import PATIENCE
from support.free_port import free_port
from support.pictures import encoded, picture
from support.stages import DATA_STAGES

SETTINGS: dict[str, dict[str, Any]] = {
    "download": {"source": "folder"},
    "sources": {"folder": {"path": "data/photos"}},
    "filter_categories": {"categories": ["hill", "sea"]},
    "detect_people": {"enabled": False},
    "filter_people": {"val_share": 0.2, "test_share": 0.4},
    "runtime": {"threads": 1, "workers": 1},
}
PEOPLED = key_of("data_256/hill/3.jpg")
# Of the ten that are looked at one has a person, one is broken, and one a copy.
PHOTOS = {
    **{f"hill/{number}.jpg": encoded(picture(number)) for number in range(6)},
    "hill/<b>odd.jpg": encoded(picture(6)),
    "sea/copy.jpg": encoded(picture(0)),
    "sea/other.jpg": encoded(picture(8)),
    "sea/broken.jpg": b"no photo",
    "city/0.jpg": encoded(picture(11)),
}


def write_project(folder: Path) -> None:
    """params.yaml, the data up to the final shards, and two generators that learnt nothing."""
    for name, content in PHOTOS.items():
        path = folder / "data/photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    write_params(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("DVC_ROOT", raising=False)
        for stage in DATA_STAGES:
            import_module(f"pipeline.stages.{stage}").run()
            if stage == "detect_people":
                _find_a_person(folder / "data/detect_people/people.parquet")
    for recipe, where in (("ganscape", "train"), ("glcic", "compare/runs/glcic-0/data/train")):
        write_generator(folder / "data" / where, recipe)


def write_params(folder: Path) -> None:
    values = YAML(typ="safe").load(render("sample"))
    for section, changes in SETTINGS.items():
        values[section] |= changes
    folder.mkdir(parents=True, exist_ok=True)
    YAML(typ="safe").dump(values, folder / "params.yaml")


def _find_a_person(table: Path) -> None:
    people = photo_tables.read(table).set_index("key", drop=False)
    people.at[PEOPLED, "scores"] = [0.75]
    people.at[PEOPLED, "boxes"] = [64.0, 32.0, 128.0, 64.0]
    photo_tables.write(people, table)


def write_generator(folder: Path, recipe: str) -> None:
    folder.mkdir(parents=True)
    options = {"preset": "default", "width": 4}
    config = {"recipe": recipe, "options": options, "image_size": 64}
    save_generator(folder, build_generator(recipe, options, 64), config)


def web_command(*options: str) -> list[str]:
    return [sys.executable, "-m", "pipeline", "web", *options]


@contextlib.contextmanager
def served(folder: Path, *options: str) -> Iterator[str]:
    """`scenefill web` in `folder`; its address. It ends by SIGTERM, with 0, and leaves nothing."""
    port = free_port()
    shutil.copy(ROOT / "dvc.yaml", folder)  # by which it is a project
    environment = {name: value for name, value in os.environ.items() if name != "DVC_ROOT"}
    with (folder / "log").open("w+") as log:
        server = subprocess.Popen(
            web_command("--port", str(port), *options),
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for(server, f"http://127.0.0.1:{port}/", folder / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGTERM)
            code = server.wait(timeout=120)
    assert code == 0, (folder / "log").read_text()
    assert list((folder / ".work/web").iterdir()) == []


def _wait_for(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = monotonic() + 300
    while server.poll() is None and monotonic() < end:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(url).close()
            return
        sleep(0.2)
    raise AssertionError(f"the page never came: {log.read_text()}")


@contextlib.contextmanager
def local_page(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """The page at `url`; fails where anything is asked elsewhere, or the console complains."""
    complaints: list[str] = []
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda each: complaints.append(each.text) if each.type == "error" else None)
    page.on("request", lambda each: _note_request(each.url, url, complaints))
    try:
        page.goto(url)
        page.locator("#upload input[type=file]").wait_for(state="attached")
        yield page
    finally:
        context.close()
    assert complaints == [], complaints


def _note_request(asked: str, url: str, complaints: list[str]) -> None:
    if asked != url and not asked.startswith((f"{url}/", "data:", "blob:")):
        complaints.append(f"asked {asked}")


def drag(page: Page, places: Sequence[tuple[float, float]]) -> None:
    """Draws with the mouse through `places`, (x, y) px of what the canvas holds."""
    canvas = page.locator("#canvas canvas")
    canvas.scroll_into_view_if_needed()
    frame = canvas.bounding_box()
    assert frame is not None
    width = canvas.evaluate("each => each.width")
    scale = frame["width"] / width
    points = [(frame["x"] + x * scale, frame["y"] + y * scale) for x, y in places]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()


def upload(page: Page, content: bytes, name: str = "photo.png") -> None:
    file: FilePayload = {"name": name, "mimeType": "image/png", "buffer": content}
    page.locator("#upload input[type=file]").set_input_files(file)


def wait_for_canvas(page: Page) -> None:
    page.locator("#canvas .sheet[data-number]").wait_for()


def outcome(page: Page, button: str, number: int = 1) -> np.ndarray:
    """What is downloaded after a press of the button, when there are so many results."""
    page.locator(button).click()
    expect(page.locator(".strip li")).to_have_count(number + 1)
    expect(page.locator(".facts")).to_contain_text("bit for bit")
    expect(page.locator(".stage .result")).to_be_visible()
    expect(page.locator(".status")).not_to_be_visible()
    return downloaded(page)


def downloaded(page: Page) -> np.ndarray:
    with page.expect_download() as download:
        page.locator(".download").click()
    return np.asarray(Image.open(download.value.path()))
