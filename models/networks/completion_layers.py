"""GLCIC's completion network as a table: the trunk of many completion systems since."""

from typing import Any

# Channels in multiples of the width, published 64; a layer is a 3x3 convolution where nothing else
# is said. Two strides of 2 take 256 px to maps of 64, and two layers `up` back to 256.
LAYERS: list[dict[str, Any]] = [
    {"channels": 1, "kernel": 5},
    {"channels": 2, "stride": 2},
    {"channels": 2},
    {"channels": 4, "stride": 2},
    {"channels": 4},
    {"channels": 4},
    # Each tap lies `dilation` px from the next: they see far without a smaller map.
    *({"channels": 4, "dilation": dilation} for dilation in (2, 4, 8, 16)),
    {"channels": 4},
    {"channels": 4},
    {"channels": 2, "up": True},
    {"channels": 2},
    {"channels": 1, "up": True},
    {"channels": 0.5},
]
