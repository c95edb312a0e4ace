"""Ready params.yaml files: profile_files/sample.yaml is whole, another holds what differs."""

import difflib
import io
import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.params.section import PARAMS_PATH, closest
from pipeline.runtime.scratch import work_dir

FOLDER = Path(__file__).parent / "profile_files"
BASE = "sample"


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def render(name: str) -> str:
    """The profile's params.yaml as text, the comments of the base kept."""
    if name not in names():
        raise ValueError(f"there is no profile {name!r}{closest(name, names())}")
    text = (FOLDER / f"{BASE}.yaml").read_text()
    if name == BASE:
        return text
    yaml = YAML()
    yaml.width = 200
    yaml.indent(mapping=2, sequence=4, offset=2)
    values = yaml.load(text)
    _override(values, YAML(typ="safe").load(FOLDER / f"{name}.yaml"))
    stream = io.StringIO()
    yaml.dump(values, stream)
    return stream.getvalue()


def _override(values: Any, changes: dict[str, Any]) -> None:
    for name, change in changes.items():
        assert name in values, f"the profile sets {name}, which the base lacks"
        if isinstance(change, dict):
            _override(values[name], change)
        elif isinstance(change, list):
            values[name][:] = change  # in place, so that the list keeps its style
        else:
            values[name] = change


def use_profile(name: str) -> str:
    """Writes params.yaml; returns the difference. The old file is kept in the scratch folder."""
    new = render(name)
    old = PARAMS_PATH.read_text() if PARAMS_PATH.is_file() else ""
    if new == old:
        return f"params.yaml is the profile {name} already"
    kept = ""
    if old:
        backup = work_dir() / "params-before-use.yaml"
        backup.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PARAMS_PATH, backup)
        kept = f"\nthe former params.yaml is kept as {backup}"
    PARAMS_PATH.write_text(new)
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "before", name, lineterm="")
    return "\n".join(lines) + kept
