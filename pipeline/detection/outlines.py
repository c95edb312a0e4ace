"""The outlines of people, by a segmentation model of the YOLO family."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.detection.detector import as_they_take_it, import_ultralytics
from pipeline.runtime.checksums import sha256_of

PERSON = "person"  # COCO's name
IMAGE_SIZE = 640  # px, of the longer side: what these models are trained for


class Outliner:
    """A segmentation model with pinned weights, asked for people only."""

    def __init__(self, weights: Path, sha256: str, device: torch.device, config_dir: Path) -> None:
        """Ultralytics' settings go to `config_dir`.

        ValueError where the file is missing, is not the pinned one, or is of another kind.
        """
        if not weights.is_file():
            raise ValueError(f"--outline-weights is {weights}, but there is no such file")
        found = sha256_of(weights)
        if found != sha256:
            raise ValueError(
                f"--outline-weights {weights} has the sha256\n  {found}, and --outline-sha256 is\n"
                f"  {sha256 or '(not given)'}. A checkpoint can run code when it is loaded: if you "
                "trust where it came from, give its sum"
            )
        import_ultralytics(config_dir)
        yolo_class: Any = importlib.import_module("ultralytics").YOLO
        self._yolo: Any = yolo_class(as_they_take_it(weights))
        if self._yolo.task != "segment":
            raise ValueError(
                f"--outline-weights {weights} is a model for {self._yolo.task!r}, and must be one "
                "for 'segment', such as yolo11n-seg.pt"
            )
        numbers = {name: number for number, name in self._yolo.names.items()}
        if PERSON not in numbers:
            raise ValueError(
                f"--outline-weights {weights} has no class {PERSON!r}: it must be trained on COCO, "
                "or on other photos with that class"
            )
        self._person = numbers[PERSON]
        self._device = device

    def outlines(self, picture: np.ndarray, min_score: float) -> Iterator[np.ndarray]:
        """Of each person in `picture` (HWC uint8 RGB): (H, W) bool."""
        threads = torch.get_num_threads()
        (found,) = self._yolo.predict(
            [np.ascontiguousarray(picture[..., ::-1])],  # they take BGR
            imgsz=IMAGE_SIZE,
            conf=min_score,
            classes=[self._person],
            retina_masks=True,  # in the picture's own pixels
            device=self._device,
            verbose=False,
            save=False,
        )
        torch.set_num_threads(threads)  # their set-up changes it
        if found.masks is not None:
            for outline in found.masks.data.cpu().numpy():
                yield outline > 0.5
