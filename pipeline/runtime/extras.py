"""Libraries that only some commands need: the extras of pyproject.toml."""

from importlib.util import find_spec


def require_extra(extra: str, *modules: str, what: str) -> None:
    """ValueError where a module of `extra` is not installed; `what` needs it."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ValueError(
            f"{what} needs {', '.join(missing)}, which is not installed: install it with: "
            f"pip install 'scenefill[{extra}]'"
        )
