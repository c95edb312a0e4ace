"""The page: a head, and a tab for each thing to do."""

import gradio as gr

from pipeline.web.complete_tab import complete_tab
from pipeline.web.data_tab import data_tab
from pipeline.web.workplace import Workplace

PURPOSE = (
    "Draw over a wire, a passer-by or a scratch, and a generator that was trained here continues "
    "what is around it."
)


def build_page(work: Workplace, kept_seconds: int) -> gr.Blocks:
    """The page of `work`. Uploads are removed when they are `kept_seconds` old."""
    page = gr.Blocks(title="Scenefill", analytics_enabled=False, delete_cache=(600, kept_seconds))
    with page:
        gr.HTML(f'<h1 class="brand">Scenefill</h1><p class="note">{PURPOSE}</p>', elem_id="head")
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Complete"):
                complete_tab(page, work)
            with gr.Tab("Data set"):
                data_tab(page, work.data)
    return page
