"""What an exported network takes and gives: names, shapes, ranges; plain values, no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

# What the free dimensions of a shape are called.
BATCH, HEIGHT, WIDTH = "batch", "height", "width"
# Free heights and widths begin here: a traced graph does not hold for a smallest map of one pixel.
MIN_MULTIPLES = 2

Distribution = Literal["standard_normal", "uniform"]


@dataclass(frozen=True)
class Port:
    """One input or output: float32, laid out NCHW where it is images."""

    name: str
    shape: tuple[str | int, ...]  # a name where any number fits
    meaning: str
    range: tuple[float, float] | None = None
    distribution: Distribution | None = None  # of noise, which whoever runs the network draws


@dataclass(frozen=True)
class Signature:
    """All ports of a network, in their order."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    image_size: int  # px of the windows that it was trained on
    size_multiple: int | None  # other heights and widths that it takes; None: image_size alone

    @property
    def completes(self) -> bool:
        """Whether it completes holes, and does not make images up."""
        return self.inputs[0].name == "image"

    def shape_of(self, port: Port, batch: int, height: int, width: int) -> tuple[int, ...]:
        """The port's shape with numbers for names."""
        sizes = {BATCH: batch, HEIGHT: height, WIDTH: width}
        return tuple(sizes[each] if isinstance(each, str) else each for each in port.shape)

    @property
    def noise(self) -> tuple[Port, ...]:
        """What whoever runs the network draws."""
        return tuple(port for port in self.inputs if port.distribution)


def completion_signature(
    image_size: int, size_multiple: int | None, noise: tuple[Port, ...]
) -> Signature:
    """Of a network that completes holes; `noise`: what it would draw."""
    sizes: tuple[str | int, ...] = (HEIGHT, WIDTH) if size_multiple else (image_size, image_size)
    pixels = (BATCH, 3, *sizes)
    image = Port("image", pixels, "RGB photo; its hole pixels have no influence", (-1.0, 1.0))
    mask = Port("mask", (BATCH, 1, *sizes), "1 = complete, 0 = known", (0.0, 1.0))
    output = Port(
        "output",
        pixels,
        "RGB image as the network paints it: keep its hole pixels alone",
        (-1.0, 1.0),
    )
    return Signature((image, mask, *noise), (output,), image_size, size_multiple)


def sampling_signature(image_size: int, latent_size: int) -> Signature:
    """Of a network that makes up images."""
    latents = Port(
        "latents",
        (BATCH, latent_size),
        "the numbers that an image is made from",
        distribution="standard_normal",
    )
    output = Port("output", (BATCH, 3, image_size, image_size), "RGB image", (-1.0, 1.0))
    return Signature((latents,), (output,), image_size, None)


def described(signature: Signature) -> dict[str, Any]:
    """As plain values, for the sidecar; see `read_signature`."""
    return {
        "inputs": [_described(port) for port in signature.inputs],
        "outputs": [_described(port) for port in signature.outputs],
        "image_size": signature.image_size,
        "size_multiple": signature.size_multiple,
        "size_min": MIN_MULTIPLES * (signature.size_multiple or 0) or signature.image_size,
    }


def read_signature(facts: Mapping[str, Any]) -> Signature:
    """The inverse of `described`; an error of Python's own where something is amiss."""
    inputs, outputs = (
        tuple(_read_port(each) for each in facts[name]) for name in ("inputs", "outputs")
    )
    multiple = facts["size_multiple"]
    return Signature(
        inputs, outputs, int(facts["image_size"]), None if multiple is None else int(multiple)
    )


def _read_port(facts: Mapping[str, Any]) -> Port:
    distribution = facts.get("distribution")
    if distribution not in (None, *get_args(Distribution)):
        raise ValueError(f"distribution is {distribution!r}")
    limits = facts.get("range")
    return Port(
        facts["name"],
        tuple(facts["shape"]),
        facts["meaning"],
        (float(limits[0]), float(limits[1])) if limits else None,
        distribution,
    )


def _described(port: Port) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": port.name, "shape": list(port.shape), "dtype": "float32"}
    if port.range:
        facts["range"] = list(port.range)
    if port.distribution:
        facts["distribution"] = port.distribution
    return facts | {"meaning": port.meaning}
