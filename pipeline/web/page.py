"""The page: a head, and a tab for each thing to do."""

from pathlib import Path

import gradio as gr

from pipeline.params.section import PARAMS_PATH
from pipeline.web.complete_tab import complete_tab
from pipeline.web.data_tab import data_tab
from pipeline.web.loaded import Loaded
from pipeline.web.people import People
from pipeline.web.workplace import Workplace


def build_page(data: Path, named: Path | None, folder: Path, kept_seconds: int) -> gr.Blocks:
    """The page on `data`, with the generator `named` first; its own files go to `folder`.

    Uploads are removed when they are `kept_seconds` old.
    """
    # Brings torch, or onnxruntime, which the page does not need to be shown.
    from pipeline.api import load

    work = Workplace(data, named, folder, Loaded(load), People(PARAMS_PATH).find)
    page = gr.Blocks(title="Scenefill", analytics_enabled=False, delete_cache=(600, kept_seconds))
    with page:
        gr.HTML('<p class="brand">Scenefill</p>', elem_id="head")
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Complete"):
                complete_tab(page, work)
            with gr.Tab("Data set"):
                data_tab(page, data)
    return page
