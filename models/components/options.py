"""The options of a recipe: whole presets, of which params.yaml names what it changes."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

Values = Mapping[str, Any]


class Options(BaseModel):
    """Unknown keys and wrong types are errors, nothing is coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """For params.yaml, where a preset gives what is left out."""
        # pydantic's own schema asks for every field, but params.yaml names those that it changes.
        schema = handler.resolve_ref_schema(handler(core_schema))
        schema.pop("required", None)
        return schema


class RecipeOptions(Options):
    """Base of every recipe's options, `recipes.<name>` in params.yaml.

    A preset is a value for every other field; what params.yaml names takes its place.
    """

    presets: ClassVar[Mapping[str, Values]]

    preset: Literal["default", "faithful"] = Field(
        description="faithful: as published, with its defects; default: the defects mended"
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        # An unknown preset is one fault; without the default's values every field would be one.
        return overlaid(cls.presets.get(str(values.get("preset")), cls.presets["default"]), values)


def overlaid(below: Values, above: Values) -> dict[str, Any]:
    """`above` over `below`; mappings in both are overlaid too, unless their `name` differs."""
    result = {**below, **above}
    for key in below.keys() & above.keys():
        lower, upper = below[key], above[key]
        if isinstance(lower, Mapping) and isinstance(upper, Mapping):
            # Adam's betas mean nothing to the SGD that takes its place.
            if upper.get("name", lower.get("name")) == lower.get("name"):
                result[key] = overlaid(lower, upper)
    return result
