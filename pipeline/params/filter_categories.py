"""The section `filter_categories`: the categories that stay."""

from typing import Literal

from pydantic import Field

from pipeline.params.section import Section


class FilterCategoriesParams(Section):
    """What the stage `filter_categories` reads."""

    categories: Literal["all"] | list[str] = Field(
        description="names such as f/forest/broadleaf (a leading / is allowed), or all"
    )
