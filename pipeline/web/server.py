"""The page's server: on this machine alone, without a word to any other."""

import os
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.runtime.extras import require_extra
from pipeline.runtime.progress import say
from pipeline.runtime.scratch import fresh_folder, work_dir

LOCAL = ("127.0.0.1", "localhost", "::1")
KEPT_SECONDS = 3600  # of an uploaded photo
MAX_SESSIONS = 100


def serve(host: str, port: int, model: Path | None, data: Path = Path("data")) -> None:
    """Serves the page until it is interrupted or told to end; then its files are removed.

    Raises ValueError where the port is taken, `model` is no file or folder, or gradio is missing.
    """
    require_extra("web", "gradio", what="scenefill web")
    if model is not None and not model.exists():
        raise ValueError(
            f"--model is {str(model)!r}, but there is no such file or folder: name a folder with "
            "generator.safetensors and config.json, or an exported .onnx file"
        )
    _require_free(host, port)
    if host not in LOCAL:
        say(
            f"web: WARNING: on {host} everyone who reaches this machine can use the page and see "
            "your photos; leave --host out to keep it to yourself"
        )
    with _own_folder(port) as folder:
        page = _launched(host, port, model, data, folder)
        ended = _end_signal()  # before the line that promises it
        say(f"web: open http://{host}:{port} in a browser; Ctrl-C ends it")
        try:
            ended.wait()
        finally:
            page.close(verbose=False)


def _require_free(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ValueError(
                f"cannot listen on {host}, port {port} ({error.strerror}): choose another with "
                "--port, or end what listens there"
            ) from error


@contextmanager
def _own_folder(port: int) -> Iterator[Path]:
    """Where Gradio puts uploads and images; only one server has the port."""
    folder = (work_dir() / "web" / str(port)).resolve()
    fresh_folder(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _launched(host: str, port: int, model: Path | None, data: Path, folder: Path) -> Any:
    # Read when gradio is imported: no statistics, no version check, all files in one folder.
    os.environ |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_OFFLINE": "1",
        "GRADIO_TEMP_DIR": str(folder),
    }
    from starlette.middleware import Middleware

    from pipeline.web.fragments import source
    from pipeline.web.guard import Guard
    from pipeline.web.page import build_page
    from pipeline.web.theme import theme
    from pipeline.web.uploads import MAX_BYTES

    page = build_page(data, model, folder, KEPT_SECONDS)
    page.queue(max_size=32).launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        show_error=True,
        max_file_size=MAX_BYTES,
        state_session_capacity=MAX_SESSIONS,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        app_kwargs={
            **dict.fromkeys(("docs_url", "redoc_url", "openapi_url")),
            "middleware": [Middleware(Guard, host=host, folder=folder)],
        },
        theme=theme(),
        css=source("page.css"),
        head='<link rel="icon" href="data:,">',
    )
    return page


def _end_signal() -> threading.Event:
    """Set by SIGINT or SIGTERM from now on."""
    ended = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: ended.set())
    return ended
