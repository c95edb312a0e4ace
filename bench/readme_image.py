"""The image of the README: four test photos as masked, as filled, as completed, and as they were.

python bench/readme_image.py

after `dvc repro`: reads data/evaluate/ and writes docs/sample.png, the same bytes for the same
evaluation. The fill beside ours is the classical one with the highest mean PSNR in the hole.
Without --photos it shows the first photos of the evaluation's grid, which nobody has chosen.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from pipeline.report.titles import MASKED, MODEL, ORIGINAL, method_title  # noqa: E402

NUM_PHOTOS = 4
SCALE = 4  # screen pixels of a photo's pixel, which stay squares: nothing is smoothed for show
GAP = 8  # px between images
LABEL_HEIGHT, LABEL_SIZE = 40, 24  # px
MAX_BYTES = 300_000  # a README has to open at once
# Not inpainting: the floor that any method has to beat, and the model's own recipe.
NO_FILL = ("other_photo", "plain", MODEL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path("data"), help="the project's data/")
    parser.add_argument("--photos", nargs=NUM_PHOTOS, metavar="KEY", help="of the grid's photos")
    parser.add_argument("--out", type=Path, default=Path("docs/sample.png"))
    arguments = parser.parse_args()
    evaluation = arguments.data / "evaluate"
    columns = [MASKED, best_fill(evaluation / "scores.csv"), MODEL, ORIGINAL]
    photos = chosen(evaluation / "pictures", arguments.photos)
    rows = [[read(photo / f"{name}.png") for name in columns] for photo in photos]
    titles = ["hole", method_title(columns[1]), "Scenefill", "original"]
    sheet(rows, titles).save(arguments.out, optimize=True)
    num_bytes = arguments.out.stat().st_size
    print(f"{arguments.out}: {', '.join(photo.name for photo in photos)}; {num_bytes:,} bytes")
    if num_bytes > MAX_BYTES:
        sys.exit(f"larger than {MAX_BYTES:,} bytes: choose photos with less detail by --photos")


def best_fill(scores: Path) -> str:
    """The classical method with the highest mean PSNR in the hole."""
    table = pd.read_csv(scores)
    fills = table[(table["metric"] == "hole_psnr") & ~table["method"].isin(NO_FILL)]
    return str(fills.sort_values("value", kind="stable")["method"].iloc[-1])


def chosen(folder: Path, keys: list[str] | None) -> list[Path]:
    """The folders of the photos; ValueError where one is missing or there are too few."""
    there = sorted(path for path in folder.glob("*") if path.is_dir())
    if keys is None:
        if len(there) < NUM_PHOTOS:
            raise ValueError(
                f"{folder} has {len(there)} photos, but {NUM_PHOTOS} are shown: set "
                f"evaluate.num_grid to at least {NUM_PHOTOS} and run `dvc repro evaluate`"
            )
        return there[:NUM_PHOTOS]
    unknown = [key for key in keys if folder / key not in there]
    if unknown:
        known = ", ".join(path.name for path in there)
        raise ValueError(f"--photos holds {unknown[0]}, but {folder} has only: {known}")
    return [folder / key for key in keys]


def read(path: Path) -> np.ndarray:
    """(H, W, 3) uint8."""
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def sheet(rows: list[list[np.ndarray]], titles: list[str]) -> Image.Image:
    """A row a photo, a column a title; images (S, S, 3) uint8, each enlarged by SCALE."""
    side = rows[0][0].shape[0] * SCALE
    width = len(titles) * (side + GAP) - GAP
    image = Image.new("RGB", (width, LABEL_HEIGHT + len(rows) * (side + GAP) - GAP), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(LABEL_SIZE)
    for column, title in enumerate(titles):
        middle = column * (side + GAP) + side // 2
        draw.text((middle, LABEL_HEIGHT // 2), title, fill="black", font=font, anchor="mm")
        for row, images in enumerate(rows):
            large = Image.fromarray(images[column]).resize((side, side), Image.Resampling.NEAREST)
            image.paste(large, (column * (side + GAP), LABEL_HEIGHT + row * (side + GAP)))
    return image


if __name__ == "__main__":
    main()
