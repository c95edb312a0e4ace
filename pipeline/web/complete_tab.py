"""The tab that completes: how it is laid out, and what is called when."""

import gradio as gr

from pipeline.completion.blends import DEFAULT
from pipeline.web.classical_fills import titles
from pipeline.web.fragments import fragment, source
from pipeline.web.handlers import HEAVY, PRIVATE, QUIET, in_words
from pipeline.web.uploads import SUFFIXES
from pipeline.web.workplace import BY_SHARE, SHAPES, SIDES, Picture, Workplace

BLENDS = ["none", "feather", "poisson"]


def complete_tab(page: gr.Blocks, work: Workplace) -> None:
    """Lays the tab out in `page` and says what happens in it."""
    pictures = gr.State(list[Picture]())  # a visitor's photos and results, the oldest first
    notice = gr.HTML(elem_id="notice")
    with gr.Row(elem_id="intake"):
        upload = gr.File(
            label="Your photo: drop it anywhere, paste it, or click here",
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
    with gr.Row(elem_id="work"):  # page.css shows it with the first photo
        with gr.Column(scale=7, min_width=320):
            canvas = gr.HTML(
                html_template=fragment("canvas.html", fills=titles()),
                js_on_load=source("canvas.js"),
                apply_default_css=False,
                elem_id="canvas",
                value="",
                sheet=None,
                result=None,
                people=None,
                status=None,
            )
        with gr.Column(scale=4, min_width=280, elem_id="controls"):
            model = gr.Dropdown(label="Generator", elem_id="model")
            complete = gr.Button("Complete (Enter)", variant="primary", elem_id="complete")
            people = gr.Button("Find people to remove", elem_id="people")
            with gr.Accordion("Edge of the hole, colours, seed", open=False, elem_id="options"):
                blend = gr.Radio(BLENDS, value=DEFAULT, label="Blending")
                soften = gr.Slider(0, 40, 0, step=1, label="Soften the edge inwards (px)")
                colors = gr.Slider(0, 200, 0, step=10, label="Colours (0: all)")
                seed = gr.Number(0, label="Seed", precision=0, minimum=0)
            with gr.Accordion("Outpaint", open=False, elem_id="outpaint"):
                shape = gr.Dropdown(
                    [BY_SHARE, *SHAPES], value=BY_SHARE, label="Shape", elem_id="shape"
                )
                sides = gr.CheckboxGroup(SIDES, value=["left", "right"], label="Sides")
                ratio = gr.Slider(
                    0.1, 1.0, 0.5, step=0.05, label="Share of the width or height that is added"
                )
                extend = gr.Button("Outpaint", elem_id="extend")

    shape.input(
        lambda chosen: [gr.update(visible=chosen == BY_SHARE)] * 2, shape, [sides, ratio], **QUIET
    )
    _offer_to_programs(work)
    shown = [pictures, canvas]
    options = [blend, colors, seed]
    made = [canvas, pictures]
    page.load(work.arrive, None, [notice, kind, examples, model], **QUIET)
    kind.input(work.examples_of, kind, examples, **QUIET)
    upload.upload(
        in_words(work.choose_upload),
        [pictures, upload],
        [*shown, upload],
        show_progress_on=upload,
        **PRIVATE,
    ).failure(lambda: None, None, upload, **QUIET)  # empty, so that another can be chosen
    examples.select(in_words(work.choose_example), [pictures, kind], shown, **QUIET)
    events = [
        complete.click(
            in_words(work.complete), [pictures, canvas, model, *options, soften], made, **HEAVY
        ),
        people.click(in_words(work.find_people), [pictures, canvas], made, **HEAVY),
        extend.click(
            in_words(work.outpaint),
            [pictures, canvas, model, shape, ratio, sides, *options],
            made,
            **HEAVY,
        ),
        canvas.fill(in_words(work.fill), [pictures, canvas], made, **HEAVY),
    ]
    for event in events:
        event.failure(work.rest, None, canvas, **QUIET)
    canvas.cancel(work.cancel, None, None, **QUIET)


def _offer_to_programs(work: Workplace) -> None:
    """`complete` of a photo's and a mask's file, for `gradio_client`; nothing on the page."""
    with gr.Row(visible=False):
        photo, mask, completed = (
            gr.File(label=name, type="filepath") for name in ("photo", "mask", "completed")
        )
        model = gr.Textbox("", label="generator")
        ask = gr.Button("Complete the file")
    ask.click(
        in_words(work.complete_file),
        [photo, mask, model],
        completed,
        api_name="complete",
        concurrency_id="heavy",
        concurrency_limit=1,
    )
