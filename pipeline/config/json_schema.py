"""The JSON schema of params.yaml, by which editors complete and check."""

import json
from pathlib import Path
from typing import Any

from models.registry import RECIPES, options_model
from pipeline.config.whole import WholeParams

SCHEMA_PATH = Path("docs/params.schema.json")


def schema() -> dict[str, Any]:
    """The whole file's schema, with each recipe's own options in place."""
    whole = WholeParams.model_json_schema(ref_template="#/$defs/{model}")
    recipes = {}
    for name in sorted(RECIPES):
        # Recipes have options of the same name and of their own making.
        template = f"#/$defs/{name}.{{model}}"
        options = options_model(name).model_json_schema(ref_template=template)
        own = options.pop("$defs", {})
        whole["$defs"] |= {f"{name}.{model}": each for model, each in own.items()}
        recipes[name] = options
    whole["properties"]["recipes"] |= {"properties": recipes, "additionalProperties": False}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole}


def write_schema(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(schema(), indent=2) + "\n")
