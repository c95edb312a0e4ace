"""How long a visitor of the web page waits for a completion, beside Telea's on the same hole.

python bench/page.py PHOTO [PHOTO ...] --model data/train [--hole 0.1]

Each photo is chosen and completed twice, as the page does it and in this process, without a
browser. The hole is a square in the middle, its side a share of the photo's shorter one. Seconds
are of the processor, all threads together; for wall time the machine must be quiet.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import gradio as gr
import numpy as np

from pipeline.api import load
from pipeline.inpainting.opencv import telea
from pipeline.params.section import PARAMS_PATH
from pipeline.web.decoded_photos import DecodedPhotos
from pipeline.web.drawn_mask import mask_uri
from pipeline.web.jobs import Jobs
from pipeline.web.loaded import Loaded
from pipeline.web.people import People
from pipeline.web.uploads import Limits
from pipeline.web.workplace import Workplace

T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--model", type=Path, default=Path("data/train"))
    parser.add_argument("--hole", type=float, default=0.1)
    given = parser.parse_args()
    print("| photo, px | hole, px | chosen, s | completed, s | again, s | Telea alone, s |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        work = Workplace(
            Path("data"),
            given.model,
            Path(folder),
            Loaded(load),
            People(PARAMS_PATH),
            DecodedPhotos(Limits()),
            Jobs(),
        )
        work.loaded.get(str(given.model))  # as the page does in the background
        for photo in given.photos:
            print(row(work, photo, str(given.model), given.hole), flush=True)


def row(work: Workplace, photo: Path, model: str, share: float) -> str:
    """A line of the table."""
    took_choosing, (pictures, _, _) = timed(lambda: work.choose_upload([], str(photo)))
    image = work.photos.get(photo).image
    height, width = image.shape[:2]
    side = round(share * min(height, width))
    mask = np.zeros((height, width), bool)
    top, left = (height - side) // 2, (width - side) // 2
    mask[top : top + side, left : left + side] = True
    drawing = json.dumps({"photo": 0, "hole": mask_uri(mask)})
    request = gr.Request(session_hash="bench")

    def complete() -> None:
        for _ in work.complete(pictures, drawing, model, "none", 0, 0, 0, request):
            pass

    took, again = (timed(complete)[0] for _ in range(2))
    took_telea, _ = timed(lambda: telea(image, mask))
    return (
        f"| {width:,} x {height:,} | {side:,} x {side:,} | {took_choosing:.2f} | {took:.2f} | "
        f"{again:.2f} | {took_telea:.2f} |"
    )


def timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


if __name__ == "__main__":
    main()
