"""Values for the inputs of an exported network, drawn by NumPy; no torch."""

from collections.abc import Iterator

import numpy as np

from pipeline.export.signature import MIN_MULTIPLES, Port, Signature


def windows(signature: Signature) -> Iterator[list[np.ndarray]]:
    """Inputs of several batches and, where it may have others, sizes."""
    random = np.random.default_rng(0)
    size, multiple = signature.image_size, signature.size_multiple
    shapes = [(1, size, size), (2, size, size), (5, size, size)]
    if multiple:
        shapes += [
            (3, MIN_MULTIPLES * multiple, size + multiple),
            (1, 2 * size, MIN_MULTIPLES * multiple),
        ]
    for batch, height, width in shapes:
        inputs = [
            drawn(port, signature.shape_of(port, batch, height, width), random)
            for port in signature.inputs
        ]
        if signature.completes:
            inputs[1] = _masks(batch, height, width, random)
        yield inputs


def drawn(port: Port, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """Noise of the port's distribution, or values all over its range; float32."""
    if port.distribution == "standard_normal":
        return random.standard_normal(shape, dtype=np.float32)
    low, high = port.range or (0.0, 1.0)
    return random.random(shape, dtype=np.float32) * np.float32(high - low) + np.float32(low)


def _masks(batch: int, height: int, width: int, random: np.random.Generator) -> np.ndarray:
    """A rectangle, single pixels, nothing and everything, in turn."""
    masks = np.zeros((batch, 1, height, width), np.float32)
    for number in range(batch):
        kind = number % 4
        if kind == 0:
            masks[number, :, height // 4 : height // 2, width // 3 :] = 1
        elif kind == 1:
            masks[number] = random.random((1, height, width)) < 0.3
        elif kind == 3:
            masks[number] = 1
    return masks
