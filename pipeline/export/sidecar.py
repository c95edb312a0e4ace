"""What stands beside an exported file, as JSON: how to run it, and where it comes from."""

import json
from pathlib import Path
from typing import Any

from pipeline.export.signature import Signature, read_signature
from pipeline.runtime.checksums import sha256_of

AGAIN = "write both anew with `scenefill export --force`"


def sidecar_path(path: Path) -> Path:
    """generator.onnx -> generator.onnx.json."""
    return path.with_name(f"{path.name}.json")


def read_sidecar(path: Path) -> tuple[dict[str, Any], Signature]:
    """What the sidecar of the exported file `path` says.

    ValueError where either is missing or damaged, or they do not belong together.
    """
    sidecar = sidecar_path(path)
    for each in (path, sidecar):
        if not each.is_file():
            raise ValueError(
                f"{each} is missing: an exported generator is {path.name} with {sidecar.name} "
                f"beside it; copy both, or {AGAIN}"
            )
    try:
        facts = json.loads(sidecar.read_text())
        expected, signature = facts["sha256"], read_signature(facts)
    # What else JSON may say: a number without end, brackets in brackets in brackets.
    except (
        *(ValueError, KeyError, TypeError, AttributeError, IndexError),
        *(OverflowError, RecursionError),
    ) as error:
        raise ValueError(
            f"{sidecar} is no sidecar of an exported generator "
            f"({type(error).__name__}: {error}): copy it again, or {AGAIN}"
        ) from None
    found = sha256_of(path)
    if found != expected:
        raise ValueError(
            f"{path} has the sha256 {found[:16]}..., but {sidecar.name} is of a file with "
            f"{expected[:16]}...: one of them is damaged or of another export; copy both again, or "
            f"{AGAIN}"
        )
    return facts, signature
