"""A server of archives on this machine, with the faults of the real one on demand."""

import email.utils
import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pipeline.downloads.archive import Archive
from pipeline.runtime.code_closure import ROOT

CHUNK = 1 << 14
PAUSE = 0.002  # s between two looks at the clock while throttled


@dataclass
class Fault:
    """What the server does with one request; those after it are served as they should be."""

    status: int | None = None  # answer with this, and no file
    headers: dict[str, str] = field(default_factory=dict)  # sent whatever else is sent
    cut_after: int | None = None  # bytes, then the connection is closed
    stall_after: int | None = None  # bytes, then silence until the server is closed
    ignore_range: bool = False  # 200 and the whole file
    shift_range: int = 0  # bytes by which the range is wrong
    data: bytes | None = None  # served instead of the file
    length: int | None = None  # Content-Length instead of the true one; -1: none at all
    redirect: str | None = None
    etag: str | None = None  # instead of the true one
    ignore_if_range: bool = False


@dataclass(frozen=True)
class Request:
    """What was asked for."""

    path: str
    start: int  # of the range; 0 for the whole file
    if_range: str | None


class PlacesServer:
    """Files by name under `url`; counts requests and bytes, and has faults for the next requests.

    A fault list of a file is used up request by request; `always` never is.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.always: dict[str, Fault] = {}
        self.requests: list[Request] = []
        self.num_bytes = Counter[str]()
        self.bytes_per_second: float | None = None
        self.has_etag = True
        self.closing = threading.Event()
        server = self

        class Handler(_Handler):
            places = server

        self.http = _HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/places365"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.closing.set()
        self.http.shutdown()
        self.http.server_close()

    def next_fault(self, name: str) -> Fault:
        if name in self.always:
            return self.always[name]
        return self.faults[name].pop(0) if self.faults[name] else Fault()

    def num_requests(self, name: str) -> int:
        return sum(request.path.endswith(f"/{name}") for request in self.requests)


def random_faults(draws: random.Random, data: bytes, most: int, stalls: int) -> list[Fault]:
    """Up to `most` faults of any kind for a server of `data`, mixed; at most `stalls` stall.

    None of them is one after which a server is not asked again.
    """
    size = len(data)
    other = bytes(draws.randbytes(64)) * (size // 64 + 1)
    faults = []
    for _ in range(draws.randint(1, most)):
        place = draws.randrange(1, size)
        kinds = [
            Fault(cut_after=place),
            Fault(status=draws.choice((429, 500, 502, 503, 504))),
            Fault(ignore_range=True, cut_after=place),
            Fault(length=-1, cut_after=place),
            Fault(data=data[:place], length=size),
            Fault(etag='"other"', data=other[:size], cut_after=place),
            Fault(cut_after=0),
        ]
        if stalls:
            kinds.append(Fault(stall_after=place))
        faults.append(draws.choice(kinds))
        stalls -= faults[-1].stall_after is not None
    return faults


@contextmanager
def places_server(files: dict[str, bytes]) -> Iterator[PlacesServer]:
    server = PlacesServer(files)
    try:
        yield server
    finally:
        server.close()


def pinned(name: str, data: bytes) -> Archive:
    """The facts of `data`, as a params.yaml would pin them."""
    md5, sha256 = hashlib.md5(data).hexdigest(), hashlib.sha256(data).hexdigest()
    return Archive(name=name, num_bytes=len(data), md5=md5, sha256=sha256)


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no news."""


class _Handler(BaseHTTPRequestHandler):
    places: PlacesServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def setup(self) -> None:
        super().setup()
        # What lies in a buffer when the client dies is counted but never arrives: keep it small.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 14)

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        fault = self.places.next_fault(name)
        start = self._start(len(self.places.files.get(name, b"")), name, fault)
        self.places.requests.append(Request(self.path, start, self.headers.get("If-Range")))
        if fault.redirect is not None:
            self._answer(302, {"Location": fault.redirect, "Content-Length": "0"}, fault)
        elif fault.status is not None or name not in self.places.files:
            self._answer(fault.status or 404, {"Content-Length": "0"}, fault)
        else:
            data = self.places.files[name] if fault.data is None else fault.data
            self._send(name, data, start, fault)

    def _start(self, size: int, name: str, fault: Fault) -> int:
        """Where the client wants to go on; 0 where it gets the whole file."""
        wanted = self.headers.get("Range", "").removeprefix("bytes=").rstrip("-")
        if not wanted or fault.ignore_range:
            return 0
        condition = self.headers.get("If-Range")
        if (
            condition
            and not fault.ignore_if_range
            and condition not in self._validators(name, fault)
        ):
            return 0
        return int(wanted)

    def _validators(self, name: str, fault: Fault) -> list[str]:
        return [self._etag(name, fault), self._modified()]

    def _etag(self, name: str, fault: Fault) -> str:
        return fault.etag or f'"{hashlib.md5(self.places.files.get(name, b"")).hexdigest()}"'

    def _modified(self) -> str:
        return email.utils.formatdate(1_500_000_000, usegmt=True)

    def _answer(self, status: int, headers: dict[str, str], fault: Fault) -> None:
        self.send_response(status)
        for name, value in (headers | fault.headers).items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, name: str, data: bytes, start: int, fault: Fault) -> None:
        total = len(data)
        if start >= total > 0:
            self._answer(416, {"Content-Range": f"bytes */{total}", "Content-Length": "0"}, fault)
            return
        headers = {"Content-Type": "application/x-tar", "Last-Modified": self._modified()}
        if self.places.has_etag:
            headers["ETag"] = self._etag(name, fault)
        body = data[start:]
        if fault.length != -1:
            headers["Content-Length"] = str(len(body) if fault.length is None else fault.length)
        if start:
            shown = start + fault.shift_range
            headers["Content-Range"] = f"bytes {shown}-{total - 1}/{total}"
        self._answer(206 if start else 200, headers, fault)
        self._stream(name, body, fault)

    def _stream(self, name: str, body: bytes, fault: Fault) -> None:
        """The body, throttled, until the fault strikes."""
        limits = [limit for limit in (fault.cut_after, fault.stall_after) if limit is not None]
        end = min([len(body), *limits])
        began = time.monotonic()
        for position in range(0, end, CHUNK):
            chunk = body[position : min(position + CHUNK, end)]
            self._wait_for_rate(position, began)
            try:
                self.wfile.write(chunk)
            except OSError:
                self.close_connection = True
                return
            self.places.num_bytes[name] += len(chunk)
        if fault.stall_after is not None:
            self.places.closing.wait(60)
        if end < len(body) or fault.length is not None:
            self.close_connection = True

    def _wait_for_rate(self, position: int, began: float) -> None:
        rate = self.places.bytes_per_second
        while (
            rate and position / rate > time.monotonic() - began and not self.places.closing.is_set()
        ):
            time.sleep(PAUSE)


KILLED = """
import sys
from pathlib import Path
from pipeline.downloads.transfer import fetch
from pipeline.runtime.code_closure import ROOT
from pipeline.downloads.archive import Archive
fetch(Archive.model_validate_json(sys.argv[1]), [sys.argv[2]], Path(sys.argv[3]))
"""


def kill_often(server: PlacesServer, name: str, folder: Path, num_kills: int, seed: int) -> int:
    """Downloads with SIGKILLs at random places of the file; how many there were."""
    rng = random.Random(seed)
    places = sorted(rng.randrange(len(server.files[name])) for _ in range(num_kills))
    archive = pinned(name, server.files[name])
    command = [sys.executable, "-c", KILLED, archive.model_dump_json(), f"{server.url}/{name}"]
    killed = 0
    while not (folder / name).exists():
        process = subprocess.Popen([*command, str(folder)], cwd=ROOT, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            here = folder / f"{name}.part"
            if killed < num_kills and here.exists() and here.stat().st_size >= places[killed]:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                killed += 1
            time.sleep(0.005)
        assert process.returncode in (0, -signal.SIGKILL)
    return killed
