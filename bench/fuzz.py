"""What a stranger's file makes a parser do is words: `bench/fuzz.py --executions 1000000`.

Seeds of every kind of file that comes from outside are mutated: bits and bytes, cuts, repeats,
splices with another seed, lengths and numbers at their limits. A parser may return, or raise
ValueError; anything else is a finding, which is kept in tests/bench/corpus/ and tried first from
then on. Executions come in rounds, each a function of seed, parser and its number alone; those that
the state file counts are not run again, so that a run goes on where it was stopped.
"""

import argparse
import hashlib
import json
import logging
import os
import random
import re
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from pipeline.export.sidecar import read_sidecar, sidecar_path  # noqa: E402
from pipeline.image_files.complete import _rectangle  # noqa: E402
from pipeline.params.crop import CropParams  # noqa: E402
from pipeline.params.section import load  # noqa: E402
from pipeline.photos.decoding import read_photo  # noqa: E402
from pipeline.photos.headers import members  # noqa: E402
from pipeline.photos.png import encode_png  # noqa: E402
from pipeline.places365.categories import read_labels  # noqa: E402
from pipeline.report.ratings import image_name, read_ratings  # noqa: E402
from pipeline.runtime.checksums import read_sums  # noqa: E402
from pipeline.sources.mnist.source import read_idx  # noqa: E402
from pipeline.web.drawn_mask import mask_uri, read_mask  # noqa: E402
from support.digits import idx  # noqa: E402
from support.pictures import encoded, picture  # noqa: E402
from support.places_archives import tar  # noqa: E402

CORPUS = ROOT / "tests" / "bench" / "corpus"
ODD = (b"", b"\0", b"\xff" * 8, b"-1", b"9" * 40, b"1e400", b"\xef\xbb\xbf", b"\n", b"../", b"NaN")
MAX_BYTES = 1 << 16
MAX_MESSAGE = 5_000  # characters
ROUND = 1000  # executions
# In memory where there is such a folder: most of an execution would be the disk's.
FOLDER = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
RATED = "0" * 64
# Every construct of YAML that a params.yaml may have, and some that none has.
PARAMS = b"""# comment
crop: &all {seed: 0, kind: box, samples_per_shard: 1000}
train:
  rate: 1e-4  # behind a value
  "layers": [1, -2.5, .inf, ~, off, 0x1F, 0o7, 2020-01-01, !!str 7]
  text: |
    lines
  folded: >-
    of text
  <<: *all
? odd
: 'it''s'
"""


def _tar(path: Path) -> None:
    for _ in members(path):
        pass


def _params(path: Path) -> None:
    load("crop", CropParams, path)


def _photo(path: Path) -> None:
    read_photo(path.read_bytes(), max_pixels=1 << 20)


def _hole(path: Path) -> None:
    _rectangle(path.read_text(errors="replace"))


def _drawing(path: Path) -> None:
    read_mask(path.read_text(errors="replace"), 64, 64)


def _sidecar(path: Path) -> None:
    path.with_name("model.onnx").write_bytes(b"model")
    path.replace(sidecar_path(path.with_name("model.onnx")))
    read_sidecar(path.with_name("model.onnx"))


def _ratings(path: Path) -> None:
    folder = path.with_name("ratings-folder")
    folder.mkdir(exist_ok=True)
    path.replace(folder / "a.json")
    read_ratings(folder, [("a", "model")], RATED, RATED)


def _config(path: Path) -> None:
    from models.generator_files import read_config

    path.replace(path.with_name("config.json"))
    read_config(path.parent)


def _digits(path: Path) -> None:
    read_idx(path, 3)


def _sums(path: Path) -> None:
    read_sums(path)


def _labels(path: Path) -> None:
    read_labels(path)


PARSERS: dict[str, Callable[[Path], None]] = {
    "tar": _tar,
    "params": _params,
    "photo": _photo,
    "labels": _labels,
    "sums": _sums,
    "digits": _digits,
    "hole": _hole,
    "drawing": _drawing,
    "sidecar": _sidecar,
    "config": _config,
    "ratings": _ratings,
}


def seeds(kind: str) -> list[bytes]:
    """What mutation starts from: small whole files, then what was once a finding."""
    image = picture(1, (24, 20))
    formats = ("jpeg", "png", "webp", "bmp", "tiff", "gif", "avif")
    config = {"recipe": "wgan", "options": {"preset": "default"}, "image_size": 64}
    config["sha256"] = {"generator.safetensors": "0" * 64, "config.json": "0" * 64}
    port = {"name": "image", "shape": ["N", 3, 64, 64], "meaning": "photo", "range": [-1, 1]}
    signature: dict[str, Any] = {"sha256": hashlib.sha256(b"model").hexdigest(), "inputs": [port]}
    signature |= {"outputs": [port], "image_size": 64, "size_multiple": None}
    rating = {"picture": image_name(RATED, RATED, "a", "model"), "local": 3, "global": 4}
    ratings = {"format": "scenefill-rating-1", "rater": "one", "num_pictures": 1}
    ratings |= {"test_sha256": RATED, "generator_sha256": RATED, "ratings": [rating]}
    whole = {
        "tar": [tar({"data_256/a/1.jpg": b"photo" * 9, f"data_256/{'x' * 120}/2.jpg": b"other"})],
        "params": [_section("crop"), PARAMS],
        "photo": [encoded(image, form) for form in formats] + [encode_png(np.asarray(image))],
        "labels": [b"Places365_val_00000001.jpg 165\na/b.jpg 3\n"],
        "sums": [b"0" * 64 + b"  photos.tar\n"],
        "digits": [idx(np.zeros((2, 3, 3), np.uint8))],
        "hole": [b"40,60,100,80"],
        "drawing": [mask_uri(np.eye(64, dtype=bool)).encode()],
        "sidecar": [json.dumps(signature).encode()],
        "config": [json.dumps(config).encode()],
        "ratings": [json.dumps(ratings).encode()],
    }[kind]
    return whole + [path.read_bytes() for path in sorted((CORPUS / kind).glob("*"))]


def _section(name: str) -> bytes:
    """One of params.yaml, with its comments."""
    text = (ROOT / "params.yaml").read_text()
    start = text.index(f"\n{name}:") + 1
    end = start + re.search(r"\n\w", text[start:]).start()  # type: ignore[union-attr]
    return text[start:end].encode() + b"\n"


def mutated(draws: random.Random, own: list[bytes]) -> bytes:
    """One of `own` with a few faults."""
    data = bytearray(draws.choice(own))
    for _ in range(draws.randint(1, 6)):
        place = draws.randrange(len(data) + 1)
        end = min(place + draws.randrange(1, 40), len(data))
        match draws.randrange(7):
            case 0 if data:
                data[min(place, len(data) - 1)] ^= 1 << draws.randrange(8)
            case 1:
                data[place:end] = draws.randbytes(end - place)
            case 2:
                del data[place:]
            case 3:
                data[place:place] = data[place:end] * draws.randint(1, 50)
            case 4:
                data[place:end] = draws.choice(ODD)
            case 5:
                other = draws.choice(own)
                cut = draws.randrange(len(other) + 1)
                data[place:] = other[cut:]
            case _:
                del data[place:end]
    return bytes(data[:MAX_BYTES])


class Finding(NamedTuple):
    """A fault, and where it shows: others of the same place are the same one."""

    place: str
    said: str


def finding(kind: str, data: bytes, folder: str) -> Finding | None:
    """What the parser raised that is no ValueError, or an endless one; None where it did well."""
    path = Path(folder, kind)
    path.write_bytes(data)
    try:
        PARSERS[kind](path)
    except ValueError as error:
        length = len(str(error))
        said = f"a message of {length:,} characters"
        return Finding(_place(error), said) if length > MAX_MESSAGE else None
    except Exception as error:
        return Finding(_place(error), f"{type(error).__name__}: {str(error)[:200]}")
    return None


def _place(error: Exception) -> str:
    """The last line of code that it went through."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"


def fuzz(
    kind: str, own: list[bytes], seed: int, number: int, executions: int = ROUND
) -> dict[Finding, bytes]:
    """What was found -> the first input that did so, of one round that starts from `own`.

    The first round begins with `own` as they are.
    """
    draws = random.Random(f"{seed}/{kind}/{number}")
    inputs = list(own) if number == 0 else []
    found: dict[str, tuple[Finding, bytes]] = {}
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        for _ in range(executions):
            data = inputs.pop(0) if inputs else mutated(draws, own)
            if each := finding(kind, data, name):
                found.setdefault(each.place, (each, data))
    return dict(found.values())


def keep(kind: str, data: bytes) -> None:
    """In the corpus, by its sum."""
    (CORPUS / kind).mkdir(parents=True, exist_ok=True)
    (CORPUS / kind / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


def main() -> None:
    options = _options()
    warnings.simplefilter("ignore")
    logging.disable()
    state: dict[str, Any] = {}
    if options.state.is_file():
        state = json.loads(options.state.read_text())
    options.state.parent.mkdir(parents=True, exist_ok=True)
    for kind in options.parser or PARSERS:
        done = state.setdefault(f"{kind}/{options.seed}", {"executions": 0, "found": {}})
        start, before, own = time.process_time(), done["executions"], seeds(kind)
        while done["executions"] < options.executions:
            found = fuzz(kind, own, options.seed, done["executions"] // ROUND)
            for each, data in found.items():
                if each.place not in done["found"]:
                    print(f"  {kind}: {each.place}: {each.said}", flush=True)
                    keep(kind, data)
            done["found"] |= {each.place: each.said for each in found}
            done["executions"] += ROUND
            temporary = options.state.with_suffix(".tmp")
            temporary.write_text(json.dumps(state, indent=2) + "\n")
            os.replace(temporary, options.state)
        seconds = time.process_time() - start
        rate = f", {(done['executions'] - before) / seconds:,.0f} a CPU second"
        print(
            f"{kind}: {done['executions']:,} executions, {len(done['found'])} findings"
            + rate * (done["executions"] > before),
            flush=True,
        )
    sys.exit(any(done["found"] for done in state.values()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--parser", action="append", choices=PARSERS, help="repeatable; else all")
    parser.add_argument("--executions", type=int, default=10_000, help="of each parser, in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--state", type=Path, default=Path(".work/fuzz.json"), help="what was done before"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
