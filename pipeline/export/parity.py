"""Whether an exported network does what the generator does."""

from collections.abc import Callable, Sequence

import numpy as np

from pipeline.export.inputs import windows
from pipeline.export.signature import Signature

# Of values in [-1, 1]: a hundredth of a grey level.
TOLERANCE = 1e-4

# The values of the inputs, in the signature's order -> the output.
Run = Callable[[Sequence[np.ndarray]], np.ndarray]


def check_parity(reference: Run, exported: Run, signature: Signature) -> float:
    """The largest difference of any output value; ValueError above the tolerance.

    Where it completes holes, also that their pixels have no influence whatever they hold.
    """
    largest = 0.0
    for inputs in windows(signature):
        output = exported(inputs)
        difference = float(np.abs(reference(inputs) - output).max())
        if not difference <= TOLERANCE:  # NaN is not
            shapes = ", ".join(str(values.shape) for values in inputs)
            raise ValueError(
                f"the exported network differs from the generator by {difference:.2g} on inputs of "
                f"{shapes}, but may by {TOLERANCE}: the file is not kept; export another format, "
                "or install the packages of requirements.lock"
            )
        if signature.completes and not np.array_equal(exported(_other_holes(inputs)), output):
            raise ValueError(
                "pixels of the hole have an influence on what the exported network makes: the file "
                "is not kept; export another format"
            )
        largest = max(largest, difference)
    return largest


def _other_holes(inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """NaN in the holes, which nothing that multiplies them gets rid of."""
    image, mask, *rest = inputs
    return [np.where(mask > 0, np.float32("nan"), image), mask, *rest]
