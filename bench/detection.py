"""What `detect.py` measures: rungs of speed, and agreement with `predict`."""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from photo_archive import ROOT, SHARED, photos, write_archive
from rungs import Run, emptied, rate, ratio, take

from pipeline.detection.detector import Detector, load_yolo, resolve_weights
from pipeline.params.detect_people import DEMO_SHA256, DetectPeopleParams
from pipeline.params.index import IndexParams
from pipeline.params.runtime import RuntimeParams
from pipeline.params.section import load
from pipeline.photos import photo_tables
from pipeline.photos.decoding import BrokenPhotoError, pixels
from pipeline.runtime.checksums import sha256_of
from pipeline.runtime.devices import choose_device, num_threads
from pipeline.runtime.score_store import ScoreStore
from pipeline.stages.detect_people import detect_people
from pipeline.stages.index import index

MIN_SCORES = (0.25, 0.4)  # of the profiles with photographs, and of the sample
FOLDERS = ("scenes", "landscapes256", "people", "places365_real", "duplicates", "faces_celeba")
MIRRORED = ("landscapes256", "people")  # seen in a mirror too, as other photos
NEAR = 0.01  # scores no further apart than this are the same

LIMIT, PREDICT = "limit: the model alone", "Ultralytics' predict"


def set_up(options: argparse.Namespace) -> None:
    """Resolves the number of torch's threads, and takes so many."""
    options.threads = num_threads(options.threads)
    torch.set_num_threads(options.threads)


class Peer:
    """Ultralytics' own `predict`, asked for the same people."""

    def __init__(self, options: argparse.Namespace, params: DetectPeopleParams) -> None:
        device = choose_device(options.device)
        path = resolve_weights(params.weights, options.work / "weights")
        self._yolo = load_yolo(path, params.weights)
        names = {name: number for number, name in self._yolo.names.items()}
        self._options = {
            "conf": params.score_floor,
            "iou": params.iou,
            "classes": [names[name] for name in params.person_classes],
            "imgsz": params.image_size,
            "rect": False,
            "device": device,
            "quantize": 16 if device.type == "cuda" else None,
            "verbose": False,
            "save": False,
        }
        self.best([np.zeros((64, 64, 3), np.uint8)])
        torch.set_num_threads(options.threads)

    def best(self, images: list[np.ndarray]) -> list[float]:
        """The best score in each photo (HWC uint8 RGB), 0 where there is none."""
        bgr = [np.ascontiguousarray(image[..., ::-1]) for image in images]
        results = self._yolo.predict(bgr, **self._options)
        return [max(result.boxes.conf.tolist(), default=0.0) for result in results]

    def forward(self, batch: torch.Tensor) -> Any:
        return self._yolo.predictor.model(batch)


def params_of(options: argparse.Namespace, size: int) -> DetectPeopleParams:
    """A bench measures the weights that it is given; the stage pins them."""
    found = sha256_of(resolve_weights(options.weights, options.work / "weights"))
    return DetectPeopleParams(
        enabled=True,
        weights=options.weights,
        weights_sha256=found,
        person_classes=["Normal", "Fall"] if found == DEMO_SHA256 else ["person"],
        image_size=size,
        slice_ratio=2.0,
        score_floor=0.05,
        iou=0.7,
        max_pixels=64_000_000,
    )


def speed(options: argparse.Namespace, size: int) -> str:
    params, device = params_of(options, size), choose_device(options.device)
    detector = Detector(params, device, options.threads, options.work / "weights")
    peer = Peer(options, params)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_archive(folder / "photos.tar", options.photos)
        table, _ = index(folder / "photos.tar", IndexParams(formats=["jpeg"], max_bytes=10**7))
        runs: dict[str, Run] = {
            LIMIT: partial(forward_alone, peer, device, options, size),
            PREDICT: partial(predict_all, peer, options),
            "ours": partial(ours, folder, table, detector, options),
        }
        rounds = take(runs, options.rounds)
    rows = [
        f"| {name} | {rate(rounds, name, options.photos):,.0f} | {ratio(rounds, LIMIT, name):.2f} |"
        for name in runs
    ]
    faster = ratio(rounds, PREDICT, "ours")
    title = f"{options.weights}, {size} px, {device}, {options.threads} threads, "
    title += f"batch {options.batch}, {options.photos:,} photos, {options.rounds} rounds"
    heads = ["| rung | photos/s | of the limit |", "| --- | --- | --- |"]
    return "\n".join([title, "", *heads, *rows, "", f"ours: {faster:.2f} times predict", ""])


@torch.inference_mode()
def forward_alone(
    peer: Peer, device: torch.device, options: argparse.Namespace, size: int
) -> float:
    """As many photos' worth of one batch that lies on the device, in the type it is given there."""
    batch = torch.rand(options.batch, size, size, 3).permute(0, 3, 1, 2).to(device)
    batch = batch.half() if device.type == "cuda" else batch
    peer.forward(batch)
    _synchronize(device)
    started = time.perf_counter()
    for _ in range(-(-options.photos // options.batch)):
        peer.forward(batch)
    _synchronize(device)
    return time.perf_counter() - started


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def predict_all(peer: Peer, options: argparse.Namespace) -> float:
    files = list(photos(options.photos))
    started = time.perf_counter()
    for start in range(0, len(files), options.batch):
        peer.best([pixels(file) for file in files[start : start + options.batch]])
    return time.perf_counter() - started


def ours(
    folder: Path, table: pd.DataFrame, detector: Detector, options: argparse.Namespace
) -> float:
    """The stage's own function, nothing known before."""
    out = emptied(folder / "out")
    photo_tables.write(table, out / "selected.parquet")
    runtime = load("runtime", RuntimeParams, ROOT / "params.yaml").model_copy(
        update={"detect_batch": options.batch, "workers": options.workers}
    )
    store = ScoreStore(out / "scores.sqlite", "bench")
    started = time.perf_counter()
    detect_people(folder / "photos.tar", out / "selected.parquet", out, detector, store, runtime)
    return time.perf_counter() - started


def agreement(options: argparse.Namespace, size: int) -> str:
    """How many of the shared photos are judged alike."""
    files = [
        path for folder in FOLDERS for path in sorted((SHARED / "data" / folder).rglob("*.jpg"))
    ][: options.most]
    if not files:
        return f"no agreement measured: there are no photos in {SHARED / 'data'}\n"
    params = params_of(options, size)
    detector = Detector(
        params, choose_device(options.device), options.threads, options.work / "weights"
    )
    peer = Peer(options, params)
    pairs: list[tuple[float, float]] = []
    for images in _batches(files, options.batch):
        found = detector.detect(images)
        best = [max((box.score for box in boxes), default=0.0) for boxes in found]
        pairs += zip(best, peer.best(images), strict=True)
        if len(pairs) % 512 < options.batch:
            print(f"{size} px: {len(pairs)} of {len(files)} photos", file=sys.stderr)
    differences = [abs(one - other) for one, other in pairs]
    alike = {at: sum((one >= at) == (other >= at) for one, other in pairs) for at in MIN_SCORES}
    lines = [f"{len(pairs):,} shared photos and mirrored ones, {size} px, ours and predict:", ""]
    lines += [
        f"- alike at score {at}: {num:,} = {num / len(pairs):.2%}" for at, num in alike.items()
    ]
    lines.append(
        f"- best scores at most {NEAR} apart: {np.mean(np.array(differences) <= NEAR):.2%}"
    )
    lines.append(f"- furthest apart: {max(differences):.4f}\n")
    return "\n".join(lines)


def _batches(files: list[Path], num: int) -> Iterator[list[np.ndarray]]:
    """Decoded photos; those that are broken stay out."""
    images = []
    for path in files:
        try:
            image = pixels(path.read_bytes())
        except BrokenPhotoError:
            continue
        images.append(image)
        if not set(MIRRORED).isdisjoint(path.parts):
            images.append(np.ascontiguousarray(image[:, ::-1]))
        while len(images) >= num:
            yield images[:num]
            images = images[num:]
    if images:
        yield images
