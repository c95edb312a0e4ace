"""The command `outpaint`: image files, and larger ones with them inside."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from pipeline.completion.outpainting import Side, canvas, check_extension
from pipeline.image_files.batch import run_batch
from pipeline.image_files.image_file import PictureFile
from pipeline.image_files.jobs import Job, Outputs, jobs_of
from pipeline.image_files.render_options import RenderOptions

ENDING = "_outpainted"


def outpaint_files(
    names: Sequence[str],  # files, folders, globs
    outputs: Outputs,
    making: RenderOptions,
    *,
    extension_ratio: float,
    sides: Sequence[str],
    recursive: bool = False,  # folders with their subfolders
) -> str:
    """Continues every image that `names` mean; what was done, and a table of what came of all."""
    if not names:
        raise ValueError("no images: name files, folders or globs")
    check_extension(extension_ratio, sides)
    chosen = cast(Sequence[Side], sides)
    jobs, left_out = jobs_of(names, outputs, recursive=recursive)
    model = making.load()

    def work(job: Job) -> str:
        picture = PictureFile.read(job.source)
        _, new = canvas(picture.rgb, extension_ratio, chosen)
        made = model.outpaint(picture.rgb, extension_ratio, chosen, **making.options())
        top, left = np.argwhere(~new)[0].tolist()
        picture.write(picture.with_completed(made, new, top, left), job.target)
        return ""

    return run_batch("outpaint", [str(job.source) for job in jobs], jobs, left_out, work)
