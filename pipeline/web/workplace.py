"""What the tab that completes does: a photo, a hole, a generator, and what came of it."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from PIL import Image

from pipeline.completion.outpainting import Side, canvas
from pipeline.web.comparison import compare, enlarged
from pipeline.web.drawn_mask import mask_uri, picture_uri, read_mask, shown_size
from pipeline.web.examples import find_examples
from pipeline.web.fragments import fragment
from pipeline.web.loaded import Loaded
from pipeline.web.trained import find_trained
from pipeline.web.uploads import read_photo_upload, read_upload

THUMBNAIL = 160  # px
ENLARGED_SIDE = 640  # px, to which small images are shown with visible pixels
SIDES = ["left", "right", "top", "bottom"]
# What a photo is surrounded with before it is outpainted.
OUTSIDE = np.array([200, 197, 189], np.uint8)
COMPRESSION = 3  # of PNG files: twelve megapixels in two seconds
NOTHING_TRAINED = {
    "title": "Nothing is trained here yet.",
    "text": "Photos can be chosen and holes drawn, but there is no generator to complete them. "
    "Train one, and load this page again:",
    "command": "dvc repro train",
}


class Options(NamedTuple):
    """How a hole is completed."""

    blend: str
    colors: int | None
    seed: int


class Workplace(NamedTuple):
    """What the tab works with, and its handlers."""

    data: Path
    named: Path | None  # a generator that was asked for by name
    folder: Path  # for files of the page's own, removed with it
    loaded: Loaded
    find_people: Callable[[np.ndarray], np.ndarray]  # HWC uint8 -> HW bool

    def arrive(self) -> tuple[Any, ...]:
        """What is there when the page is opened."""
        trained = find_trained(self.data, self.named)
        kinds = list(find_examples(self.data))
        first = kinds[0] if kinds else None
        return (
            "" if trained else fragment("notice.html", **NOTHING_TRAINED),
            gr.Radio(choices=kinds, value=first, visible=bool(kinds)),
            gr.Gallery(value=self.examples_of(first), visible=bool(kinds)),
            gr.Dropdown(
                choices=[(each.title, each.path) for each in trained],
                value=trained[0].path if trained else None,
            ),
        )

    def examples_of(self, kind: str | None) -> list[Image.Image]:
        return [each.thumbnail(THUMBNAIL) for each in find_examples(self.data).get(kind or "", [])]

    def choose_upload(self, path: str) -> tuple[Any, ...]:
        return _choose(Path(path), None)

    def choose_example(self, kind: str, event: gr.SelectData) -> tuple[Any, ...]:
        examples = find_examples(self.data).get(kind, [])
        if not 0 <= event.index < len(examples):
            raise ValueError("The photos have changed meanwhile: load the page again")
        example = examples[event.index]
        path = self.folder / f"{example.name}.photo"
        path.write_bytes(example.content)
        return _choose(path, example.mask)

    def complete(
        self,
        path: str,
        drawn: str | None,
        model: str | None,
        blend: str,
        colors: float,
        seed: float,
    ) -> tuple[Any, ...]:
        photo, unknown = read_photo_upload(Path(path))
        mask = read_mask(drawn, *photo.shape[:2])
        return self._completed(path, photo, mask, unknown, model, _options(blend, colors, seed))

    def remove_people(
        self, path: str, model: str | None, blend: str, colors: float, seed: float
    ) -> tuple[Any, ...]:
        """The canvas with the people marked, and what `complete` returns."""
        photo, unknown = read_photo_upload(Path(path))
        mask = self.find_people(photo)
        if not mask.any():
            raise ValueError("No person was found in this photo: mark by hand what is to go")
        results = self._completed(path, photo, mask, unknown, model, _options(blend, colors, seed))
        return _sheet(photo, mask), *results

    def _completed(
        self,
        path: str,
        photo: np.ndarray,
        mask: np.ndarray,
        unknown: np.ndarray,
        model: str | None,
        options: Options,
    ) -> tuple[Any, ...]:
        start = time.monotonic()
        # What is transparent has no colour that a completion could rest on, and stays as it is.
        made = self._generator(model).complete(photo, mask | unknown, **options._asdict())
        completed = np.where(mask[..., None], made, photo)
        height, width = mask.shape
        facts = (
            f"{width:,} x {height:,} px, {mask.mean():.1%} of them completed in "
            f"{time.monotonic() - start:.1f} s. Every other pixel is as it was, bit for bit."
        )
        pictures = [
            (_enlarged(each.picture), each.title) for each in compare(photo, completed, mask)
        ]
        return self._result(path, photo, completed, facts, pictures)

    def _generator(self, model: str | None) -> Any:
        """One of those that the page offers, whatever path a browser sends."""
        trained = find_trained(self.data, self.named)
        if not trained:
            raise ValueError("Nothing is trained here yet: run `dvc repro train` first")
        if model not in [each.path for each in trained]:
            raise ValueError("That generator is no longer there: load the page again")
        return self.loaded.get(model)

    def outpaint(
        self,
        path: str,
        model: str | None,
        ratio: float,
        sides: list[Side],
        blend: str,
        colors: float,
        seed: float,
    ) -> tuple[Any, ...]:
        photo = read_upload(Path(path))
        if not sides:
            raise ValueError("No side is chosen: tick at least one of left, right, top, bottom")
        start = time.monotonic()
        options = _options(blend, colors, seed)
        wide, new = canvas(photo, ratio, sides)
        made = self._generator(model).outpaint(photo, ratio, sides, **options._asdict())
        before = np.where(new[..., None], OUTSIDE, wide)
        facts = (
            f"{photo.shape[1]:,} x {photo.shape[0]:,} px became "
            f"{made.shape[1]:,} x {made.shape[0]:,} in {time.monotonic() - start:.1f} s. "
            "The photo itself is as it was, bit for bit."
        )
        return self._result(path, before, made, facts, [])

    def _result(
        self,
        path: str,
        before: np.ndarray,
        after: np.ndarray,
        facts: str,
        pictures: list[tuple[np.ndarray, str]],
    ) -> tuple[Any, ...]:
        """Slider, facts, download, comparison, and all of it visible."""
        # Of the same name for another visitor's photo of that name, in a folder of its own.
        target = Path(tempfile.mkdtemp(dir=self.folder)) / f"{Path(path).stem}-completed.png"
        Image.fromarray(after).save(target, compress_level=COMPRESSION)
        return (
            (_enlarged(_small(before)), _enlarged(_small(after))),
            facts,
            str(target),
            gr.HTML(visible=bool(pictures)),
            gr.Gallery(value=pictures, visible=bool(pictures)),
            gr.Column(visible=True),
        )


def _choose(path: Path, mask: np.ndarray | None) -> tuple[Any, ...]:
    """State, canvas, the row with it, and no result of a former photo."""
    photo = read_upload(path)
    return str(path), _sheet(photo, mask), gr.Row(visible=True), gr.Column(visible=False)


def _sheet(photo: np.ndarray, mask: np.ndarray | None) -> Any:
    """The canvas anew, with a hole where one is known."""
    hole = mask_uri(mask) if mask is not None else ""
    sheet = {"picture": picture_uri(photo), "hole": hole, "number": time.time_ns()}
    return gr.HTML(sheet=sheet)


def _options(blend: str, colors: float, seed: float) -> Options:
    if not 10 <= colors <= 200 and colors != 0:
        raise ValueError(f"Colours are {colors}, but must be 10 to 200, or 0 for all")
    return Options(blend, int(colors) or None, int(seed or 0))


def _small(picture: np.ndarray) -> np.ndarray:
    """As large as the page shows it."""
    height, width = shown_size(*picture.shape[:2])
    if (height, width) == picture.shape[:2]:
        return picture
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))


def _enlarged(picture: np.ndarray) -> np.ndarray:
    return enlarged(picture, ENLARGED_SIDE)
