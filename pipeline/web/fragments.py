"""Pieces of HTML from the templates; everything in them is escaped."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

_ENVIRONMENT = Environment(
    loader=PackageLoader("pipeline.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def fragment(template: str, **values: Any) -> str:
    """The template of that name, filled in."""
    return _ENVIRONMENT.get_template(template).render(values)


def source(name: str) -> str:
    """The template's file as it stands: a script or a style."""
    loader = _ENVIRONMENT.loader
    assert loader is not None
    return loader.get_source(_ENVIRONMENT, name)[0]
