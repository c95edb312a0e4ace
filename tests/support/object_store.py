"""An S3 server on loopback, and a way to it that counts bytes and cuts connections."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

BUCKET = "photos"


class Way:
    """A TCP proxy: what the server sends is counted, and cut where it is asked to be."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.num_bytes = 0  # that the server has sent
        self.num_cuts = 0  # made so far
        self.cuts_left, self.cut_after = 0, 0
        self.lock = threading.Lock()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, times: int, after: int) -> None:
        """Each of the next `times` connections ends once it has answered `after` bytes."""
        self.cuts_left, self.cut_after = times, after

    def close(self) -> None:
        self.server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.server.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
                for ends in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pass, args=ends, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(1 << 14):
                if is_answer:
                    passed += len(data)
                    with self.lock:
                        self.num_bytes += len(data)
                        if self.cuts_left and passed > self.cut_after:
                            self.cuts_left -= 1
                            self.num_cuts += 1
                            break
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def object_store() -> Iterator[Way]:
    """The way to a server with the bucket BUCKET; the environment leads clients there."""
    pytest.importorskip("s3fs", reason="the extra buckets is not installed")
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    import s3fs

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    # A process keeps the buckets of the server that it had before.
    requests.post(f"http://127.0.0.1:{port}/moto-api/reset", timeout=60).raise_for_status()
    way = Way(port)
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{way.port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir(BUCKET)
        try:
            yield way
        finally:
            s3fs.S3FileSystem.clear_instance_cache()
            way.close()
            server.stop()


def put(path: Path, name: str) -> str:
    """Puts a file into the bucket; its URL."""
    import s3fs

    s3fs.S3FileSystem().put_file(str(path), f"{BUCKET}/{name}")
    return f"s3://{BUCKET}/{name}"
