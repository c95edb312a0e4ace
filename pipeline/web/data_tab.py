"""The tab that browses the data set: what was kept and dropped, and any photo's story."""

import base64
import io
import random
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from pipeline.commands import explain
from pipeline.web import data_set
from pipeline.web.fragments import fragment
from pipeline.web.handlers import PRIVATE, QUIET, in_words


def data_tab(page: gr.Blocks, data: Path) -> None:
    """Lays the tab out in `page` and says what happens in it."""
    overview = gr.HTML(elem_id="overview")
    with gr.Column(visible=False, elem_id="browser") as browser:
        gr.HTML("<h2>Photos, with the person boxes that were found</h2>")
        with gr.Row():
            category = gr.Dropdown(label="Category", elem_id="category", min_width=160)
            verdict = gr.Dropdown(label="Verdict", elem_id="verdict", min_width=160)
            others = gr.Button("Others", elem_id="others", min_width=120, scale=0)
        count = gr.HTML(elem_id="count", elem_classes="note")
        photos = gr.Gallery(
            show_label=False,
            columns=8,
            allow_preview=False,
            buttons=[],
            elem_id="photos",
            interactive=False,
        )
        gr.HTML("<h2>The story of a photo</h2>")
        with gr.Row():
            name = gr.Textbox(
                show_label=False,
                placeholder="key, path in the archive, or file name; or click a photo above",
                elem_id="name",
                container=False,
            )
            tell = gr.Button("Tell", elem_id="tell", min_width=100, scale=0)
            any_photo = gr.Button("Any photo", elem_id="any", min_width=120, scale=0)
        told = gr.HTML(elem_id="story")
    keys = gr.State(list[str]())

    filters = [category, verdict]
    browsed = [count, photos, keys]
    browse = in_words(partial(_browse, data))
    page.load(partial(_arrive, data), None, [overview, browser, *filters], **QUIET).then(
        browse, filters, browsed, **QUIET
    )
    others.click(browse, filters, browsed, **PRIVATE)
    for each in filters:
        each.input(browse, filters, browsed, **PRIVATE)
    photos.select(_key_of, keys, name, **QUIET).success(
        in_words(partial(_tell, data)), name, told, **PRIVATE
    )
    gr.on([tell.click, name.submit], in_words(partial(_tell, data)), name, told, **PRIVATE)
    any_photo.click(in_words(partial(_any, data)), filters, name, **PRIVATE).success(
        in_words(partial(_tell, data)), name, told, **PRIVATE
    )


def _arrive(data: Path) -> tuple[Any, ...]:
    """Overview, browser, and what can be filtered by; or what to run first."""
    try:
        counts = data_set.counts(data)
    except ValueError as error:
        title = "There is no data set here yet."
        notice = fragment("notice.html", title=title, text=str(error), command="dvc repro")
        return notice, gr.Column(visible=False), gr.Dropdown(), gr.Dropdown()
    names = [(f"{each.name} ({each.photos:,})", each.name) for each in counts.categories]
    verdicts = [(f"{title} ({number:,})", name) for name, title, number in counts.verdicts]
    every = (f"all ({counts.photos:,})", data_set.ALL)
    first = "person" if any(name == "person" for name, *_ in counts.verdicts) else data_set.ALL
    return (
        fragment("data_set.html", **counts._asdict()),
        gr.Column(visible=True),
        gr.Dropdown(choices=[("all", data_set.ALL), *names], value=data_set.ALL),
        gr.Dropdown(choices=[every, *verdicts], value=first),
    )


def _browse(data: Path, category: str | None, verdict: str | None) -> tuple[Any, ...]:
    """What is shown of how many, the thumbnails, and their keys."""
    if not category or not verdict:
        return "", [], []
    found = data_set.matching(data, category, verdict)
    keys = data_set.some(found)
    pictures = [each.picture for each in data_set.shown(keys, data)]
    text = f"{len(keys):,} of {len(found):,}" if len(keys) < len(found) else f"{len(found):,}"
    return f"{text} photo{'' if len(found) == 1 else 's'}", pictures, keys


def _key_of(keys: list[str], event: gr.SelectData) -> str:
    key: str = keys[event.index]
    return key


def _any(data: Path, category: str, verdict: str) -> str:
    found = data_set.matching(data, category, verdict)
    if not found:
        raise ValueError("There is no photo of that category and verdict: choose others")
    chosen: str = random.choice(found)
    return chosen


def _tell(data: Path, name: str) -> str:
    if not name.strip():
        raise ValueError("Name a photo: by its key, its path in the archive, or its file name")
    told = explain.tell(name.strip(), data)
    picture = None if told.picture is None else _uri(told.picture)
    return fragment("story.html", picture=picture, text="\n".join(told.lines))


def _uri(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
