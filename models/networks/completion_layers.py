"""GLCIC's completion network as a table: the trunk of many completion systems since."""

from typing import Any

LAYERS: list[dict[str, Any]] = [
    {"channels": 1, "kernel": 5},
    {"channels": 2, "stride": 2},
    {"channels": 2},
    {"channels": 4, "stride": 2},
    {"channels": 4},
    {"channels": 4},
    *({"channels": 4, "dilation": dilation} for dilation in (2, 4, 8, 16)),
    {"channels": 4},
    {"channels": 4},
    {"channels": 2, "up": True},
    {"channels": 2},
    {"channels": 1, "up": True},
    {"channels": 0.5},
]
