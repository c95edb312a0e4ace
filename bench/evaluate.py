"""How long `evaluate` takes with all baselines, and what each of them costs.

python bench/evaluate.py --photos 2000 --out evaluate.md

The stage itself runs on shards that are made here of the shared landscapes (of smooth noise where
they are absent), with an untrained generator: weights cost nothing. Beside it, in one process, what
one would write first: scikit-image's and OpenCV's fills and scikit-image's metrics, an image at a
time.
"""

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import cv2
import numpy as np
import pandas as pd
import psutil
from PIL import Image
from scipy.ndimage import distance_transform_edt
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from skimage.restoration import inpaint_biharmonic

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

# The stage's workers import this file: what needs torch is imported where it is needed.
from pipeline.holes.cutter import HoleCutter  # noqa: E402
from pipeline.inpainting import baselines  # noqa: E402
from pipeline.metrics.image_metrics import completion_metrics  # noqa: E402
from pipeline.params.evaluate import Baseline, EvaluateParams  # noqa: E402
from pipeline.photos import photo_tables  # noqa: E402
from pipeline.photos.png import encode_png  # noqa: E402
from pipeline.shards.writer import ShardWriter  # noqa: E402

if TYPE_CHECKING:
    from pipeline.shards.reader import Sample

SIZE, BOX = 64, 28  # px
FEATURES_WIDTH = 16  # as in the sample
HOLES = {"side_min": 20, "side_max": 25, "num_holes": 1}
OPTIONS = {"preset": "default", "width": 16}
ALL: list[Baseline] = list(get_args(Baseline))
PARAMS = EvaluateParams(
    baselines=ALL,
    blend="none",
    num_grid=12,
    colors=0,
    inception_weights_path="",
    lpips_weights_path="",
)
NUM_TIMED = 100  # photos of the comparison with the plain version
ROUNDS = 3

Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--photos", type=int, default=2000, help="test photos")
    parser.add_argument("--workers", type=int, default=2, help="as runtime.workers")
    parser.add_argument("--out", type=Path, help="also write the tables here")
    arguments = parser.parse_args()
    import torch

    from pipeline.runtime.scratch import fresh_folder
    from pipeline.shards.reader import read_split
    from pipeline.stages.evaluate import evaluate

    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        kind = write_data(data, arguments.photos)
        with Clock() as clock:
            out = data / "evaluate"
            fresh_folder(out)
            evaluate(data, data / "crop", out, PARAMS, torch.device("cpu"), arguments.workers)
        samples = list(read_split(data / "crop", "test"))[:NUM_TIMED]
    report = (
        f"{arguments.photos:,} test photos ({kind}), {len(ALL)} baselines and a generator, "
        f"{arguments.workers} workers, {os.cpu_count()} CPU cores: {clock.seconds:.0f} s, "
        f"{clock.cpu:.0f} CPU seconds of stage and workers, "
        f"{1e3 * clock.cpu / arguments.photos:.1f} CPU ms a photo\n\n"
        f"{method_table(samples)}\n{peer_table(samples)}"
    )
    print(report)
    if arguments.out:
        arguments.out.write_text(report)


class Clock:
    """Seconds by the wall, and CPU seconds of this process and of all below it.

    The workers end with the stage and are nobody's children but the fork server's: they are looked
    at while they run, so that their last moments are missed. CPU seconds say on a shared machine
    what the stage would take on an idle one.
    """

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0
        self._of_process: dict[int, float] = {}
        self._has_ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Clock":
        self._begun, self._cpu_begun = time.perf_counter(), time.process_time()
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._has_ended.set()
        self._watcher.join()
        self.seconds = time.perf_counter() - self._begun
        self.cpu = time.process_time() - self._cpu_begun + sum(self._of_process.values())

    def _watch(self) -> None:
        while not self._has_ended.wait(0.2):
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    times = process.cpu_times()
                    self._of_process[process.pid] = times.user + times.system


def write_data(data: Path, num: int) -> str:
    """data/crop with `num` test photos and data/train; what the photos are."""
    from models import registry
    from models.generator_files import save_generator
    from models.scene_network import SceneNetwork
    from pipeline.features.scene_features import save_scene_network

    shared = Path(os.environ.get("SCENEFILL_SHARED", HERE.parent.parent / "shared")) / "data"
    files = sorted(shared.glob("landscapes256/**/*.jpg")) + sorted(shared.glob("scenes/*/*.jpg"))
    files = [file for file in files if file.is_file()][:num]
    kind = f"{len(files):,} shared landscapes" if files else "smooth noise"
    meta = {"kind": "box", "holes": HOLES, "image_size": SIZE, "box_size": BOX}
    masks, holes, boxes = HoleCutter.of_meta(meta).cut("bench", num)
    crop = data / "crop"
    (crop / "test").mkdir(parents=True)
    with ShardWriter(crop / "test" / "test-000000.tar") as writer:
        for number in range(num):
            facts = {"holes": holes[number].tolist(), "box": boxes[number].tolist()}
            facts |= {"category": f"category {number % 10}", "path": f"{number:06d}.jpg"}
            fields = {
                "image.png": encode_png(photo(files, number)),
                "mask.png": encode_png(Image.fromarray(masks[number])),
                "json": json.dumps(facts).encode(),
            }
            writer.add(f"photo-{number:06d}", fields)
    nobody = pd.DataFrame({"key": [], "group": []}, dtype=str)
    photo_tables.write(nobody, data / "filter_people" / "near_copies.parquet")
    sizes = {"sha256": {"test": "bench"}, "num_samples": {"test": num}}
    (crop / "meta.json").write_text(json.dumps(meta | sizes))
    (data / "train").mkdir()
    generator = registry.build_generator("ganscape", OPTIONS, SIZE)
    config = {"recipe": "ganscape", "options": OPTIONS, "image_size": SIZE}
    save_generator(data / "train", generator, config)
    (data / "train_features").mkdir()
    features = {"width": FEATURES_WIDTH, "categories": ["all"]}
    save_scene_network(data / "train_features", SceneNetwork(FEATURES_WIDTH, 1), features)
    return kind


def photo(files: list[Path], number: int) -> Image.Image:
    if not files:
        rng = np.random.default_rng(number)
        coarse = rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)
        return Image.fromarray(coarse).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    with Image.open(files[number % len(files)]) as file:
        return file.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BOX)


def milliseconds(work: Callable[["Sample"], object], samples: list["Sample"]) -> float:
    """CPU time a photo, in one thread; the best of rounds."""
    cv2.setNumThreads(1)
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        for sample in samples:
            work(sample)
        best = min(best, time.process_time() - begun)
    return 1e3 * best / len(samples)


def method_table(samples: list["Sample"]) -> str:
    """Each fill, and all metrics of all methods."""
    other = samples[0].image
    lines = ["| method | CPU ms a photo |", "|---|---|"]
    for name in ALL:
        cost = milliseconds(
            lambda sample, name=name: baselines.complete(name, sample.image, sample.mask, other),
            samples,
        )
        lines.append(f"| {name.replace('_', ' ')} | {cost:.2f} |")
    pictures = {
        sample.key: [baselines.complete(name, sample.image, sample.mask, other) for name in ALL]
        for sample in samples
    }
    cost = milliseconds(
        lambda sample: completion_metrics(
            pictures[sample.key], sample.image, sample.mask, sample.box
        ),
        samples,
    )
    lines.append(f"| all metrics of these {len(ALL)} | {cost:.2f} |")
    return "\n".join(lines) + "\n"


def plain_biharmonic(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return (inpaint_biharmonic(image, mask, channel_axis=2).clip(0, 1) * 255).astype(np.uint8)


def plain_nearest(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    places = distance_transform_edt(mask, return_distances=False, return_indices=True)
    return image[tuple(places)]


PLAIN: dict[Baseline, Fill] = {
    "biharmonic": plain_biharmonic,
    "nearest": plain_nearest,
    "telea": lambda image, mask: cv2.inpaint(image, mask.astype(np.uint8), 3, cv2.INPAINT_TELEA),
    "navier_stokes": lambda image, mask: cv2.inpaint(
        image, mask.astype(np.uint8), 3, cv2.INPAINT_NS
    ),
}


def peer_table(samples: list["Sample"]) -> str:
    """The fills that the libraries have, with PSNR, SSIM and L1 of image, box and hole."""

    def plain(sample: "Sample") -> None:
        for fill in PLAIN.values():
            blanked = np.where(sample.mask[..., None], np.uint8(0), sample.image)
            plain_scores(fill(blanked, sample.mask), sample)

    def ours(sample: "Sample") -> None:
        pictures = [baselines.complete(name, sample.image, sample.mask) for name in PLAIN]
        completion_metrics(pictures, sample.image, sample.mask, sample.box)

    costs = {"plain": milliseconds(plain, samples), "ours": milliseconds(ours, samples)}
    return (
        f"{', '.join(PLAIN)} with their metrics, one process, CPU ms a photo: plain "
        f"{costs['plain']:.1f}, ours {costs['ours']:.1f} (which measures seam and detail too): "
        f"{costs['plain'] / costs['ours']:.2f} times as fast\n"
    )


def plain_scores(completed: np.ndarray, sample: "Sample") -> list[float]:
    """What scikit-image has, three times."""
    box = sample.box.rows, sample.box.columns
    _, local = structural_similarity(
        completed,
        sample.image,
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    scores = [local.mean(), local[box].mean(), local[sample.mask].mean()]
    for area in (..., box, sample.mask):
        pair = completed[area], sample.image[area]
        scores.append(peak_signal_noise_ratio(*pair, data_range=255))
        scores.append(np.abs(pair[0].astype(float) - pair[1]).mean() / 255)
    return scores


if __name__ == "__main__":
    main()
