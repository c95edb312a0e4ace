"""What a handler of the page does about a fault of the user's: words, and no traceback."""

import html
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import gradio as gr

Given = ParamSpec("Given")
Result = TypeVar("Result")

SHOWN_SECONDS = 12.0


def in_words(handler: Callable[Given, Result]) -> Callable[Given, Result]:
    """`handler`, whose ValueError the page shows as it is."""

    @wraps(handler)
    def guarded(*given: Given.args, **named: Given.kwargs) -> Result:
        try:
            return handler(*given, **named)
        except ValueError as error:
            # The page takes it for HTML, and file names may be in it.
            message = html.escape(str(error)).replace("\n", "<br>")
            raise gr.Error(message, SHOWN_SECONDS, title="", print_exception=False) from error

    return guarded


# Of every event: nothing is offered to other programs, and heavy ones wait for each other.
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUIET: dict[str, Any] = PRIVATE | {"show_progress": "hidden"}
HEAVY: dict[str, Any] = PRIVATE | {"concurrency_id": "heavy", "concurrency_limit": 1}
