"""How the page looks: the report's colours, the fonts that the machine has, no more."""

import gradio as gr
from gradio.themes.utils.colors import Color

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
MONO = ("ui-monospace", "SF Mono", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")
# From light to dark: the accent and the greys of the report.
ACCENT = (
    ("#eef7f6", "#d5ebe8", "#acd9d4", "#7fc6bf", "#5cc8bf", "#1f8f89", "#0b6e6a", "#0a5f5b")
    + ("#0a4c49", "#093b39", "#072a28")
)  # fmt: skip
GREYS = (
    ("#fcfbf8", "#f3f1eb", "#dcd8ce", "#c4c0b6", "#8f9297", "#5c636b", "#464c53", "#343a40")
    + ("#1e2226", "#15181b", "#0f1214")
)  # fmt: skip


def theme() -> gr.themes.Base:
    """Asks no server for fonts."""
    accent, grey = Color(*ACCENT, name="accent"), Color(*GREYS, name="grey")
    base = gr.themes.Base(
        primary_hue=accent,
        secondary_hue=accent,
        neutral_hue=grey,
        font=SANS,
        font_mono=MONO,
        radius_size=gr.themes.sizes.radius_md,
        spacing_size=gr.themes.sizes.spacing_lg,
    )
    return base.set(
        body_background_fill="#fcfbf8",
        body_background_fill_dark="#15181b",
        body_text_color="#1d2126",
        body_text_color_dark="#e9e6df",
        body_text_color_subdued="#5c636b",
        body_text_color_subdued_dark="#a2a8ae",
        background_fill_primary="#fcfbf8",
        background_fill_primary_dark="#15181b",
        background_fill_secondary="#f3f1eb",
        background_fill_secondary_dark="#1e2226",
        border_color_primary="#dcd8ce",
        border_color_primary_dark="#343a40",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_border_width_dark="0px",
        block_shadow="none",
        block_shadow_dark="none",
        block_padding="0px",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_label_border_width="0px",
        block_label_border_width_dark="0px",
        block_label_text_color="#5c636b",
        block_label_text_color_dark="#a2a8ae",
        block_title_text_color="#5c636b",
        block_title_text_color_dark="#a2a8ae",
        block_title_text_weight="500",
        input_background_fill="#ffffff",
        input_background_fill_dark="#1e2226",
        input_border_color="#dcd8ce",
        input_border_color_dark="#343a40",
        input_border_width="1px",
        input_border_width_dark="1px",
        button_primary_background_fill="#0b6e6a",
        button_primary_background_fill_dark="#5cc8bf",
        button_primary_background_fill_hover="#0a5f5b",
        button_primary_background_fill_hover_dark="#7fd6ce",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#0f1214",
        button_secondary_background_fill="transparent",
        button_secondary_background_fill_dark="transparent",
        button_secondary_background_fill_hover="#f3f1eb",
        button_secondary_background_fill_hover_dark="#1e2226",
        button_secondary_border_color="#c4c0b6",
        button_secondary_border_color_dark="#464c53",
        button_secondary_text_color="#1d2126",
        button_secondary_text_color_dark="#e9e6df",
        button_border_width="1px",
        button_border_width_dark="1px",
        slider_color="#0b6e6a",
        slider_color_dark="#5cc8bf",
    )
