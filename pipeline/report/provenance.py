"""What the page rests on: sums of data, weights and code, params, versions."""

import io
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.report.tables import read_json
from pipeline.runtime.checksums import sha256_of

PACKAGES = (
    "dvc",
    "numpy",
    "opencv-python-headless",
    "pandas",
    "pillow",
    "scikit-image",
    "torch",
    "torchvision",
    "ultralytics",
    "webdataset",
)
# All of them are deps of the stage in dvc.yaml.
TABLES = (
    "index/funnel.json",
    "filter_people/*.json",
    "filter_people/*.csv",
    "filter_people/*.parquet",
    "downscale/funnel.json",
    "crop/meta.json",
    "train/config.json",
    "evaluate/*.json",
    "evaluate/*.csv",
    "evaluate/*.parquet",
    "compare/*.csv",
)
# What other sections choose by name.
CHOICES = {
    "sources": ("download", "source"),
    "holes": ("crop", "kind"),
    "recipes": ("train", "recipe"),
}


def decisive(params: dict[str, Any]) -> dict[str, Any]:
    """All that decides the run: without this machine's settings and what is not chosen."""
    kept = {name: values for name, values in params.items() if name != "runtime"}
    for name, (section, field) in CHOICES.items():
        chosen = params[section][field]
        kept[name] = {chosen: params[name][chosen]}
    return kept


def params_text(params: dict[str, Any]) -> str:
    """As YAML."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    stream = io.StringIO()
    yaml.dump(params, stream)
    return stream.getvalue()


def versions() -> dict[str, str]:
    """Of Python and the packages that made the page."""
    found = {"python": platform.python_version()}
    return found | {name: version(name) for name in PACKAGES}


def read_sums(data: Path, params: dict[str, Any]) -> dict[str, str]:
    """sha256 by what it is of, from the photos to the figures."""
    meta = read_json(data / "crop" / "meta.json")
    metrics = read_json(data / "evaluate" / "figures.json")
    archive = (data / "download" / "photos.tar.sha256").read_text().split()[0]
    sums = {"photos.tar": archive}
    if params["detect_people"]["enabled"]:
        sums["people detector"] = params["detect_people"]["weights_sha256"]
    sums |= {f"{split} shards": value for split, value in meta["sha256"].items()}
    sums["generator"] = metrics["generator_sha256"]
    for name, what in {
        "features_sha256": "scene features",
        "code_sha256": "evaluating code",
    }.items():
        if name in metrics:
            sums[what] = metrics[name]
    return sums


def read_file_sums(data: Path) -> dict[str, str]:
    """sha256 of the tables that the page is made of."""
    tables = [path for pattern in TABLES for path in sorted(data.glob(pattern))]
    return {f"data/{path.relative_to(data).as_posix()}": sha256_of(path) for path in tables}
