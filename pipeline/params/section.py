"""One section of params.yaml as a strict, frozen pydantic model, and its loader.

Only the YAML reader and pydantic are imported here: every stage depends on this file.
"""

import difflib
import re
import reprlib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

PARAMS_PATH = Path("params.yaml")

# What no real file comes near. Aliases stand for what they name: a few lines of them expand to
# billions of values.
MAX_VALUES = 100_000
MAX_DEPTH = 32
MAX_DIGITS = 300  # of a number
MAX_SHOWN = 80  # characters of a value in a message

# What random number generators take.
MAX_SEED = 2**63 - 1

# pydantic's type of a fault -> what is allowed, filled from the fault's own context.
ALLOWED = {
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a section with settings of its own",
    "model_type": "must be a section with settings of its own",
    "literal_error": "must be one of {expected}",
    "finite_number": "must be a finite number",
    "greater_than": "must be > {gt}",
    "greater_than_equal": "must be >= {ge}",
    "less_than": "must be < {lt}",
    "less_than_equal": "must be <= {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "must match {pattern}",
}


class Section(BaseModel):
    """Base of every section: unknown keys and wrong types are errors, nothing is coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


SectionT = TypeVar("SectionT", bound=BaseModel)


def _yaml_fault(error: MarkedYAMLError) -> str:
    """Where it is, counted from 1, and what is wrong there."""
    place, begin = error.problem_mark, error.context_mark
    if place is None:  # then ruamel.yaml has put all that it says into the context
        where = f"line {begin.line + 1}, column {begin.column + 1}: " if begin else ""
        return f"{where}{error.context or error.problem or 'it cannot be read'}"
    if isinstance(error, DuplicateKeyError):
        return f"line {place.line + 1} sets what its section has set already: remove one of the two"
    said = f"line {place.line + 1}, column {place.column + 1}: {error.problem}"
    if begin is None or begin.line == place.line:
        return said
    return f"{said}, in what begins in line {begin.line + 1}"


def read(path: Path = PARAMS_PATH) -> dict[str, Any]:
    """The whole file as plain Python values.

    ruamel.yaml and not PyYAML: the latter reads `1e-4` as a string and `off` as False,
    where DVC (YAML 1.2) does not. A ValueError names the file where it is no such text, or one
    that expands beyond MAX_VALUES values or MAX_DEPTH levels.
    """
    if not path.is_file():
        raise ValueError(f"{path} is missing: write one with `scenefill use sample`")
    text = path.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        if re.search(rf"\d{{{MAX_DIGITS + 1}}}", line):
            raise ValueError(
                f"{path} has a number of more than {MAX_DIGITS} digits in line {number}: shorten it"
            )
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False  # the later one counts, as YAML has it
    try:
        values = yaml.load(text)
    except MarkedYAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {_yaml_fault(error)}") from error
    except YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from error
    except RecursionError:
        raise ValueError(f"{path} nests deeper than {MAX_DEPTH} levels: flatten it") from None
    _refuse_endless(values, path)
    if not isinstance(values, dict):
        raise ValueError(f"{path} must hold sections, but holds {type(values).__name__}")
    return values


def _refuse_endless(values: Any, path: Path) -> None:
    """A ValueError where lists and sections, aliases followed, are too many or too deep."""
    num_values = 0
    waiting = [(values, 1)]
    while waiting:
        value, depth = waiting.pop()
        num_values += 1
        if depth > MAX_DEPTH:
            raise ValueError(f"{path} nests deeper than {MAX_DEPTH} levels: flatten it")
        if num_values > MAX_VALUES:
            raise ValueError(
                f"{path} expands to more than {MAX_VALUES:,} values: write out what its aliases "
                "stand for"
            )
        inner = value.values() if isinstance(value, dict) else value
        if isinstance(value, dict | list):
            waiting.extend((each, depth + 1) for each in inner)


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
        # A value that may be of two types has a fault for each: what is allowed is either.
        allowed: dict[str, list[str]] = {}
        for fault in faults:
            what, _, rule = fault.partition(", but ")
            allowed.setdefault(what, []).extend([rule] if rule else [])
        lines = (
            f"{what}, but {' or '.join(rules)}" if rules else what
            for what, rules in allowed.items()
        )
        raise ValueError("\n".join(lines)) from None


def _describe(name: str, model: type[BaseModel], fault: Any) -> str:
    """One fault as: where, the value seen, what is allowed."""
    # Of a choice between types pydantic names the type tried, "literal['all']" or "list[str]".
    parts = [str(part) for part in fault["loc"] if not re.search(r"[\[\]]", str(part))]
    where = ".".join([name, *parts]).strip(".")
    if fault["type"] == "extra_forbidden":
        known = _fields(model, fault["loc"][:-1])
        return f"params.yaml {where} is unknown{closest(str(fault['loc'][-1]), known)}"
    if fault["type"] == "missing":
        return f"params.yaml {where} is missing: add it, or run `scenefill use sample`"
    message = fault["msg"].removeprefix("Value error, ")
    if message.startswith("params.yaml "):
        return str(message)
    if fault["type"] in ALLOWED:
        message = ALLOWED[fault["type"]].format(**fault.get("ctx", {}))
    return f"params.yaml {where} is {_shown(fault['input'])}, but {message}"


def _shown(value: Any) -> str:
    """`value` as Python writes it, cut short in the middle: it may be of any size."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = MAX_SHOWN
    return short.repr(value)


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
