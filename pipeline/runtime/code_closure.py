"""Which of our files a stage's code consists of: DVC lists them as deps but does not trace them."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("pipeline", "models")

# By contract the files of these folders change no byte of any out: how and where work runs, how
# bytes arrive whose sums are pinned, what a running training shows, how params.yaml is checked.
# Determinism tests hold them to it.
NEUTRAL = ("pipeline/downloads/", "pipeline/params/", "pipeline/runtime/", "pipeline/tracking/")


def closure(*starts: str) -> list[str]:
    """Paths (relative to the project) of `starts` and of all they import of ours, sorted.

    Empty `__init__.py` files and what lies in the NEUTRAL folders are left out.
    """
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        path = waiting.pop()
        if path in found or path.startswith(NEUTRAL):
            continue
        found.add(path)
        waiting.extend(direct_imports(path))
    return sorted(path for path in found if (ROOT / path).stat().st_size > 0)


def direct_imports(path: str) -> Iterator[str]:
    """First-party files named by any import statement of `path`, nested ones too."""
    for node in ast.walk(ast.parse((ROOT / path).read_bytes())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from _files(node.module)
            for alias in node.names:
                yield from _files(f"{node.module}.{alias.name}")


def _files(module: str) -> Iterator[str]:
    """The module's file and those of its parent packages; nothing for foreign modules."""
    parts = module.split(".")
    if parts[0] not in PACKAGES:
        return
    for depth in range(1, len(parts) + 1):
        base = "/".join(parts[:depth])
        for candidate in (f"{base}/__init__.py", f"{base}.py"):
            if (ROOT / candidate).is_file():
                yield candidate
