"""The tab that browses the data set: what was kept and dropped, and any photo's story."""

import base64
import io
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from pipeline.commands import explain
from pipeline.web import data_set
from pipeline.web.fragments import fragment
from pipeline.web.handlers import PRIVATE, QUIET, in_words

# A bar of the overview shows its photos.
FOLLOW = """element.addEventListener("click", (event) => {
  const bar = event.target.closest("[data-verdict]");
  if (bar) trigger("follow", { verdict: bar.dataset.verdict, category: bar.dataset.category });
});"""
TO_STORY = "() => document.querySelector('#name').scrollIntoView({behavior: 'smooth'})"
TO_BROWSER = "() => document.querySelector('#browser').scrollIntoView({behavior: 'smooth'})"


def data_tab(page: gr.Blocks, data: Path) -> None:
    """Lays the tab out in `page` and says what happens in it."""
    overview = gr.HTML(elem_id="overview", js_on_load=FOLLOW)
    with gr.Column(visible=False, elem_id="browser") as browser:
        gr.HTML("<h2>Photos, with the person boxes that were found</h2>")
        with gr.Row():
            category = gr.Dropdown(label="Category", elem_id="category", min_width=160)
            verdict = gr.Dropdown(label="Verdict", elem_id="verdict", min_width=160)
            split = gr.Dropdown(
                [data_set.ALL, *data_set.SPLITS],
                value=data_set.ALL,
                label="Split",
                elem_id="split",
                min_width=120,
            )
            least = gr.Slider(0, 1, 0, step=0.05, label="Person score, at least", min_width=160)
        count = gr.HTML(elem_id="count", elem_classes="note")
        photos = gr.Gallery(
            show_label=False,
            columns=8,
            allow_preview=False,
            buttons=[],
            elem_id="photos",
            interactive=False,
        )
        with gr.Row(elem_id="pages"):
            earlier = gr.Button("Previous page", elem_id="earlier", min_width=120, scale=0)
            later = gr.Button("Next page", elem_id="later", min_width=120, scale=0)
        gr.HTML("<h2>The story of a photo</h2>")
        with gr.Row():
            name = gr.Textbox(
                label="Key, path in the archive or file name of a photo; or click one above",
                elem_id="name",
            )
            tell = gr.Button("Show its story", elem_id="tell", min_width=140, scale=0)
            any_photo = gr.Button("Pick one at random", elem_id="any", min_width=160, scale=0)
        told = gr.HTML(elem_id="story")
    keys, number = gr.State(list[str]()), gr.State(1)  # of the page that is shown

    filters = [category, verdict, split, least]
    browsed = [count, photos, keys, number, earlier, later]
    page.load(partial(_arrive, data), None, [overview, browser, category, verdict], **QUIET).then(
        in_words(partial(_browse, data, 0)), [number, *filters], browsed, **QUIET
    )
    for button, step in ((earlier, -1), (later, 1)):
        button.click(in_words(partial(_browse, data, step)), [number, *filters], browsed, **PRIVATE)
    first = in_words(partial(_browse, data, None))
    for event in (category.input, verdict.input, split.input, least.release):
        event(first, [number, *filters], browsed, **PRIVATE)
    overview.follow(_follow, None, [category, verdict], **QUIET).then(
        first, [number, *filters], browsed, **QUIET
    ).then(None, js=TO_BROWSER)
    photos.select(_key_of, keys, name, **QUIET).success(
        in_words(partial(_tell, data)), name, told, **PRIVATE
    ).success(None, js=TO_STORY)
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


def _follow(event: gr.EventData) -> tuple[str, str]:
    """Category and verdict of the bar that was pressed."""
    return str(event.category), str(event.verdict)


def _browse(
    data: Path,
    step: int | None,  # from the page that is shown; None: to the first
    number: int,
    category: str | None,
    verdict: str | None,
    split: str,
    least: float,
) -> tuple[Any, ...]:
    """What is shown of how many, the thumbnails, their keys, the page, and where one can go."""
    if not category or not verdict:
        return "", [], [], 1, gr.Button(interactive=False), gr.Button(interactive=False)
    filters = data_set.Filters(category, verdict, split, least)
    found = data_set.matching(data, filters, 1 if step is None else number + step)
    captions = [f"{score:.2f}" if score else "" for score in found.scores]
    pictures = [each.picture for each in data_set.shown(found.keys, data)]
    text = f"{found.num_photos:,} photo{'' if found.num_photos == 1 else 's'}"
    if found.num_pages > 1:
        text += f", page {found.page:,} of {found.num_pages:,}, highest person score first"
    return (
        text,
        list(zip(pictures, captions, strict=True)),
        found.keys,
        found.page,
        gr.Button(interactive=found.page > 1),
        gr.Button(interactive=found.page < found.num_pages),
    )


def _key_of(keys: list[str], event: gr.SelectData) -> str:
    key: str = keys[event.index]
    return key


def _any(data: Path, category: str, verdict: str, split: str, least: float) -> str:
    chosen = data_set.any_of(data, data_set.Filters(category, verdict, split, least))
    if chosen is None:
        raise ValueError("There is no photo that fits the filters: choose others")
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
