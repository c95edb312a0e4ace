"""One section of params.yaml as a strict, frozen pydantic model, and its loader.

Only the YAML reader and pydantic are imported here: every stage depends on this file.
"""

import difflib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

PARAMS_PATH = Path("params.yaml")


class Section(BaseModel):
    """Base of every section: unknown keys and wrong types are errors, nothing is coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


SectionT = TypeVar("SectionT", bound=BaseModel)


def read(path: Path = PARAMS_PATH) -> dict[str, Any]:
    """The whole file as plain Python values.

    ruamel.yaml and not PyYAML: the latter reads `1e-4` as a string and `off` as False,
    where DVC (YAML 1.2) does not.
    """
    if not path.is_file():
        raise ValueError(f"{path} is missing: write one with `scenefill use sample`")
    try:
        values = YAML(typ="safe", pure=True).load(path)
    except YAMLError as error:
        raise ValueError(f"{path} is no valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} must hold sections, but holds {type(values).__name__}")
    return values


def load(name: str, model: type[SectionT], path: Path = PARAMS_PATH) -> SectionT:
    """The section `name` (dotted for a nested one), checked against `model`."""
    values: Any = read(path)
    for part in name.split("."):
        if not isinstance(values, dict) or part not in values:
            raise ValueError(
                f"{path} has no section `{name}`: add it, or run `scenefill use sample`"
            )
        values = values[part]
    return check(name, model, values)


def check(name: str, model: type[SectionT], values: Any) -> SectionT:
    """`values` as a `model`; a ValueError lists every fault in the user's words."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = [_describe(name, model, fault) for fault in error.errors()]
        raise ValueError("\n".join(faults)) from None


def _describe(name: str, model: type[BaseModel], fault: Any) -> str:
    """One fault as: where, the value seen, what is allowed."""
    where = ".".join([name, *(str(part) for part in fault["loc"])]).strip(".")
    if fault["type"] == "extra_forbidden":
        known = _fields(model, fault["loc"][:-1])
        return f"params.yaml {where} is unknown{closest(str(fault['loc'][-1]), known)}"
    if fault["type"] == "missing":
        return f"params.yaml {where} is missing: add it, or run `scenefill use sample`"
    message = fault["msg"].removeprefix("Value error, ")
    if message.startswith("params.yaml "):
        return str(message)
    return f"params.yaml {where} is {fault['input']!r}, but: {message}"


def _fields(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """The keys allowed at `location` inside `model`."""
    for part in location:
        field = model.model_fields.get(str(part))
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)


def closest(word: str, known: list[str]) -> str:
    """': did you mean ...' with the closest of `known`, else all of them (at most 12)."""
    match = difflib.get_close_matches(word, known, n=1)
    if match:
        return f": did you mean `{match[0]}`?"
    if not known:
        return ""
    more = ", ..." if len(known) > 12 else ""
    return f": allowed are {', '.join(sorted(known)[:12])}{more}"
