"""What the tab that completes does: photos, holes, generators, and what came of them."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import cv2
import gradio as gr
import numpy as np
from PIL import Image

from pipeline.completion.outpainting import Side, canvas
from pipeline.image_files.image_file import exif_of_size
from pipeline.image_files.masks import MaskRule
from pipeline.image_files.masks import read_mask as read_mask_file
from pipeline.web import classical_fills
from pipeline.web.decoded_photos import Decoded, DecodedPhotos
from pipeline.web.drawn_mask import mask_uri, picture_uri, read_mask, shown_size
from pipeline.web.examples import find_examples
from pipeline.web.fragments import fragment
from pipeline.web.jobs import Job, Jobs, Said
from pipeline.web.loaded import Loaded
from pipeline.web.people import People
from pipeline.web.trained import find_trained

THUMBNAIL = 160  # px
SIDES = ["left", "right", "top", "bottom"]
# Width by height, that a photo is outpainted to.
SHAPES = {"16:9": 16 / 9, "3:2": 3 / 2, "4:3": 4 / 3, "1:1": 1.0, "3:4": 3 / 4, "9:16": 9 / 16}
BY_SHARE = "wider or higher by a share"
COMPLETED = "completed"
COMPRESSION = 1  # of PNG files: more takes several times as long, for a tenth of the bytes
NOTHING_TRAINED = {
    "title": "Nothing is trained here yet.",
    "text": "Classical methods fill holes all the same: their buttons are below the photo. For "
    "a generator that completes them, train one, and load this page again:",
    "command": "dvc repro train",
}


class Picture(NamedTuple):
    """One of a visitor's photos and results; a browser names them by their place in the list."""

    path: Path  # of the file in full size
    title: str


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
    people: People
    photos: DecodedPhotos
    jobs: Jobs

    def prepare(self, is_ended: Callable[[], bool]) -> None:
        """Loads what the first visitor will need, while the page is looked at.

        A fault is told to whoever asks for what is faulty: nobody has asked here.
        """
        trained = find_trained(self.data, self.named)
        for load in (lambda: self.loaded.get(trained[0].path), self.people.prepare):
            if trained and not is_ended():
                try:
                    load()
                except (ValueError, OSError):
                    continue

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

    def choose_upload(self, pictures: list[Picture], path: str) -> tuple[Any, ...]:
        # Empty again, so that the next photo can be dropped there.
        return *self._chosen(pictures, Picture(Path(path), Path(path).name), None), None

    def choose_example(
        self, pictures: list[Picture], kind: str, event: gr.SelectData
    ) -> tuple[Any, ...]:
        examples = find_examples(self.data).get(kind, [])
        if not 0 <= event.index < len(examples):
            raise ValueError("The photos have changed meanwhile: load the page again")
        example = examples[event.index]
        path = self.folder / f"{example.name}.photo"
        path.write_bytes(example.content)
        return self._chosen(pictures, Picture(path, example.name), example.mask)

    def _chosen(
        self, pictures: list[Picture], picture: Picture, mask: np.ndarray | None
    ) -> tuple[Any, ...]:
        """The visitor's photos with a new one, and the canvas with it."""
        photo = self.photos.get(picture.path).image
        height, width = photo.shape[:2]
        sheet = {
            "id": len(pictures),
            "title": picture.title,
            "picture": picture_uri(photo),
            "hole": mask_uri(mask) if mask is not None else "",
            "size": [width, height],
            "number": time.time_ns(),
        }
        return [*pictures, picture], gr.HTML(sheet=sheet)

    def complete(
        self,
        pictures: list[Picture],
        drawing: str,
        model: str | None,
        blend: str,
        colors: float,
        seed: float,
        soften: float,
        request: gr.Request,
    ) -> Iterator[tuple[Any, ...]]:
        """The canvas with how far it is, and at the end with the result."""
        options = _options(blend, colors, seed)

        def make(job: Job, decoded: Decoded, mask: np.ndarray, path: str) -> np.ndarray:
            generator = self._generator(job, path)
            # What is transparent has no colour that a completion could rest on, and stays.
            made = generator.complete(decoded.image, mask | decoded.unknown, **options._asdict())
            return softened(decoded.image, made, mask, soften)

        def work(job: Job) -> tuple[Any, ...]:
            path = self._offered(model)
            make_it = partial(make, path=path)
            return self._filled(job, pictures, drawing, COMPLETED, make_it)

        yield from self._followed(work, request)

    def fill(
        self, pictures: list[Picture], drawing: str, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        """As `complete`, by the classical fill that the drawing names."""
        name = str(_read(drawing).get("fill"))
        titles = dict(classical_fills.titles())

        def make(job: Job, decoded: Decoded, mask: np.ndarray) -> np.ndarray:
            job.say(f"Filling by {titles.get(cast(Any, name), name)}")
            return classical_fills.fill(name, decoded.image, mask)

        def work(job: Job) -> tuple[Any, ...]:
            return self._filled(job, pictures, drawing, titles.get(cast(Any, name), name), make)

        yield from self._followed(work, request)

    def _filled(
        self,
        job: Job,
        pictures: list[Picture],
        drawing: str,
        title: str,
        make: Callable[[Job, Decoded, np.ndarray], np.ndarray],
    ) -> tuple[Any, ...]:
        job.say("Reading the photo")
        number, picture = _named(pictures, drawing)
        decoded = self.photos.get(picture.path)
        mask = read_mask(_read(drawing).get("hole"), *decoded.image.shape[:2])
        start = time.monotonic()
        made = make(job, decoded, mask)
        completed = np.where(mask[..., None], made, decoded.image)
        height, width = mask.shape
        done = title if title == COMPLETED else f"filled by {title}"
        facts = (
            f"{width:,} x {height:,} px, {mask.mean():.1%} of them {done} in "
            f"{time.monotonic() - start:.1f} s. Every other pixel is as it was, bit for bit."
        )
        return self._result(job, pictures, number, None, completed, title, facts)

    def find_people(
        self, pictures: list[Picture], drawing: str, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        """The canvas with outlines of those who were found, each of which can be left out."""

        def work(job: Job) -> tuple[Any, ...]:
            job.say("Reading the photo")
            _, picture = _named(pictures, drawing)
            photo = self.photos.get(picture.path).image
            if not self.people.is_loaded:
                job.say("Loading the detector")
            job.say("Looking for people")
            mask = self.people.find(photo)
            if not mask.any():
                raise ValueError(nobody(self.people.is_demo))
            found = {"outlines": outlines(mask), "text": found_text(mask)}
            return gr.HTML(people=found | {"number": time.time_ns()}, status=_idle()), pictures

        yield from self._followed(work, request)

    def outpaint(
        self,
        pictures: list[Picture],
        drawing: str,
        model: str | None,
        shape: str,
        ratio: float,
        sides: list[Side],
        blend: str,
        colors: float,
        seed: float,
        request: gr.Request,
    ) -> Iterator[tuple[Any, ...]]:
        options = _options(blend, colors, seed)

        def work(job: Job) -> tuple[Any, ...]:
            job.say("Reading the photo")
            number, picture = _named(pictures, drawing)
            photo = self.photos.get(picture.path).image
            height, width = photo.shape[:2]
            share, chosen = _extension(shape, ratio, sides, height, width)
            path = self._offered(model)
            start = time.monotonic()
            wide, new = canvas(photo, share, chosen)
            generator = self._generator(job, path)
            made = generator.outpaint(photo, share, chosen, **options._asdict())
            facts = (
                f"{width:,} x {height:,} px became {made.shape[1]:,} x {made.shape[0]:,} in "
                f"{time.monotonic() - start:.1f} s. The photo itself is as it was, bit for bit."
            )
            before = np.where(new[..., None], np.uint8(255), wide)
            return self._result(job, pictures, number, before, made, "outpainted", facts)

        yield from self._followed(work, request)

    def complete_file(self, photo: str, mask: str, model: str = "") -> str:
        """Path of the completed PNG: of a photo and a mask in files, as `scenefill complete`.

        `model`: path of a generator that the page offers; the first of them where it is empty.
        """
        trained = find_trained(self.data, self.named)
        path = self._offered(model or (trained[0].path if trained else None))
        decoded = self.photos.get(Path(photo))
        hole = read_mask_file(Path(mask), MaskRule())
        if hole.shape != decoded.image.shape[:2]:
            raise ValueError(
                f"The mask has {hole.shape[1]}x{hole.shape[0]} px and the photo "
                f"{decoded.image.shape[1]}x{decoded.image.shape[0]}: they must have the same size"
            )
        made = self.loaded.get(path).complete(decoded.image, hole | decoded.unknown)
        made = np.where(hole[..., None], made, decoded.image)
        return str(self._written(made, decoded.exif, Path(photo).stem, COMPLETED))

    def _written(self, image: np.ndarray, exif: bytes, stem: str, title: str) -> Path:
        """The file of a result, called after the photo and what was done to it, with its EXIF."""
        # Of the same name for another visitor's photo of that name, in a folder of its own.
        path = Path(tempfile.mkdtemp(dir=self.folder)) / f"{stem}-{_ending(title)}.png"
        exif = exif and exif_of_size(exif, (image.shape[1], image.shape[0]))
        Image.fromarray(image).save(path, compress_level=COMPRESSION, exif=exif)
        return path

    def cancel(self, request: gr.Request) -> None:
        """Ends what the visitor waits for."""
        self.jobs.cancel(_visitor(request))

    def rest(self) -> Any:
        """The canvas, where nothing is being done."""
        return gr.HTML(status=_idle())

    def _followed(
        self, work: Callable[[Job], tuple[Any, ...]], request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        with self.jobs.running(_visitor(request)) as job:
            said = job.follow(partial(work, job))
            try:
                while True:
                    yield _status(next(said)), gr.skip()
            except StopIteration as end:
                yield end.value
            finally:
                said.close()

    def _offered(self, model: str | None) -> str:
        """One of those that the page offers, whatever path a browser sends."""
        trained = find_trained(self.data, self.named)
        if not trained:
            raise ValueError(
                "Nothing is trained here yet: run `dvc repro train` first, or press one of the "
                "classical fills below the photo"
            )
        if model not in [each.path for each in trained]:
            raise ValueError("That generator is no longer there: load the page again")
        return model

    def _generator(self, job: Job, path: str) -> Any:
        """It says how many of its windows are done."""
        if not self.loaded.has(path):
            job.say("Loading the generator")
        generator = self.loaded.get(path)

        def tell(done: int, total: int) -> None:
            text = f"{done:,} of {total:,} windows done" if total else f"{done:,} windows done"
            job.say(text, done, total)

        return generator.watched(tell)

    def _result(
        self,
        job: Job,
        pictures: list[Picture],
        parent: int,
        before: np.ndarray | None,  # where that is not the photo as it is
        after: np.ndarray,
        title: str,
        facts: str,
    ) -> tuple[Any, ...]:
        """The canvas with the result of the photo number `parent`, and the visitor's pictures."""
        job.say("Writing the file")
        former = pictures[parent]
        stem = former.path.stem.removesuffix(f"-{_ending(former.title)}")
        exif = self.photos.get(former.path).exif
        path = self._written(after, exif, stem, title)
        self.photos.put(path, Decoded(after, np.zeros(after.shape[:2], bool), exif))
        result = {
            "id": len(pictures),
            "parent": parent,
            "title": title,
            "picture": picture_uri(after),
            "before": "" if before is None else picture_uri(before),
            "size": [after.shape[1], after.shape[0]],
            "facts": facts,
            "file": str(path),
            "number": time.time_ns(),
        }
        picture = Picture(path, title)
        return gr.HTML(result=result, status=_idle()), [*pictures, picture]


def _ending(title: str) -> str:
    """Of a file's name: `mean colour` -> mean-colour."""
    return title.lower().replace(" ", "-")


def _visitor(request: gr.Request) -> str:
    return str(request.session_hash)


def _status(said: Said) -> Any:
    return gr.HTML(status={**said._asdict(), "number": time.time_ns()})


def _idle() -> dict[str, Any]:
    """The status where nothing is being done; a new one each time, so that the page sees it."""
    return {**Said("")._asdict(), "number": time.time_ns()}


def _read(drawing: str) -> dict[str, Any]:
    """What the canvas says: `photo` (its number), `hole` (a data URI) and `fill` (a name)."""
    try:
        said = json.loads(drawing or "{}")
    except (json.JSONDecodeError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise ValueError("What is marked could not be read: draw it anew")
    return said


def _named(pictures: list[Picture], drawing: str) -> tuple[int, Picture]:
    number = _read(drawing).get("photo")
    if not isinstance(number, int) or not 0 <= number < len(pictures):
        raise ValueError("The photo is no longer kept here: choose it once more")
    return number, pictures[number]


def _extension(
    shape: str, ratio: float, sides: list[Side], height: int, width: int
) -> tuple[float, list[Side]]:
    """By which share of which sides the photo grows."""
    if shape == BY_SHARE:
        if not sides:
            raise ValueError("No side is chosen: tick at least one of left, right, top, bottom")
        return ratio, sides
    if shape not in SHAPES:
        raise ValueError(f"The shape is {shape!r}, but must be one of: {', '.join(SHAPES)}")
    wider = SHAPES[shape] * height / width
    if abs(wider - 1) * max(height, width) < 1:
        raise ValueError(f"The photo is {shape} already: choose another shape")
    return (wider - 1, ["left", "right"]) if wider > 1 else (1 / wider - 1, ["top", "bottom"])


def _options(blend: str, colors: float, seed: float) -> Options:
    if not 10 <= colors <= 200 and colors != 0:
        raise ValueError(f"Colours are {colors}, but must be 10 to 200, or 0 for all")
    return Options(blend, int(colors) or None, int(seed or 0))


def softened(
    photo: np.ndarray, completed: np.ndarray, mask: np.ndarray, reach: float
) -> np.ndarray:
    """`completed`, of which less and less counts over the last `reach` px inside the `mask`."""
    if reach <= 0:
        return completed
    inside = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    share = np.clip(inside / (reach + 1), 0, 1)[..., None]
    mixed: np.ndarray = np.rint(share * completed + (1 - share) * photo).astype(np.uint8)
    return mixed


def outlines(mask: np.ndarray) -> list[list[list[int]]]:
    """Of each region of `mask` (H, W) bool its border, [x, y] in px of what the page shows."""
    height, width = shown_size(*mask.shape)
    size = (width, height)
    small = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    found, _ = cv2.findContours(small, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [border[:, 0].tolist() for border in reversed(found)]


def nobody(is_demo: bool) -> str:
    """What is said where the detector finds nobody."""
    text = "Nobody was found in this photo. Mark by hand who is to go, and press Complete."
    if is_demo:
        text += (
            " The demo detector misses most people in real photos: set detect_people.weights in "
            "params.yaml to yolo11n.pt or larger for one that does not."
        )
    return text


def found_text(mask: np.ndarray) -> str:
    """What is said of the people that were found."""
    num_found = len(outlines(mask))
    what = "1 person or group" if num_found == 1 else f"{num_found:,} people or groups"
    return f"{what} found: Complete removes them. Press an outline to keep who is in it."
