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

from pipeline.params.section import PARAMS_PATH
from pipeline.runtime.extras import require_extra
from pipeline.runtime.progress import say
from pipeline.runtime.scratch import fresh_folder, work_dir
from pipeline.web.logins import read_logins
from pipeline.web.settings import Settings

MAX_SESSIONS = 100


def serve(settings: Settings, model: Path | None, data: Path = Path("data")) -> None:
    """Serves the page until it is interrupted or told to end; then its files are removed.

    Raises ValueError where a setting cannot be, the port is taken, `model` is no file or folder, or
    gradio is missing.
    """
    require_extra("web", "gradio", what="scenefill web")
    settings.check()
    logins = read_logins(settings.auth) if settings.auth else None
    if model is not None and not model.exists():
        raise ValueError(
            f"--model is {str(model)!r}, but there is no such file or folder: name a folder with "
            "generator.safetensors and config.json, or an exported .onnx file"
        )
    host, port = settings.host, settings.port
    _require_free(host, port)
    if not settings.is_local and logins is None:
        say(
            f"web: WARNING: on {host} everyone who reaches this machine can use the page and see "
            "your photos; leave --host out to keep it to yourself, or ask for passwords with --auth"
        )
    with _own_folder(port) as folder:
        page, work = _launched(settings, logins, model, data, folder)
        ended = _end_signal()  # before the line that promises it
        say(f"web: open http://{_in_url(host)}:{port} in a browser; Ctrl-C ends it")
        # Libraries take seconds to load, during which the page can be looked at.
        preparing = threading.Thread(target=work.prepare, args=(ended.is_set,))
        preparing.start()
        try:
            ended.wait()
        finally:
            page.close(verbose=False)
            work.jobs.close()
            preparing.join()  # Python cannot end while torch is being imported


def _in_url(host: str) -> str:
    """An address of IPv6 stands in brackets."""
    return f"[{host}]" if ":" in host else host


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


def _launched(
    settings: Settings,
    logins: list[tuple[str, str]] | None,
    model: Path | None,
    data: Path,
    folder: Path,
) -> tuple[Any, Any]:
    # Read when gradio is imported: no statistics, no version check, all files in one folder.
    os.environ |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_OFFLINE": "1",
        "GRADIO_TEMP_DIR": str(folder),
    }
    from starlette.middleware import Middleware

    from pipeline.api import load
    from pipeline.web.decoded_photos import DecodedPhotos
    from pipeline.web.fragments import source
    from pipeline.web.guard import Guard
    from pipeline.web.jobs import Jobs
    from pipeline.web.loaded import Loaded
    from pipeline.web.page import build_page
    from pipeline.web.people import People
    from pipeline.web.theme import theme
    from pipeline.web.workplace import Workplace

    work = Workplace(
        data,
        model,
        folder,
        Loaded(load),
        People(PARAMS_PATH),
        DecodedPhotos(settings.limits),
        Jobs(),
    )
    page = build_page(work, settings.kept_seconds)
    page.queue(max_size=32).launch(
        server_name=_in_url(settings.host),
        server_port=settings.port,
        root_path=settings.root_path or None,
        auth=logins,
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        show_error=True,
        max_file_size=settings.limits.max_bytes,
        state_session_capacity=MAX_SESSIONS,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        app_kwargs={
            **dict.fromkeys(("docs_url", "redoc_url", "openapi_url")),
            "middleware": [
                Middleware(
                    Guard,
                    host=settings.host,
                    allowed_hosts=settings.allowed_hosts,
                    folder=folder,
                    max_bytes=settings.limits.max_bytes,
                )
            ],
        },
        theme=theme(),
        css=source("page.css"),
        head='<link rel="icon" href="data:,">',
    )
    page.app.router.routes.insert(0, _health(work))
    return page, work


def _health(work: Any) -> Any:
    """For whoever watches the server: answered without a login, and says nothing of anybody."""
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def health(request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok", "generator_loaded": work.loaded.is_held})

    return Route("/health", health)


def _end_signal() -> threading.Event:
    """Set by SIGINT or SIGTERM from now on."""
    ended = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: ended.set())
    return ended
