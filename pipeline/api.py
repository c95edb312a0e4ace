"""Trained generators for Python users: `load("data/train").complete(image, mask)`.

torch is imported only when a generator of torch's is loaded.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.completion.blends import DEFAULT, Blend, check_blend
from pipeline.completion.completion import complete
from pipeline.completion.network import Network
from pipeline.completion.outpainting import Side, canvas, outpaint
from pipeline.completion.watched import Tell, Watched
from pipeline.inpainting.quantization import quantize

MAX_COLORS = 256


class Model:
    """A trained generator that completes images of any size."""

    def __init__(self, network: Network) -> None:
        self._network = network

    @property
    def image_size(self) -> int:
        """The side of the windows that it was trained on, px."""
        return self._network.image_size

    @property
    def recipe(self) -> str:
        """The recipe that it was trained with, such as ganscape."""
        return self._network.recipe

    def watched(self, tell: Tell) -> "Model":
        """The same generator, which calls `tell(windows done, windows known to be needed)`.

        Before and after each batch of windows; whatever `tell` raises ends the completion.
        """
        return Model(Watched(self._network, tell))

    def complete(
        self,
        image: np.ndarray | Image.Image,
        mask: np.ndarray,
        *,
        blend: Blend = DEFAULT,
        colors: int | None = None,
        seed: int = 0,
    ) -> np.ndarray:
        """`image` with its holes completed: (H, W, 3) uint8 RGB.

        image: (H, W, 3) uint8 RGB or a Pillow image, of any size. mask: (H, W), bool with True =
        complete, or uint8 of two values, the higher one = complete. Known pixels come back bit for
        bit, and hole pixels of `image` have no influence. blend: none, feather or poisson, by which
        the completion is fitted to its border. colors: 2 to 256, to which the hole is reduced.
        The same seed gives the same image. ValueError for what does not fit together.
        """
        pixels, hole = _pixels(image), _hole(mask)
        check_options(blend, colors)
        if hole.shape != pixels.shape[:2]:
            raise ValueError(
                f"the mask has {hole.shape[1]}x{hole.shape[0]} px and the image "
                f"{pixels.shape[1]}x{pixels.shape[0]}: they must have the same size"
            )
        completed = complete(self._network, pixels, hole, blend=blend, seed=seed)
        return _in_few_colors(completed, hole, colors)

    def outpaint(
        self,
        image: np.ndarray | Image.Image,
        extension_ratio: float = 0.5,
        sides: Sequence[Side] = ("left", "right"),
        *,
        blend: Blend = DEFAULT,
        colors: int | None = None,
        seed: int = 0,
    ) -> np.ndarray:
        """`image` continued beyond its `sides` (of left, right, top, bottom): (H', W', 3) uint8.

        With sides of an axis chosen, that axis grows by round(extension_ratio * its length) in
        total, shared evenly; of an odd number left or top get the pixel more. The image is in it
        bit for bit. The other arguments are as in `complete`.
        """
        pixels = _pixels(image)
        check_options(blend, colors)
        wide, new = canvas(pixels, extension_ratio, sides)
        extended = outpaint(self._network, wide, new, sides, blend=blend, seed=seed)
        return _in_few_colors(extended, new, colors)


def load(path: Path | str = "data/train", *, device: str = "auto") -> Model:
    """The generator at `path`; ValueError where there is none.

    path: a folder with generator.safetensors and config.json, as training leaves it and `scenefill
    export` writes it, or an .onnx file beside its .json. device: auto takes the GPU where there is
    one; or cpu, cuda, cuda:1, mps. An .onnx file needs no torch.
    """
    path = Path(path)
    if path.suffix == ".onnx":
        return Model(_onnx_network(path, device))
    missing = [
        name for name in ("generator.safetensors", "config.json") if not (path / name).is_file()
    ]
    if missing:
        raise ValueError(
            f"{path} is no trained generator: {' and '.join(missing)} not found there; train one "
            "with `dvc repro train`, or name the folder of one or an .onnx file"
        )
    from pipeline.completion.torch_network import TorchNetwork

    return Model(TorchNetwork(path, device))


def _onnx_network(path: Path, device: str) -> Network:
    from pipeline.export.onnx_network import OnnxNetwork

    return OnnxNetwork(path, device)


def _pixels(image: Any) -> np.ndarray:
    if isinstance(image, Image.Image):
        image = np.array(image.convert("RGB"))
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape[2:] != (3,):
        raise ValueError(f"the image is {_described(image)}, but must be (H, W, 3) uint8 RGB")
    if not image.size:
        raise ValueError(f"the image is {_described(image)}: it has no pixels")
    return image


def _hole(mask: Any) -> np.ndarray:
    if not isinstance(mask, np.ndarray) or mask.ndim != 2 or mask.dtype not in (bool, np.uint8):
        raise ValueError(f"the mask is {_described(mask)}, but must be (H, W), bool or uint8")
    if mask.dtype == bool:
        return mask
    values = np.unique(mask)
    if len(values) > 2:
        raise ValueError(
            f"the mask has {len(values)} values, {values[0]} to {values[-1]}, but must have two: "
            "pass `mask > 127`, or another threshold of yours"
        )
    return mask == values[-1] if len(values) == 2 else mask > 0


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.dtype}"
    return f"a {type(value).__name__}"


def check_options(blend: str, colors: int | None) -> None:
    """ValueError for a blend or a number of colours that there is not."""
    check_blend(blend)
    if colors is not None and not 2 <= colors <= MAX_COLORS:
        raise ValueError(f"colors is {colors}, but must be 2 to {MAX_COLORS}")


def _in_few_colors(picture: np.ndarray, hole: np.ndarray, colors: int | None) -> np.ndarray:
    """`picture` with the pixels of its `hole` reduced to so many colours."""
    if colors is None or not hole.any():
        return picture
    reduced = picture.copy()
    reduced[hole] = quantize(picture[hole][None], colors)[0]
    return reduced
