"""What a handler of the page does about a fault of the user's: words, and no traceback."""

import html
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import gradio as gr

from pipeline.runtime.system_faults import system_fault

SHOWN_SECONDS = 12.0
UNFORESEEN = "This went wrong here, by no fault of yours: the server's terminal says more."


def in_words(handler: Callable[..., Any]) -> Callable[..., Any]:
    """`handler`, whose ValueError the page shows as it is, as what the system refuses.

    Of any other fault it says that there was one; the server's terminal has the traceback. The
    handler may also be a generator.
    """
    if inspect.isgeneratorfunction(handler):

        @wraps(handler)
        def steps(*given: Any, **named: Any) -> Iterator[Any]:
            with _shown():
                yield from handler(*given, **named)

        return steps

    @wraps(handler)
    def guarded(*given: Any, **named: Any) -> Any:
        with _shown():
            return handler(*given, **named)

    return guarded


@contextmanager
def _shown() -> Iterator[None]:
    try:
        yield
    except gr.Error:
        raise
    except Exception as error:
        words = system_fault(error) or (str(error) if isinstance(error, ValueError) else "")
        # The page takes it for HTML, and file names may be in it.
        message = html.escape(words or UNFORESEEN).replace("\n", "<br>")
        raise gr.Error(message, SHOWN_SECONDS, title="", print_exception=not words) from error


# Of every event: nothing is offered to other programs, and heavy ones wait for each other.
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUIET: dict[str, Any] = PRIVATE | {"show_progress": "hidden"}
HEAVY: dict[str, Any] = QUIET | {"concurrency_id": "heavy", "concurrency_limit": 1}
