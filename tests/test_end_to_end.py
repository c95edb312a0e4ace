"""The line as a user runs it: the real `dvc repro` in a copy of the project, on a few photos."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from pictures import encoded, picture
from pipeline.import_closure import ROOT
from pipeline.shard_reader import read_meta, read_split
from project import TINY, Project, readme_blocks

ALL = [
    "download",
    "index",
    "filter_categories",
    "detect_people",
    "filter_people",
    "downscale",
    "crop",
    "train",
    "evaluate",
]

_, _, README_OWN, README_EXPERIMENTS, README_SINGLE = readme_blocks()


def add_second_recipe(folder: Path) -> None:
    """One file and two lines: what someone does who adds a system."""
    recipes = folder / "models/recipes"
    (recipes / "second.py").write_text((recipes / "ganscape.py").read_text())
    registry = folder / "models/registry.py"
    line = '    "ganscape": "models.recipes.ganscape",\n'
    text = registry.read_text()
    assert line in text
    registry.write_text(text.replace(line, line + line.replace("ganscape", "second")))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, demo_detector: None) -> Project:
    """The project after its first `dvc repro`."""
    project = Project(tmp_path_factory.mktemp("project"))
    add_second_recipe(project.folder)
    project.set("recipes.second", project.params()["recipes"]["ganscape"])
    assert project.repro() == ALL
    return project


def figures(project: Project, path: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((project.folder / "data" / path).read_text())
    return found


def test_a_second_run_does_nothing(project: Project) -> None:
    assert project.repro() == []


def test_the_same_params_give_the_same_bytes_elsewhere(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Project(tmp_path_factory.mktemp("other"))
    add_second_recipe(other.folder)
    other.set("recipes.second", other.params()["recipes"]["ganscape"])
    other.set("runtime.workers", 2)
    assert other.repro() == ALL
    hashes = project.out_hashes()
    assert len(hashes) >= 20
    assert other.out_hashes() == hashes


def test_runtime_and_another_recipe_rerun_nothing(project: Project) -> None:
    project.set("runtime.detect_batch", 3)
    project.set("runtime.device", "cpu")
    project.set("recipes.second.width", 8)
    file = project.folder / "models/recipes/second.py"
    file.write_text(file.read_text() + "\n# edited\n")
    assert project.repro() == []


def test_a_people_threshold_does_not_detect_again(project: Project) -> None:
    """And where the kept set is the same, nothing after the filter runs."""
    before = project.out_hashes()
    project.set("filter_people.min_score", 0.4000001)
    assert project.repro() == ["filter_people"]
    assert project.out_hashes() == before


def test_training_params_rerun_from_train(project: Project) -> None:
    project.set("train.budget", "64 images")
    assert project.repro() == ["train", "evaluate"]
    # The two steps more go on from the six before.
    assert figures(project, "train/config.json")["num_steps"] == 8
    states = project.folder.glob(".work/train/*/state-*.pt")
    assert sorted(path.name for path in states) == ["state-000000008.pt"]


def test_two_processes_train_under_dvc(project: Project) -> None:
    project.set("runtime.processes", 2)
    project.set("train.seed", 9)
    assert project.repro() == ["train", "evaluate"]
    assert figures(project, "train/config.json")["num_processes"] == 2
    project.set("runtime.processes", 1)
    project.set("train.seed", 0)
    assert project.repro() == []  # DVC has kept that run's outs


def test_experiments_of_the_readme(project: Project) -> None:
    project.commit()
    exp_run, *others = README_EXPERIMENTS
    output = project.type(exp_run)
    assert re.findall(r"Running stage '([a-z_]+)'", output) == ["train", "evaluate"]
    for line in others:
        assert "train" in project.type(line) or "hole_psnr" in project.type(line)
    project.run("git", "checkout", "--quiet", "--force", ".")
    assert project.repro() == []


def test_a_wrong_value_passes_dvc_but_no_stage(project: Project) -> None:
    output = project.run("dvc", "exp", "run", "-S", "train.batch_size=banana", code=255)
    assert "params.yaml train.batch_size is 'banana', but" in output
    project.run("git", "checkout", "--quiet", "--force", ".")
    assert project.repro() == []


@pytest.mark.parametrize("line", README_SINGLE)
def test_single_commands_of_the_readme(project: Project, line: str) -> None:
    assert project.type(line)


def test_the_readme_has_no_other_commands() -> None:
    first, export, own, experiments, single = readme_blocks()
    assert first == ["make demo", "make test"]
    assert set(first) <= set((ROOT / ".ci/run").read_text().splitlines())
    assert export == ["export PATH=$PWD/.venv/bin:$PATH"]
    assert (own, experiments, single) == (README_OWN, README_EXPERIMENTS, README_SINGLE)


def test_own_photos_as_the_readme_says(tmp_path: Path) -> None:
    project = Project(tmp_path / "own")
    for number in range(40):
        path = project.folder / f"data/photos/{'ab'[number % 2]}/{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture(number)))
    use, repro, results = README_OWN
    project.type(use)
    project.set_all(TINY)
    project.set("detect_people.enabled", False)  # its weights would have to be downloaded
    project.type(repro)
    assert "40 photos: 40 kept" in project.type(results)


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
    metrics = figures(project, "evaluate/metrics.json")
    assert metrics["num_photos"] == counts["test"] > 0
    methods = {"model", "mean_color", "telea", "navier_stokes", "biharmonic"}
    assert {name for name, value in metrics.items() if isinstance(value, dict)} == methods
    table = pd.read_parquet(data / "evaluate/per_image.parquet")
    assert len(table) == counts["test"] * len(methods)
    assert list((data / "train/samples").glob("step-*.png"))
    assert (data / "evaluate/grids/test.png").is_file()
    assert not list(project.folder.glob(".work/crop/*")), "finished work leaves no scratch"


def test_dvc_shows_metrics_and_plots(project: Project) -> None:
    assert "hole_psnr" in project.run("dvc", "metrics", "show")
    project.run("dvc", "plots", "show")
    page = (project.folder / "dvc_plots/index.html").read_text()
    assert "vega" in page.lower() and "test.png" in page


def test_results_show_the_table_and_where_pictures_lie(project: Project) -> None:
    output = project.run("python", "-m", "pipeline", "results")
    assert "120 photos" in output and "telea" in output
    for line in output.splitlines():
        if "data/" in line:
            assert (project.folder / line.split()[-1]).exists(), line


def test_outs_are_linked_not_copied(project: Project) -> None:
    """hardlink,symlink: one copy on disk, which nobody may write into."""
    archive = project.folder / "data/download/photos.tar"
    assert archive.stat().st_nlink > 1
    assert archive.stat().st_mode & 0o222 == 0
