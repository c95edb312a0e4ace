"""The line as a user runs it: the real `dvc repro` in a copy of the project, on a few photos."""

import json
import re
import shutil
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.cli import STAGES
from pipeline.params.evaluate import Baseline
from pipeline.runtime.code_closure import ROOT
from pipeline.shards.reader import read_meta, read_split
from support.documents import code, commands
from support.pictures import encoded, picture
from support.project import Project, stages_run
from support.stages import DATA_STAGES

pytestmark = pytest.mark.slow

STATES = ".work/table/*/.work/train/*/state-*.pt"
FILE_LIST = "filelist_places365-standard.tar"

# Which of two stages that do not need each other runs first is DVC's choice: sorted.
ALL = sorted(STAGES)
UP_TO_CROP = sorted(DATA_STAGES)
TRAINED = ["evaluate", "report", "train"]

# The columns of each table of the data stages, as docs/data.md has them.
TABLES = {
    path: re.findall(r"`(\w+)`", columns.partition(":")[0])
    for path, columns in re.findall(
        r"^\| `(data/\w+/\w+\.parquet)` \| (.*) \|$",
        (ROOT / "docs/data.md").read_text(),
        flags=re.MULTILINE,
    )
}


def add_ninth_recipe(project: Project) -> None:
    """One file and one line, and options: what someone does who adds a system."""
    shutil.copyfile(
        ROOT / "tests/support/ninth_recipe.py", project.folder / "models/recipes/ninth.py"
    )
    registry = project.folder / "models/registry.py"
    line = '    "ganscape": "models.recipes.ganscape",\n'
    text = registry.read_text()
    assert line in text
    registry.write_text(text.replace(line, line + line.replace("ganscape", "ninth")))
    project.set("recipes.ninth", {"preset": "default", "width": 4})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, demo_detector: None) -> Project:
    """The project after its first `dvc repro`."""
    project = Project(tmp_path_factory.mktemp("project"))
    add_ninth_recipe(project)
    assert project.repro() == ALL
    return project


def figures(project: Project, path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.folder / "data" / path).read_text())
    return found


def test_a_second_run_does_nothing(project: Project) -> None:
    assert project.repro() == []


def test_the_same_params_give_the_same_bytes_elsewhere(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Project(tmp_path_factory.mktemp("other"))
    add_ninth_recipe(other)
    other.set("runtime.workers", 2)
    assert other.repro() == ALL
    hashes = project.out_hashes()
    assert len(hashes) >= 20
    assert other.out_hashes() == hashes


def test_runtime_another_recipe_and_another_kind_rerun_nothing(project: Project) -> None:
    project.set("runtime.detect_batch", 3)
    project.set("runtime.device", "cpu")
    project.set("recipes.ninth.width", 8)
    file = project.folder / "models/recipes/ninth.py"
    file.write_text(file.read_text() + "\n# edited\n")
    project.set("holes.strip.share_min", 0.2)
    kind = project.folder / "pipeline/hole_kinds/strip.py"
    kind.write_text(kind.read_text() + "\n# edited\n")
    assert project.repro() == []


def test_a_people_threshold_does_not_detect_again(project: Project) -> None:
    """And where the kept set is the same, nothing after the filter runs."""
    before = project.out_hashes()
    project.set("filter_people.min_score", 0.4000001)
    assert project.repro() == ["filter_people", "report"]
    # Tables and curves through the thresholds name the new one, and so do page and cards.
    changed = {path for path, md5 in project.out_hashes().items() if before[path] != md5}
    names = ("thresholds", "people_filter.csv")
    tables = {f"data/filter_people/{name}" for name in names}
    assert {path for path in changed if not path.startswith("data/report/")} <= tables


def test_training_params_rerun_from_train(project: Project) -> None:
    project.set("train.budget", "64 images")
    assert project.repro() == TRAINED
    # The two steps more go on from the six before.
    assert figures(project, "train/config.json")["num_steps"] == 8
    states = project.folder.glob(".work/train/*/state-*.pt")
    assert sorted(path.name for path in states) == ["state-000000008.pt"]


def test_the_ninth_recipe_trains_under_dvc(project: Project) -> None:
    recipe = project.params()["train"]["recipe"]
    project.set("train.recipe", "ninth")
    assert project.repro() == TRAINED
    assert figures(project, "train/config.json")["loss_weights"] == {"generator": {"l1": 1.0}}
    assert "model" in figures(project, "evaluate/figures.json")
    project.set("train.recipe", recipe)
    assert project.repro() == []


def test_two_processes_train_under_dvc(project: Project) -> None:
    project.set("runtime.processes", 2)
    project.set("train.seed", 9)
    assert project.repro() == TRAINED
    assert figures(project, "train/config.json")["num_processes"] == 2
    project.set("runtime.processes", 1)
    project.set("train.seed", 0)
    assert project.repro() == []  # DVC has kept that run's outs


def test_experiments_of_the_docs(project: Project) -> None:
    project.commit()
    exp_run, *others = commands("experiments")
    output = project.type(exp_run)
    assert stages_run(output) == TRAINED
    exp_show, metrics_diff, plots_diff = others
    assert "train.seed" in project.type(exp_show)
    assert "model.hole_psnr" in project.type(metrics_diff)
    assert "dvc_plots/index.html" in project.type(plots_diff)
    project.run("git", "checkout", "--quiet", "--force", ".")
    assert project.repro() == []


def test_a_wrong_value_passes_dvc_but_no_stage(project: Project) -> None:
    project.commit()
    output = project.run("dvc", "exp", "run", "-S", "train.batch_size=banana", code=255)
    assert "params.yaml train.batch_size is 'banana', but" in output
    project.run("git", "checkout", "--quiet", "--force", ".")
    assert project.repro() == []


def test_the_report_of_the_docs(project: Project) -> None:
    """Its commands; and what makes it anew: former runs, ratings, its templates."""
    project.commit()
    report, runs = commands("report")
    page = project.folder / "data/report/index.html"
    assert str(page.relative_to(project.folder)) in project.type(report)
    assert project.repro() == []
    assert "hole_psnr" in project.type(runs)
    assert project.repro() == ["report"]
    assert 'id="former"' in page.read_text()
    template = project.folder / "pipeline/report/templates/page.css"
    template.write_text(template.read_text() + "/* edited */\n")
    assert project.repro() == ["report"]
    bad = project.folder / "data/ratings/rating.json"
    bad.write_text("{}")
    assert "data/ratings/rating.json: format: " in project.run("dvc", "repro", code=255)
    bad.unlink()
    assert project.repro() == []


def test_export_of_the_docs(project: Project) -> None:
    """DVC knows nothing of it; a second one needs --force."""
    (line,) = commands("export")
    output = project.type(line)
    for name in ("generator.onnx", "generator.pt2", "generator.safetensors"):
        assert f"data/export/{name}: " in output
        facts = json.loads((project.folder / f"data/export/{name}.json").read_text())
        test_sum = read_meta(project.folder / "data/crop")["sha256"]["test"]
        assert facts["data"]["test_sha256"] == test_sum
        assert "painted landscapes" in facts["licence"]["photos"]
    assert project.repro() == []
    again = project.run("python", "-m", "pipeline", "export", code=1)
    assert "error: data/export holds generator.onnx, " in again
    assert "add --force" in again
    project.type(f"{line} --force --format onnx")


def test_recipes_of_the_docs(project: Project) -> None:
    """And `dvc repro` knows nothing of them."""
    (show,), (compare,) = commands("options"), commands("compare")
    assert "    width: 4" in project.type(show)
    table = project.type(compare)
    for name in ("ganscape", "glcic-faithful", "mean color"):
        assert f"| {name} |" in table
    for name in ("table.md", "completion.png", "results.csv"):
        assert (project.folder / "data/compare" / name).is_file()
    assert project.repro() == ["report"]
    page = (project.folder / "data/report/index.html").read_text()
    assert '<th scope="row">glcic-faithful</th>' in page


def test_the_table_of_ganscape_small(project: Project) -> None:
    """Two of its variants; what is done is not done again."""
    flags = "--images 16 --width 4 --seeds 1 --variants base pooling".split()
    output = project.run("python", "bench/table/run.py", *flags)
    assert re.findall(r"compare: ([a-z]+), seed 0", output) == ["base", "pooling"]
    table = (project.folder / "bench/table/table.md").read_text()
    assert table.count("| 3.67 | 5.33 |") == table.count("| 2.67 | 3.33 |") == 1
    assert "16 images a training" in table
    assert (project.folder / "bench/table/plot.png").is_file()
    states = {path: path.stat().st_mtime_ns for path in project.folder.glob(STATES)}
    assert len({path.parent for path in states}) == 2
    project.run("python", "bench/table/run.py", *flags)
    assert {path: path.stat().st_mtime_ns for path in project.folder.glob(STATES)} == states


@pytest.mark.parametrize(
    "line",
    [
        *commands("before-a-run"),
        *commands("thresholds"),
        *commands("explain"),
        *commands("watch"),
        *commands("single"),
    ],
)
def test_single_commands_of_the_docs(project: Project, line: str) -> None:
    assert project.type(line)


def test_completing_and_outpainting_as_the_docs_say(project: Project) -> None:
    """DVC knows nothing of it."""
    photo, holes, folder, remove = commands("complete")
    for name in ("photo.jpg", "beach.jpg", "holiday/sea.jpg"):
        path = project.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded(picture(3)))
    mask = Image.new("L", (256, 256))
    mask.paste(255, (30, 40, 120, 100))
    (project.folder / "masks").mkdir()
    for name in ("mask.png", "masks/sea.png"):
        mask.save(project.folder / name)
    for line in (photo, holes, folder, *commands("outpaint")):
        assert "1 of 1 written" in project.type(line)
    assert re.search("[01] of 1 written", project.type(remove))
    for name in ("photo_completed", "without_wires", "completed/sea_completed"):
        with Image.open(project.folder / f"{name}.png") as completed:
            assert completed.size == (256, 256)
    with Image.open(project.folder / "photo_outpainted.png") as wide:
        assert wide.size == (384, 256)
    assert project.repro() == []


def test_the_funnel_accounts_for_every_planted_fault(project: Project) -> None:
    data = project.folder / "data"
    truth = pd.read_parquet(data / "download/lists/truth.parquet").set_index("path")
    verdicts = pd.read_parquet(data / "filter_people/verdicts.parquet").set_index("path")
    assert set(truth.index) == set(verdicts.index) and len(truth) == 120
    planted = truth.assign(verdict=verdicts["verdict"])
    selected = planted[planted["verdict"] != "other_category"]
    assert set(selected[selected["fault"] == "broken"]["verdict"]) == {"broken"}
    assert (planted["verdict"] == "broken").sum() == (selected["fault"] == "broken").sum() > 0
    exact = selected[(selected["fault"] == "exact_copy") & (selected["verdict"] != "person")]
    assert len(exact) > 0
    for path, row in exact.iterrows():
        both = planted.loc[[path, row["copy_of"]], "verdict"]
        assert sorted(both) == ["exact_copy", "kept"]
    assert set(truth["fault"]) >= {"greyscale", "cmyk", "near_copy", "none"}
    funnel = figures(project, "filter_people/funnel.json")
    assert funnel["photos"] == 120
    assert funnel["kept"] == (verdicts["verdict"] == "kept").sum()
    assert set(planted[planted["category"] == "s/skyscraper"]["verdict"]) == {"other_category"}


def test_near_copies_share_a_split(project: Project) -> None:
    data = project.folder / "data"
    truth = pd.read_parquet(data / "download/lists/truth.parquet")
    index = pd.read_parquet(data / "index/index.parquet").set_index("path")["key"]
    splits = pd.read_parquet(data / "filter_people/splits.parquet").set_index("key")["split"]
    near = truth[truth["fault"] == "near_copy"]
    pairs = [(index[row.path], index[row.copy_of]) for row in near.itertuples()]
    pairs = [pair for pair in pairs if all(key in splits.index for key in pair)]
    assert pairs
    assert all(splits[one] == splits[other] for one, other in pairs)


def test_outs_are_whole(project: Project) -> None:
    data = project.folder / "data"
    meta = read_meta(data / "crop")
    funnel = figures(project, "downscale/funnel.json")
    counts = {
        split: len(list(read_split(data / "crop", split))) for split in ("train", "val", "test")
    }
    assert counts == meta["num_samples"]
    assert sum(counts.values()) == funnel["ok"]
    metrics = figures(project, "evaluate/figures.json")
    assert metrics["num_photos"] == counts["test"] > 0
    methods = {"model", *get_args(Baseline)}
    assert {name for name, value in metrics.items() if isinstance(value, dict)} == methods
    table = pd.read_parquet(data / "evaluate/per_image.parquet")
    assert len(table) == counts["test"] * len(methods)
    assert list((data / "train/samples").glob("step-*.png"))
    assert (data / "evaluate/grids/test.png").is_file()
    assert 100_000 < (data / "report/index.html").stat().st_size < 15_000_000
    assert not list(project.folder.glob(".work/crop/*")), "finished work leaves no scratch"


def test_tables_have_the_columns_of_the_docs(project: Project) -> None:
    folders = [project.folder / "data" / stage for stage in UP_TO_CROP if stage != "download"]
    there = {
        path.relative_to(project.folder).as_posix(): list(pd.read_parquet(path))
        for folder in folders
        for path in folder.glob("*.parquet")
    }
    assert there == TABLES and len(TABLES) >= 8


def test_every_column_is_explained_with_its_type(project: Project) -> None:
    """Of all tables below data/; a column that holds nothing is of any type."""
    rows = re.findall(
        r"^\| (`[a-z_0-9`, ]+`) \| (.+?) \| .+ \|$",
        (ROOT / "docs/data.md").read_text().partition("## Columns\n")[2],
        flags=re.MULTILINE,
    )
    explained = {name: kind for names, kind in rows for name in re.findall(r"\w+", names)}
    tables = [*project.folder.glob("data/**/*.parquet"), *project.folder.glob("data/**/*.csv")]
    assert len(tables) > 20
    # Pandas would take a sum of decimal digits alone for a number.
    texts = {name: str for name, kind in explained.items() if kind == "text"}
    for path in tables:
        is_csv = path.suffix == ".csv"
        table = pd.read_csv(path, dtype=texts) if is_csv else pd.read_parquet(path)
        for name, column in table.items():
            assert name in explained, f"docs/data.md does not explain `{name}` of {path}"
            filled = column.dropna()
            assert {kind_of(value) for value in filled} <= {explained[name]}, f"{name} of {path}"


def kind_of(value: object) -> str:
    """As docs/data.md calls it."""
    if isinstance(value, bool | np.bool_):
        return "yes or no"
    if isinstance(value, int | np.integer):
        return "whole number"
    if isinstance(value, float | np.floating):
        return "number"
    return "text" if isinstance(value, str) else "list"


def test_the_shards_are_read_as_the_docs_say(project: Project) -> None:
    """Without this project's code: in its folder, but isolated from it."""
    output = project.run("python", "-I", "-c", code("read-shards"))
    num_samples = read_meta(project.folder / "data/crop")["num_samples"]["test"]
    assert output.count(" (64, 64, 3) (64, 64, 3) [[") == len(output.splitlines()) == num_samples


def test_dvc_shows_metrics_and_plots(project: Project) -> None:
    shown = project.run("dvc", "metrics", "show")
    for name in ("model.hole_psnr", "model.detail_ratio", "recall", "false_alarms"):
        assert name in shown
    project.run("dvc", "plots", "show")
    page = (project.folder / "dvc_plots/index.html").read_text()
    assert "vega" in page.lower() and "test.png" in page
    for title in ("PSNR in the hole, dB", "precision against recall", "dB of hole PSNR that"):
        assert title in page


def test_the_people_filter_is_measured_on_planted_people(project: Project) -> None:
    data = project.folder / "data"
    found = figures(project, "filter_people/figures.json")
    truth = pd.read_parquet(data / "download/lists/truth.parquet").set_index("path")
    verdicts = pd.read_parquet(data / "filter_people/verdicts.parquet").set_index("path")
    judged = verdicts[verdicts["verdict"].isin(["kept", "person"])].join(truth["num_people"])
    # Exact copies of photos with people have the verdict of their person and count but once.
    assert 0 < found["photos_with_truth"] <= len(judged)
    assert 0 < found["photos_with_people"] <= (judged["num_people"] > 0).sum()
    curve = pd.read_csv(data / "filter_people/people_filter.csv")
    now = curve[curve["min_score"] == project.params()["filter_people"]["min_score"]]
    for name in ("precision", "recall", "false_alarms"):
        assert float(now[name].iloc[0]) == found[name]


def test_results_show_the_table_and_where_pictures_lie(project: Project) -> None:
    output = project.run("python", "-m", "pipeline", "results")
    assert "120 photos" in output and "telea" in output
    for line in output.splitlines():
        if "data/" in line:
            assert (project.folder / line.split()[-1]).exists(), line


def test_outs_are_linked_not_copied(project: Project) -> None:
    """hardlink,symlink: one copy on disk, which nobody may write into."""
    weights = project.folder / "data/train/generator.safetensors"
    assert weights.stat().st_nlink > 1
    assert weights.stat().st_mode & 0o222 == 0
