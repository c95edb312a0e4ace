"""The tab that completes: how it is laid out, and what is called when."""

import gradio as gr

from pipeline.completion.blends import DEFAULT
from pipeline.web.fragments import source
from pipeline.web.handlers import HEAVY, PRIVATE, QUIET, in_words
from pipeline.web.uploads import SUFFIXES
from pipeline.web.workplace import SIDES, Workplace

BLENDS = ["none", "feather", "poisson"]
TO_RESULT = "() => document.querySelector('#result').scrollIntoView({behavior: 'smooth'})"


def complete_tab(page: gr.Blocks, work: Workplace) -> None:
    """Lays the tab out in `page` and says what happens in it."""
    photo = gr.State("")  # path of the encoded photo
    notice = gr.HTML(elem_id="notice")
    with gr.Row(elem_id="intake"):
        upload = gr.File(
            label="Your photo",
            file_types=SUFFIXES,
            type="filepath",
            height=170,
            elem_id="upload",
            scale=4,
            min_width=260,
        )
        with gr.Column(scale=7, min_width=300):
            kind = gr.Radio(label="Or one of these", elem_id="kind", elem_classes="plain")
            examples = gr.Gallery(
                show_label=False,
                columns=12,
                allow_preview=False,
                buttons=[],
                elem_id="examples",
                interactive=False,
            )
    with gr.Row(elem_id="work", visible=False) as row:
        with gr.Column(scale=7, min_width=320):
            canvas = gr.HTML(
                html_template=source("canvas.html"),
                js_on_load=source("canvas.js"),
                apply_default_css=False,
                elem_id="canvas",
                value="",
                sheet=None,
            )
        with gr.Column(scale=4, min_width=280, elem_id="controls"):
            model = gr.Dropdown(label="Generator", elem_id="model")
            complete = gr.Button("Complete", variant="primary", elem_id="complete")
            people = gr.Button("Remove people", elem_id="people")
            with gr.Accordion("Blending, colours, seed", open=False, elem_id="options"):
                blend = gr.Radio(BLENDS, value=DEFAULT, label="Edge of the hole")
                colors = gr.Slider(0, 200, 0, step=10, label="Colours (0: all)")
                seed = gr.Number(0, label="Seed", precision=0, minimum=0)
            with gr.Accordion("Outpaint", open=False, elem_id="outpaint"):
                sides = gr.CheckboxGroup(SIDES, value=["left", "right"], label="Sides")
                ratio = gr.Slider(0.1, 1.0, 0.5, step=0.05, label="Of the side, in all")
                extend = gr.Button("Outpaint", elem_id="extend")
    with gr.Column(elem_id="result", visible=False) as result:
        gr.HTML("<h2>Before and after</h2>")
        slider = gr.ImageSlider(
            show_label=False, elem_id="slider", interactive=False, format="png", max_height=620
        )
        facts = gr.HTML(elem_id="facts", elem_classes="note")
        download = gr.DownloadButton("Download PNG", elem_id="download", size="md")
        beside = gr.HTML("<h2>Beside classical fills, around the hole</h2>")
        compared = gr.Gallery(
            show_label=False,
            columns=7,
            object_fit="contain",
            format="png",
            buttons=[],
            elem_id="compared",
            interactive=False,
        )

    shown = [photo, canvas, row, result]
    options = [blend, colors, seed]
    page.load(work.arrive, None, [notice, kind, examples, model], **QUIET)
    kind.input(work.examples_of, kind, examples, **QUIET)
    upload.upload(in_words(work.choose_upload), upload, shown, **PRIVATE)
    examples.select(in_words(work.choose_example), kind, shown, **QUIET)
    results = [slider, facts, download, beside, compared, result]
    complete.click(
        in_words(work.complete), [photo, canvas, model, *options], results, **HEAVY
    ).success(None, js=TO_RESULT)
    people.click(
        in_words(work.remove_people), [photo, model, *options], [canvas, *results], **HEAVY
    ).success(None, js=TO_RESULT)
    extend.click(
        in_words(work.outpaint), [photo, model, ratio, sides, *options], results, **HEAVY
    ).success(None, js=TO_RESULT)
