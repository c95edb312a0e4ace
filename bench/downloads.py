"""What a download costs that is killed 20 times, and how fast it is where the server is.

python bench/downloads.py --out downloads.md

The server runs on this machine and counts what it sends. What it has handed to the system when
the client dies is counted though it never arrives: some 100 KB a kill.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import requests

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "tests")]

from pipeline.downloads.transfer import fetch  # noqa: E402
from support.places_server import PlacesServer, kill_often, pinned, places_server  # noqa: E402

NAME = "val_256.tar"
MEGABYTE = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=525, help="size of the archive")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--rate", type=float, default=50, help="MB/s of the server under kills")
    parser.add_argument("--folder", type=Path, help="where the archive is written")
    parser.add_argument("--out", type=Path, help="also write the report here")
    arguments = parser.parse_args()
    data = np.random.default_rng(0).bytes(arguments.megabytes * MEGABYTE)
    with places_server({NAME: data}) as server:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            rates = speeds(server, data, Path(folder))
        server.num_bytes.clear()
        server.requests.clear()
        server.bytes_per_second = arguments.rate * MEGABYTE
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            killed = kill_often(server, NAME, Path(folder), arguments.kills, seed=0)
            assert (Path(folder) / NAME).read_bytes() == data
        sent = server.num_bytes[NAME]
        num_requests = len(server.requests)
    lines = [
        f"{killed} kills of a download of {len(data):,} bytes at {arguments.rate:.0f} MB/s: the",
        f"file is verified, the server sent {sent:,} bytes ({sent / len(data):.4f} x) in",
        f"{num_requests} requests.",
        "",
        "| without a limit | MB/s |",
        "|---|---|",
        *(f"| {what} | {rate:.0f} |" for what, rate in rates.items()),
    ]
    report = "\n".join(lines) + "\n"
    print(report)
    if arguments.out:
        arguments.out.write_text(report)


def speeds(server: PlacesServer, data: bytes, folder: Path) -> dict[str, float]:
    """MB/s of a verified download, and of its bytes written to disk unread."""
    url = f"{server.url}/{NAME}"
    seconds: dict[str, list[float]] = {"fetch, verified": [], "requests, written only": []}
    for number in range(3):
        before = time.perf_counter()
        fetch(pinned(NAME, data), [url], folder / f"fetch-{number}")
        seconds["fetch, verified"].append(time.perf_counter() - before)
        before = time.perf_counter()
        with requests.get(url, stream=True) as response, (folder / "plain").open("wb") as file:
            for chunk in response.raw.stream(1 << 17):
                file.write(chunk)
        seconds["requests, written only"].append(time.perf_counter() - before)
    return {what: len(data) / MEGABYTE / min(times) for what, times in seconds.items()}


if __name__ == "__main__":
    main()
