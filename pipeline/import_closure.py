"""Which of our files a stage's code consists of: DVC lists them as deps but does not trace them."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("pipeline", "models")

# By contract these change no byte of any out: where work runs, how it is shown and taken up again,
# how bytes arrive whose sums are pinned.
# Determinism tests hold them to it.
NEUTRAL = frozenset(
    {
        "pipeline/training/announcer.py",
        "pipeline/archives.py",
        "pipeline/training/background.py",
        "pipeline/downloads.py",
        "pipeline/engine.py",
        "pipeline/import_closure.py",
        "pipeline/training/live.py",
        "pipeline/params/archive.py",
        "pipeline/params/runtime.py",
        "pipeline/parent.py",
        "pipeline/progress.py",
        "pipeline/resume.py",
        "pipeline/running_sums.py",
        "pipeline/score_store.py",
        "pipeline/training/stop_signal.py",
        "pipeline/training/trackers.py",
    }
)


def closure(*starts: str) -> list[str]:
    """Paths (relative to the project) of `starts` and of all they import of ours, sorted.

    Empty `__init__.py` files and the NEUTRAL modules are left out.
    """
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        path = waiting.pop()
        if path in found or path in NEUTRAL:
            continue
        found.add(path)
        waiting.extend(_imports(ROOT / path))
    return sorted(path for path in found if (ROOT / path).stat().st_size > 0)


def _imports(path: Path) -> Iterator[str]:
    """First-party files named by any import statement of `path`, nested ones too."""
    for node in ast.walk(ast.parse(path.read_bytes())):
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
