"""Which of two completions is preferred, by a rater who does not know which is whose.

python bench/pairs.py draw photos --ours WEIGHTS --other harmonic --folder pairs
python bench/pairs.py count answers.csv --key pairs/key.csv

`draw` writes sheets of pairs, A and B in an order by chance beside the photo with its hole, and
key.csv, which no rater sees. Answers are a CSV with `pair` and `choice` (A, B or =: no preference);
with a column `ours` they need no key.
The photos are those that bench/recipe.py tests with: nothing was trained on them. A pair in which
both are alike counts half for either.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageDraw
from recipe import completed_by, cutter, fill, load_photos

from models.generator_files import load_generator
from pipeline.metrics.intervals import wilson

ENLARGED, GAP, HEAD = 4, 8, 14  # times; px
PER_SHEET = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    commands = parser.add_subparsers(required=True)
    drawing = commands.add_parser("draw")
    drawing.add_argument(
        "photos", type=Path, nargs="+", help="folders of JPEGs, as bench/recipe.py"
    )
    drawing.add_argument("--ours", type=Path, required=True, help="folder of a generator")
    drawing.add_argument("--other", required=True, help="folder of a generator, or a fill")
    drawing.add_argument("--train", type=int, default=3000, help="photos, as of bench/recipe.py")
    drawing.add_argument("--test", type=int, default=700, help="photos, as of bench/recipe.py")
    drawing.add_argument("--num", type=int, default=40, help="pairs")
    drawing.add_argument("--seed", type=int, default=0)
    drawing.add_argument("--folder", type=Path, required=True)
    drawing.set_defaults(command=draw)
    counting = commands.add_parser("count")
    counting.add_argument("answers", type=Path)
    counting.add_argument("--key", type=Path)
    counting.set_defaults(command=count)
    options = parser.parse_args()
    options.command(options)


def draw(options: argparse.Namespace) -> None:
    torch.manual_seed(0)
    _, photos = load_photos(options.photos, options.train, options.test)
    rng = np.random.default_rng(options.seed)
    photos = photos[np.sort(rng.permutation(len(photos))[: options.num])]
    masks = cutter("box").cut("pairs", len(photos)).masks
    ours, other = (_completed(each, photos, masks) for each in (str(options.ours), options.other))
    is_first = rng.random(len(photos)) < 0.5
    pairs = [
        (one, two) if first else (two, one)
        for one, two, first in zip(ours, other, is_first, strict=True)
    ]
    options.folder.mkdir(parents=True)
    for start in range(0, len(photos), PER_SHEET):
        rows = range(start, min(start + PER_SHEET, len(photos)))
        shown = [(np.where(masks[row][..., None], 0, photos[row]), *pairs[row]) for row in rows]
        _sheet(shown, start).save(options.folder / f"pairs_{start:03}.png")
    key = pd.DataFrame({"pair": range(len(photos)), "ours": np.where(is_first, "A", "B")})
    key.assign(other=options.other).to_csv(options.folder / "key.csv", index=False)


def _completed(name: str, photos: np.ndarray, masks: np.ndarray) -> np.ndarray:
    if Path(name).is_dir():
        return completed_by(load_generator(Path(name), torch.device("cpu")), photos, masks)
    return fill(name, photos, masks)


def _sheet(rows: list[tuple[np.ndarray, ...]], first: int) -> Image.Image:
    """Two pairs beside one another: the hole, A, B."""
    side = rows[0][0].shape[0] * ENLARGED
    width = 3 * (side + GAP)
    sheet = Image.new(
        "RGB", (2 * width + 2 * GAP, -(-len(rows) // 2) * (side + HEAD + GAP)), "white"
    )
    pen = ImageDraw.Draw(sheet)
    for place, images in enumerate(rows):
        left, top = place % 2 * (width + 2 * GAP), place // 2 * (side + HEAD + GAP)
        for column, (image, label) in enumerate(zip(images, ("hole", "A", "B"), strict=True)):
            at = left + column * (side + GAP), top
            pen.text((at[0] + 2, at[1] + 1), f"pair {first + place}: {label}", fill="black")
            big = Image.fromarray(image.astype(np.uint8)).resize(
                (side, side), Image.Resampling.BICUBIC
            )
            sheet.paste(big, (at[0], at[1] + HEAD))
    return sheet


def count(options: argparse.Namespace) -> None:
    both = pd.read_csv(options.answers)
    if options.key:
        both = pd.read_csv(options.key).merge(both, on="pair", validate="one_to_one", how="left")
    if not both["choice"].isin(["A", "B", "="]).all():
        raise SystemExit("every pair needs a choice: A, B or =")
    for_ours, alike = (both["choice"] == both["ours"]).sum(), (both["choice"] == "=").sum()
    share = (for_ours + alike / 2) / len(both)
    low, high = wilson(int(for_ours), int(len(both) - alike))
    print(
        f"ours preferred in {for_ours} of {len(both)} pairs, alike in {alike}: {share:.0%}; of "
        f"those with a preference {for_ours / (len(both) - alike):.0%} ({low:.0%} to {high:.0%})"
    )


if __name__ == "__main__":
    main()
