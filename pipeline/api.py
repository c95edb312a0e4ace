"""Generators and classical fills for Python users: `load("data/train").complete(image, mask)`.

torch is imported only when a generator of torch's is loaded.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from PIL import Image

from pipeline.completion.blends import DEFAULT, Blend, check_blend
from pipeline.completion.classical import filled
from pipeline.completion.completion import complete
from pipeline.completion.network import Network
from pipeline.completion.outpainting import Side, canvas, outpaint
from pipeline.completion.watched import Tell, Watched
from pipeline.inpainting.quantization import quantize
from pipeline.params.evaluate import FillName
from pipeline.params.section import closest

MAX_COLORS = 256
# Of classical fills, which `load` takes too. A folder of such a name is meant by ./harmonic.
FILLS: tuple[str, ...] = get_args(FillName)


def is_fill(name: str) -> bool:
    """Whether it is the name of a classical fill."""
    return name in FILLS


class Model(ABC):
    """What completes images of any size."""

    @property
    @abstractmethod
    def recipe(self) -> str:
        """The recipe that it was trained with, such as ganscape, or a classical fill's name."""

    @abstractmethod
    def _complete(self, image: np.ndarray, hole: np.ndarray, blend: Blend, seed: int) -> np.ndarray:
        """HWC uint8, HW bool -> HWC uint8."""

    @abstractmethod
    def _outpaint(
        self, wide: np.ndarray, new: np.ndarray, sides: Sequence[Side], blend: Blend, seed: int
    ) -> np.ndarray:
        """HWC uint8, HW bool -> HWC uint8."""

    def watched(self, tell: Tell) -> "Model":
        """The same, which calls `tell(windows done, windows known to be needed)`.

        Before and after each batch of windows, of which a classical fill has none; whatever `tell`
        raises ends the completion.
        """
        return self

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
        completed = self._complete(pixels, hole, blend, seed)
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
        extended = self._outpaint(wide, new, sides, blend, seed)
        return _in_few_colors(extended, new, colors)


class Generator(Model):
    """A trained generator."""

    def __init__(self, network: Network) -> None:
        self._network = network

    @property
    def image_size(self) -> int:
        """The side of the windows that it was trained on, px."""
        return self._network.image_size

    @property
    def recipe(self) -> str:
        """See Model."""
        return self._network.recipe

    def watched(self, tell: Tell) -> Model:
        """See Model."""
        return Generator(Watched(self._network, tell))

    def _complete(self, image: np.ndarray, hole: np.ndarray, blend: Blend, seed: int) -> np.ndarray:
        return complete(self._network, image, hole, blend=blend, seed=seed)

    def _outpaint(
        self, wide: np.ndarray, new: np.ndarray, sides: Sequence[Side], blend: Blend, seed: int
    ) -> np.ndarray:
        return outpaint(self._network, wide, new, sides, blend=blend, seed=seed)


class ClassicalFill(Model):
    """A fill that was never trained, and needs no training."""

    def __init__(self, name: FillName) -> None:
        self._name = name

    @property
    def recipe(self) -> str:
        """See Model."""
        return self._name

    def _complete(self, image: np.ndarray, hole: np.ndarray, blend: Blend, seed: int) -> np.ndarray:
        return filled(self._name, image, hole, blend=blend)

    def _outpaint(
        self, wide: np.ndarray, new: np.ndarray, sides: Sequence[Side], blend: Blend, seed: int
    ) -> np.ndarray:
        return filled(self._name, wide, new, blend=blend)


def load(path: Path | str = "data/train", *, device: str = "auto") -> Model:
    """The generator at `path`, or the classical fill of that name; ValueError for neither.

    path: a folder with generator.safetensors and config.json, as training leaves it and `scenefill
    export` writes it; an .onnx file beside its .json; or a name of FILLS. device: auto takes the
    GPU where there is one; or cpu, cuda, cuda:1, mps. An .onnx file and a fill need no torch.
    """
    if is_fill(str(path)):
        return ClassicalFill(cast(FillName, str(path)))
    path = Path(path)
    if path.suffix == ".onnx":
        return Generator(_onnx_network(path, device))
    missing = [
        name for name in ("generator.safetensors", "config.json") if not (path / name).is_file()
    ]
    if missing:
        raise ValueError(
            f"{path} is no trained generator: {' and '.join(missing)} not found there; train one "
            "with `dvc repro train`, or name the folder of one, an .onnx file or a classical fill "
            f"({', '.join(FILLS)}){closest(path.name, list(FILLS))}"
        )
    from pipeline.completion.torch_network import TorchNetwork

    return Generator(TorchNetwork(path, device))


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
