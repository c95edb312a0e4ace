"""Guards of the design: what DVC, Python and the reader have to agree on."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, get_args

import pytest
from ruamel.yaml import YAML

from models.registry import RECIPES
from pipeline.cli import STAGES
from pipeline.config.json_schema import SCHEMA_PATH, schema
from pipeline.config.preconditions import Line
from pipeline.config.profiles import names, render
from pipeline.config.whole import Holes, Sources, WholeParams, check_whole
from pipeline.holes.cutter import hole_kind, hole_path
from pipeline.params.crop import CropParams
from pipeline.params.section import closest
from pipeline.report.provenance import TABLES
from pipeline.runtime.code_closure import NEUTRAL, ROOT, closure, direct_imports

DVC: dict[str, Any] = YAML(typ="safe").load(ROOT / "dvc.yaml")
PARAMS: dict[str, Any] = YAML(typ="safe").load(ROOT / "params.yaml")
PYTHON_FILES = sorted([*ROOT.glob("pipeline/**/*.py"), *ROOT.glob("models/**/*.py")])
# By name: each once, the others as they come first. All combinations would take minutes.
CHOSEN = {
    "download.source": list(Sources.model_fields),
    "crop.kind": list(Holes.model_fields),
    "train.recipe": list(RECIPES),
}
FIRST = {choice: names[0] for choice, names in CHOSEN.items()}
CHOICES = [FIRST | {choice: name} for choice, names in CHOSEN.items() for name in names]


def stage_files() -> list[str]:
    return sorted(p.stem for p in (ROOT / "pipeline/stages").glob("*.py") if p.stem != "__init__")


def test_one_word_in_every_place() -> None:
    stages = list(DVC["stages"])
    assert stages == list(STAGES)
    assert sorted(stages) == stage_files()
    assert set(stages) == set(PARAMS) - {"sources", "holes", "recipes", "runtime"}
    assert set(PARAMS) == set(WholeParams.model_fields)
    for name, stage in DVC["stages"].items():
        assert stage["cmd"] == f"python -m pipeline {name}"
        outs = [next(iter(out)) if isinstance(out, dict) else out for out in all_outs(stage)]
        assert outs == [f"data/{name}"] or all(out.startswith(f"data/{name}/") for out in outs)


def all_outs(stage: dict[str, Any]) -> list[Any]:
    return [*stage["outs"], *stage.get("metrics", [])]


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_the_imports(stage: str) -> None:
    """DVC does not trace imports: an unlisted file would change results unseen.

    Recipes share networks: one that only another recipe needs is listed too.
    """
    needed, listed = set(), set()
    for choice in CHOICES:
        code = {resolve(dep, choice) for dep in DVC["stages"][stage]["deps"]}
        code = {dep for dep in code if dep.startswith(("pipeline/", "models/"))}
        files = closure(*starts_of(stage, choice))
        assert [path for path in files if not covered(path, code)] == []
        needed.update(files)
        listed.update(code)
    # A folder stands for its files only where all of them are needed: an edit of another would
    # rerun the stage for nothing.
    files = [path.relative_to(ROOT).as_posix() for path in PYTHON_FILES if path.stat().st_size]
    assert [path for path in files if covered(path, listed) and path not in needed] == []
    assert not any(dep.startswith(NEUTRAL) for dep in listed)


@pytest.mark.parametrize("stage", STAGES)
def test_who_reads_shards_says_which_and_depends_on_their_sums(stage: str) -> None:
    """The shards themselves may lie in DVC's remote, where they are no dependency of a file."""
    facts = DVC["stages"][stage]
    shards = set(facts.get("meta", {}).get("shards", []))
    reads = "pipeline/shards/reader.py" in closure(*starts_of(stage, FIRST))
    assert bool(shards) == reads == (stage in ("train_features", "train", "evaluate"))
    assert shards <= set(DVC["stages"]["crop"]["outs"]) - {"data/crop/meta.json"}
    assert not shards & set(facts["deps"])
    assert not reads or "data/crop/meta.json" in facts["deps"]
    line = Line()
    here, elsewhere = (set(line.inputs(stage, shards_here=each)) for each in (True, False))
    assert here - elsewhere == shards and elsewhere <= here


def starts_of(stage: str, choice: dict[str, str]) -> list[str]:
    starts = [f"pipeline/stages/{stage}.py"]
    if stage == "download":
        folder = f"pipeline/sources/{choice['download.source']}"
        starts.extend([f"{folder}/source.py", f"{folder}/options.py"])
    if stage in ("crop", "train"):
        starts.append(hole_path(choice["crop.kind"]))
    if stage in ("train", "evaluate"):
        starts.append(RECIPES[choice["train.recipe"]].replace(".", "/") + ".py")
    return starts


def covered(path: str, deps: set[str]) -> bool:
    return any(path == dep or path.startswith(f"{dep}/") for dep in deps)


def resolve(dep: str, choice: dict[str, str]) -> str:
    for name, chosen in choice.items():
        dep = dep.replace(f"${{{name}}}", chosen)
    return dep


def test_the_report_is_made_of_its_templates_and_reruns_nothing_else() -> None:
    files = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("pipeline/report/**/*.*")]
    templates = [path for path in files if "/templates/" in path]
    assert len(templates) >= 5
    for name, stage in DVC["stages"].items():
        code = {str(dep) for dep in stage["deps"]}
        assert [covered(path, code) for path in templates] == [name == "report"] * len(templates)


def test_the_report_is_made_anew_with_whatever_it_reads() -> None:
    """Its sums are of files that it depends on: otherwise it would go stale unseen."""
    deps = {str(dep) for dep in DVC["stages"]["report"]["deps"]}
    assert len(TABLES) > 5
    assert [table for table in TABLES if not covered(f"data/{table}", deps)] == []


def test_every_kind_of_holes_has_its_files_and_options() -> None:
    kinds = sorted(Holes.model_fields)
    files = (path.stem for path in (ROOT / "pipeline/hole_kinds").glob("*.py"))
    assert sorted(set(files) - {"__init__"}) == kinds
    assert sorted(get_args(CropParams.model_fields["kind"].annotation)) == kinds
    for kind, field in Holes.model_fields.items():
        assert hole_kind(kind).OPTIONS is field.annotation
        assert hole_kind(kind).OPTIONS.WHERE == f"holes.{kind}"


def test_a_stage_tracks_its_whole_section_and_its_choice() -> None:
    chosen = {
        "download": ["sources.${download.source}"],
        "crop": ["holes.${crop.kind}"],
        "train": ["recipes.${train.recipe}"],
        # The page shows all that decides the run.
        "report": [
            *(name for name in DVC["stages"] if name != "report"),
            "sources.${download.source}",
            "holes.${crop.kind}",
            "recipes.${train.recipe}",
        ],
    }
    for name, stage in DVC["stages"].items():
        assert stage["params"] == [name, *chosen.get(name, [])]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_reads_only_its_own_section(stage: str) -> None:
    """Sections are read by `load("name", ...)`; runtime is tracked by none."""
    source = (ROOT / f"pipeline/stages/{stage}.py").read_text()
    loaded = set(re.findall(r'load\(\s*f?"([a-z_]+)', source))
    assert loaded <= {stage, "runtime", "sources", "holes", "recipes"}
    assert stage in loaded


def test_figures_tracked_by_git_are_metrics_of_their_stage() -> None:
    """`cache: false` on a plain out would switch DVC's run cache off for the stage."""
    for stage in DVC["stages"].values():
        assert all(options == {"push": False} for out in stage["outs"] for options in values(out))
        assert all(
            options == {"cache": False}
            for out in stage.get("metrics", [])
            for options in values(out)
        )


def values(out: Any) -> list[Any]:
    return list(out.values()) if isinstance(out, dict) else []


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


def room(path: str) -> str:
    """Its folder below pipeline/ or models/ (of a source: its own), or the file itself."""
    parts = path.split("/")
    depth = 3 if parts[1] == "sources" and len(parts) > 3 else 2
    return "/".join(parts[:depth])


# Nothing imports upwards: a room imports from its own line and from those below it.
LAYERS = [
    ["pipeline/__main__.py"],
    ["pipeline/cli.py"],
    ["pipeline/commands", "pipeline/web", "pipeline/stages", "pipeline/planning"],
    ["pipeline/api.py", "pipeline/image_files", "pipeline/report", "pipeline/config"],
    ["pipeline/export", "pipeline/evaluation", "pipeline/training", "pipeline/sources"],
    ["pipeline/people_filter", "pipeline/completion", "pipeline/features", "pipeline/detection"],
    ["pipeline/inpainting", "pipeline/duplicates", "pipeline/hole_kinds", "pipeline/metrics"],
    ["pipeline/holes", "pipeline/photos", "pipeline/shards", "pipeline/places365"],
    ["models"],
    ["pipeline/tracking", "pipeline/downloads"],
    ["pipeline/params"],
    ["pipeline/runtime"],
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def level_of(path: str) -> int:
    """The line of LAYERS that the file's room, or the folder that this lies in, stands in."""
    names = ("/".join(path.split("/")[:depth]) for depth in (1, 2))
    return next(LEVEL[name] for name in names if name in LEVEL)


def test_imports_flow_one_way() -> None:
    assert len(PYTHON_FILES) > 200
    graph: dict[str, set[str]] = {}
    for file in PYTHON_FILES:
        name = file.relative_to(ROOT).as_posix()
        imported = imports_of(file)
        ours = {path for path in direct_imports(name) if (ROOT / path).stat().st_size}
        graph.setdefault(room(name), set()).update(map(room, ours))
        assert [path for path in ours if level_of(path) < level_of(name)] == [], name
        # A stage or command starts a process: nothing else is made of it.
        if name not in ("pipeline/cli.py", "pipeline/__main__.py"):
            assert not any(path.startswith("pipeline/stages/") for path in ours), name
        if name.startswith("models/"):
            foreign = {module.split(".")[0] for module in imported} - sys.stdlib_module_names
            assert foreign <= {"models", "torch", "torchvision", "pydantic", "pydantic_core"} | (
                {"safetensors"} if name == "models/generator_files.py" else set()
            ), name
        if not name.startswith("pipeline/detection/"):
            assert not any(module.startswith("ultralytics") for module in imported), name
        if name.startswith("pipeline/params/"):
            assert not any(module.startswith(("torch", "models", "numpy")) for module in imported)
    order = TopologicalSorter({name: to - {name} for name, to in graph.items()})
    assert len(list(order.static_order())) > 20  # a circle between rooms would be a CycleError


def test_file_names() -> None:
    for path in PYTHON_FILES:
        if path.stem == "__init__":
            assert path.read_text() == "", path
            continue
        assert path.stem not in sys.stdlib_module_names, path
        assert path.stem not in ("utils", "helpers", "misc", "common"), path


def test_few_modules_lie_flat() -> None:
    flat = {path.stem for path in (ROOT / "pipeline").glob("*.py")} - {"__init__"}
    assert flat == {"__main__", "cli", "api"}


def test_tests_mirror_the_tree() -> None:
    """A folder of tests is named as what it tests; what several tests use lies in support/."""
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()} - {"__pycache__"}
    rooms = {path.name for path in (ROOT / "pipeline").iterdir() if path.is_dir()}
    assert folders - {"support", "bench", "models"} <= rooms


def modules_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {module.split(".")[0] for module in run.stdout.split()}


HEAVY = {"torch", "ultralytics", "pandas", "numpy", "cv2", "webdataset", "pydantic", "dvclive"}
HEAVY |= {"gradio"}


def test_help_loads_nothing_heavy() -> None:
    code = "import pipeline.cli\ntry: pipeline.cli.app(['--help'])\nexcept SystemExit: pass"
    loaded = modules_after(code)
    assert "typer" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize(
    "module",
    ["stages.download", "stages.index", "stages.detect_people", "stages.filter_people"]
    + ["stages.downscale", "stages.crop", "stages.report", "commands.explain"]
    + ["commands.thresholds"],
)
def test_what_handles_data_loads_no_torch(module: str) -> None:
    loaded = modules_after(f"import pipeline.{module}")
    assert loaded & {"torch", "ultralytics", "webdataset"} == set()


def test_params_yaml_is_the_sample_and_passes() -> None:
    assert (ROOT / "params.yaml").read_text() == render("sample")
    check_whole(ROOT / "params.yaml")


@pytest.mark.parametrize("profile", names())
def test_every_profile_passes(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    path = tmp_path / "params.yaml"
    path.write_text(render(profile))
    check_whole(path)
    assert render(profile).count("#") == render("sample").count("#"), "comments are kept"


def test_schema_is_current_and_named_by_params_yaml() -> None:
    import json

    assert json.loads((ROOT / SCHEMA_PATH).read_text()) == schema(), "run `scenefill schema`"
    first_line = (ROOT / "params.yaml").read_text().splitlines()[0]
    assert first_line == f"# yaml-language-server: $schema={SCHEMA_PATH}"


def test_closest_suggests() -> None:
    assert closest("side_mx", ["side_min", "side_max"]) == ": did you mean `side_max`?"
