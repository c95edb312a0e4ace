"""The command `complete`: image files, their holes, and the completed files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.image_files.batch import run_batch
from pipeline.image_files.image_file import PictureFile
from pipeline.image_files.jobs import Job, Outputs, jobs_of, masks_of
from pipeline.image_files.masks import MaskRule, described, grown, read_mask
from pipeline.image_files.render_options import RenderOptions
from pipeline.params.section import MAX_SHOWN, PARAMS_PATH
from pipeline.runtime.progress import say
from pipeline.shards.rectangle import Rectangle

if TYPE_CHECKING:
    from pipeline.image_files.people import PeopleFinder

ENDING = "_completed"
MAX_GROW = 1000  # px


def complete_files(
    names: Sequence[str],  # files, folders, globs
    outputs: Outputs,
    making: RenderOptions,
    *,
    mask: Path | None,
    holes: Sequence[str],  # each "top,left,height,width"
    remove: str | None,  # people
    outlines: tuple[Path, str] | None = None,  # a segmentation model and its sha256
    recursive: bool = False,  # folders with their subfolders
    rule: MaskRule = MaskRule(),  # noqa: B008 - a tuple
) -> str:
    """Completes every image that `names` mean; what was done, and a table of what came of all.

    The holes of an image are those of its mask, the rectangles and the people together.
    """
    if mask is None and not holes and remove is None:
        raise ValueError(
            "no holes: name a --mask (white = complete), a --hole top,left,height,width, or "
            "--remove people"
        )
    if remove not in (None, "people"):
        raise ValueError(f"--remove is {remove!r}, but must be: people")
    if outlines and remove is None:
        raise ValueError("--outline-weights outlines people: add --remove people")
    if rule.threshold is not None and not 0 <= rule.threshold < 255:
        raise ValueError(f"--mask-threshold is {rule.threshold}, but must be 0 to 254")
    if not 0 <= rule.grow <= MAX_GROW:
        raise ValueError(f"--grow is {rule.grow}, but must be 0 to {MAX_GROW} px")
    rectangles = [_rectangle(hole) for hole in holes]
    jobs, left_out = jobs_of(names, outputs, recursive=recursive)
    masks = masks_of(jobs, mask)
    model = making.load()
    finder = _finder(making.device, outlines) if remove else None

    def work(item: tuple[Job, Path | None]) -> str:
        job, mask_path = item
        picture = PictureFile.read(job.source)
        hole = _hole(picture.rgb, mask_path, rectangles, finder, rule)
        if not hole.any():
            return "nobody found, nothing to complete: not written"
        hole = grown(hole, rule.grow)
        say(f"{job.source}: {described(hole, rule if mask_path else None)}")
        # What is transparent has no colour that a completion could rest on.
        made = model.complete(picture.rgb, hole | picture.unknown, **making.options())
        picture.write(picture.with_completed(made, hole), job.target)
        return ""

    return run_batch(
        "complete",
        [str(job.source) for job in jobs],
        list(zip(jobs, masks, strict=True)),
        left_out,
        work,
    )


def _finder(device: str, outlines: tuple[Path, str] | None) -> "PeopleFinder":
    # Imported here: the detector is heavy, and its packages need not be installed.
    from pipeline.image_files.people import OutlineWeights, PeopleFinder

    return PeopleFinder(PARAMS_PATH, device, OutlineWeights(*outlines) if outlines else None)


def _rectangle(hole: str) -> Rectangle:
    try:
        rectangle = Rectangle(*(int(number) for number in hole.split(",")))
    except (ValueError, TypeError):
        raise ValueError(
            f"--hole is {hole[:MAX_SHOWN]!r}, but must be top,left,height,width in px, such as "
            "40,60,100,80"
        ) from None
    if min(rectangle) < 0 or not (rectangle.height and rectangle.width):
        raise ValueError(
            f"--hole is {hole[:MAX_SHOWN]}: top and left must be >= 0, height and width >= 1"
        )
    return rectangle


def _hole(
    rgb: np.ndarray,
    mask_path: Path | None,
    rectangles: Sequence[Rectangle],
    finder: "PeopleFinder | None",
    rule: MaskRule,
) -> np.ndarray:
    """(H, W) bool: all that is to be completed."""
    height, width = rgb.shape[:2]
    hole = np.zeros((height, width), bool)
    if mask_path is not None:
        mask = read_mask(mask_path, rule)
        if mask.shape != hole.shape:
            raise ValueError(
                f"the mask {mask_path} has {mask.shape[1]}x{mask.shape[0]} px and the image "
                f"{width}x{height} (upright): they must have the same size"
            )
        hole |= mask
    for each in rectangles:
        if each.rows.stop > height or each.columns.stop > width:
            raise ValueError(
                f"--hole {','.join(map(str, each))} (top,left,height,width) reaches out of the "
                f"image, which is {width} px wide and {height} px high"
            )
        hole[each.rows, each.columns] = True
    return hole if finder is None else hole | finder.mask(rgb)
