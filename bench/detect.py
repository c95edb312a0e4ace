"""How fast people are looked for, and whether with Ultralytics' own answers.

python bench/detect.py --weights ../shared/weights/yolo11n.pt --out detect.md

Speed: from JPEG bytes in an archive to the stage's table, beside Ultralytics' `predict` with lists
of photos, and beside the model alone on tensors that lie on the device. Rounds take the rungs in
turn; rates are medians, ratios medians of each round's own. Agreement: the best score of every
shared photo, and of a thousand seen in a mirror, by ours and by `predict`, both from the same
decoded pixels.
"""

import argparse
from pathlib import Path

from photo_archive import ROOT

SIZES = (256, 416)
DEMO = "package:fall_detection/models/best.pt"


def main() -> None:
    options = _options()
    # Worker processes import this file anew, and would wait for torch and ultralytics.
    from detection import agreement, set_up, speed

    set_up(options)
    parts = [speed] * (not options.agreement_only) + [agreement] * (not options.speed_only)
    report = "\n".join(part(options, size) for size in options.sizes for part in parts)
    print(report)
    if options.out:
        options.out.write_text(report)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--weights", default=DEMO, help="as params.yaml detect_people.weights")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="image sizes, px")
    parser.add_argument("--photos", type=int, default=2048, help="for the speed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0: one a core")
    parser.add_argument("--workers", type=int, default=0, help="as params.yaml runtime.workers")
    parser.add_argument("--most", type=int, default=10_000, help="photos compared at most")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--speed-only", action="store_true")
    only.add_argument("--agreement-only", action="store_true")
    parser.add_argument("--work", type=Path, default=ROOT / ".work", help="downloads, settings")
    parser.add_argument("--out", type=Path, help="also write the tables here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
