"""How fast photos become small shards: ours, img2dataset, full decoding, and decoding alone.

python bench/downscale.py --photos 50000 --out downscale.md

Photos as large as Places365's (256 px, 14 KB), from an archive in the page cache to shards on disk.
Each round takes every rung in turn; rates are medians of the rounds, ratios medians of each round's
own. img2dataset is installed from the registry into an environment of its own, in .work/.
"""

import argparse
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import simplejpeg
from photo_archive import ROOT, write_archive
from PIL import Image
from rungs import Rounds, Run, emptied, rate, ratio, take

from pipeline.params.downscale import DownscaleParams
from pipeline.params.index import IndexParams
from pipeline.photos import photo_tables, read_at
from pipeline.stages.downscale import downscale
from pipeline.stages.index import index

LIMIT, PEER_NAME = "limit: decoding alone", "img2dataset"
PEER = f"{PEER_NAME}==1.47.0"
PARAMS = DownscaleParams(image_size=64, fit="center_crop", photos_per_shard=1000)


def main() -> None:
    options = _options()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        photos = prepare(folder, options.photos)
        runs: dict[str, Run] = {}
        for cores in options.cores:
            if not options.no_peers:
                runs |= peers(folder, photos, cores, peer_environment(options.folder))
            decode = partial(in_processes, folder, photos, decode_scaled, cores)
            runs[f"{LIMIT}, {cores}"] = decode
            runs[f"ours, {cores}"] = partial(ours, folder, photos, cores)
        rounds = take(runs, options.rounds)
    report = table(rounds, options.photos)
    print(report)
    if options.out:
        options.out.write_text(report)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--photos", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=ROOT / ".work/bench", help="on a fast disk")
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2], help="processes a rung")
    parser.add_argument("--no-peers", action="store_true", help="ours and the limit alone")
    parser.add_argument("--out", type=Path, help="also write the table here")
    return parser.parse_args()


def prepare(folder: Path, num_photos: int) -> pd.DataFrame:
    """The archive; its index with sums, as `kept_photos` gives it; places for the peer."""
    archive = folder / "photos.tar"
    write_archive(archive, num_photos)
    photos, _ = index(archive, IndexParams(formats=["jpeg"], max_bytes=10**7))
    (folder / "places.json").write_text(json.dumps(photos[["offset", "size"]].values.tolist()))
    with archive.open("rb") as file:
        sums = [sha256_at(file, photo) for photo in photo_tables.rows(photos)]
    return photos.assign(sha256=sums)


def sha256_at(file: io.BufferedReader, photo: pd.Series) -> str:
    return hashlib.sha256(read_at(file, photo.offset, photo.size)).hexdigest()


def peer_environment(folder: Path) -> Path | None:
    """The Python in which img2dataset is installed; it pins an older pandas than ours."""
    if sys.version_info >= (3, 13):
        print("img2dataset is left out: it needs Python 3.12 or older", file=sys.stderr)
        return None
    python = folder.absolute() / "img2dataset/bin/python"
    if not python.is_file():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", python.parents[1], "-p", sys.executable], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "-p", python, PEER], check=True)
    return python


def peers(folder: Path, photos: pd.DataFrame, cores: int, python: Path | None) -> dict[str, Run]:
    """How others do it, in `cores` processes."""
    decode = partial(in_processes, folder, photos, decode_in_full, cores)
    runs: dict[str, Run] = {f"full decoding, Lanczos, {cores}": decode}
    if python:
        runs[f"{PEER_NAME}, {cores}"] = partial(img2dataset, folder, python, cores)
    return runs


def ours(folder: Path, photos: pd.DataFrame, workers: int) -> float:
    """The stage's own function, its processes' start and the table included."""
    out = emptied(folder / "ours")
    started = time.perf_counter()
    downscale(folder / "photos.tar", [photos], len(photos), out, PARAMS, workers)
    return time.perf_counter() - started


def img2dataset(folder: Path, python: Path, processes: int) -> float:
    script = Path(__file__).with_name("img2dataset_shards.py")
    arguments = [folder / "photos.tar", folder / "places.json", emptied(folder / "theirs")]
    command = [python, script, *arguments, str(processes), str(PARAMS.photos_per_shard)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return float(done.stdout)


def in_processes(
    folder: Path, photos: pd.DataFrame, decode: Callable[[bytes], None], processes: int
) -> float:
    """An equal share for each of `processes`, timed without their start."""
    places = list(zip(photos["offset"], photos["size"], strict=True))
    shares = [
        (folder / "photos.tar", places[start::processes], decode) for start in range(processes)
    ]
    with get_context("spawn").Pool(processes) as pool:
        return max(pool.starmap(timed, shares, chunksize=1))


def timed(archive: Path, places: list[tuple[int, int]], decode: Callable[[bytes], None]) -> float:
    with archive.open("rb") as file:
        photos = [read_at(file, offset, size) for offset, size in places]
    started = time.perf_counter()
    for photo in photos:
        decode(photo)
    return time.perf_counter() - started


def decode_scaled(photo: bytes) -> None:
    simplejpeg.decode_jpeg(photo, "RGB", min_height=64, min_width=64)


def decode_in_full(photo: bytes) -> None:
    with Image.open(io.BytesIO(photo)) as image:
        image.convert("RGB").resize((64, 64), Image.Resampling.LANCZOS)


def table(rounds: Rounds, num_photos: int) -> str:
    """A row a rung, and what the claims are about."""
    lines = [
        f"{num_photos:,} photos, {len(rounds)} rounds, {os.cpu_count()} cores\n",
        "| rung, processes | photos/s | of the limit on as many cores |",
        "| --- | --- | --- |",
    ]
    for name in rounds[0]:
        of_limit = ratio(rounds, f"{LIMIT}, {name[-1]}", name)
        lines.append(f"| {name} | {rate(rounds, name, num_photos):,.0f} | {of_limit:.2f} |")
    lines.append("")
    if {"ours, 1", "ours, 2"} <= rounds[0].keys():
        ours_twice, limit_twice = (
            ratio(rounds, f"{name}, 1", f"{name}, 2") for name in ("ours", LIMIT)
        )
        lines.append(f"two processes beside one: ours {ours_twice:.2f}, limit {limit_twice:.2f}")
    for name in rounds[0]:
        if name.startswith(PEER_NAME):
            cores = name[-1]
            lines.append(f"ours: {ratio(rounds, name, f'ours, {cores}'):.2f} times {name}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
