from pathlib import Path

import pytest

from pipeline import cli
from pipeline.cli import STAGES
from pipeline.config.profiles import render
from pipeline.config.whole import WholeParams, check_whole
from pipeline.params.section import read
from pipeline.planning import plan
from pipeline.planning.amounts import duration_text, size_text
from pipeline.planning.cluster import Cluster
from pipeline.planning.cost import Cost
from pipeline.planning.expected import Expected
from pipeline.planning.plan import plan_text
from pipeline.planning.sample_run import Costs
from pipeline.planning.timings import params_digest, timed
from support.documents import commands
from support.pictures import encoded, picture


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Each measurement's size of photos; a photo takes a millisecond in every stage."""
    sizes: list[tuple[int, int]] = []

    def measure(params: WholeParams, source: Expected, weights: Path | None) -> Costs:
        sizes.append(source.size)
        costs = Costs(stages=dict.fromkeys(STAGES, Cost(0.0, 0.001, 0.001)))
        costs.stages["filter_categories"] = Cost(1.0, None, 0.0001)
        if weights is None:
            del costs.stages["detect_people"]
            costs.reasons["detect_people"] = f"{params.detect_people.weights} is not here yet"
        return costs

    monkeypatch.setattr(plan, "measure", measure)
    return sizes


def project(root: Path, profile: str, monkeypatch: pytest.MonkeyPatch) -> WholeParams:
    (root / "params.yaml").write_text(render(profile))
    monkeypatch.chdir(root)
    return check_whole()


def rows(text: str) -> dict[str, list[str]]:
    """The table's cells by stage."""
    lines = [line.split("│")[1:-1] for line in text.splitlines() if line.startswith("│")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def test_minutes_are_photos_times_what_one_takes(
    scratch_root: Path, measured: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    params = project(scratch_root, "places365", monkeypatch)
    table = rows(plan_text(params, list(STAGES), again=False))
    assert measured == [(256, 256)]
    assert table["download"] == ["1,803,460", "44 min", "26.1 GB", "at 10 MB/s"]
    assert table["index"][:2] == ["1,803,460", "4 min"], "timed a selected photo"
    assert table["filter_categories"][1] == "at most 26 s"
    assert table["detect_people"][:2] == ["247,049", "unknown"]
    assert table["detect_people"][3] == "yolo11m.pt is not here yet"
    assert table["downscale"][:2] == ["247,049", "4 min"]
    assert table["train"][0] == "48,000" and table["evaluate"][0] == "12,352"
    assert table["all"][1].startswith("more than ")
    assert set(table) == {*STAGES, "all"}


def test_after_a_run_the_plan_stands_beside_what_it_took(
    scratch_root: Path, measured: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    params = project(scratch_root, "celeba", monkeypatch)
    plan_text(params, list(STAGES), again=False)
    with timed("index", params_digest(read())):
        pass
    with timed("crop", "of other params"):
        pass
    table = rows(plan_text(params, list(STAGES), again=False))
    assert len(measured) == 1, "what was measured before the run is kept"
    assert table["index"][1:4] == ["3 min", "22.3 MB", "under 1 s"]
    assert table["crop"][3] == "under 1 s (other params)"
    assert table["train"][3] == ""
    plan_text(params, list(STAGES), again=True)
    assert len(measured) == 2


def test_a_cluster_and_ten_times_the_photos_measure_nothing_anew(
    scratch_root: Path, measured: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    params = project(scratch_root, "celeba", monkeypatch)
    plan_text(params, list(STAGES))
    text = plan_text(params, list(STAGES), False, Cluster(nodes=4), times=10)
    assert len(measured) == 1
    table = rows(text)
    assert table["downscale"][:2] == ["2,025,990", "8 min"], "four nodes share it"
    assert table["filter_people"][:2] == ["2,025,990", "34 min"], "one process does it"
    assert "bottleneck: index" in text and "bound by one process" in text
    no_network = plan_text(params, list(STAGES), False, Cluster(nodes=4, gpus=8))
    assert "no GPU here to time it on" in no_network and "train unknown" in no_network


def test_what_a_full_disk_cut_is_measured_anew(
    scratch_root: Path, measured: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    params = project(scratch_root, "celeba", monkeypatch)
    plan_text(params, list(STAGES))
    path = scratch_root / ".work/plan/measured.json"
    path.write_text(path.read_text()[:-30])
    plan_text(params, list(STAGES))
    plan_text(params, list(STAGES))
    assert len(measured) == 2


def test_photos_that_came_since_are_counted(
    scratch_root: Path, measured: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are timed again only where they are of another kind."""
    project(scratch_root, "folder", monkeypatch)
    (scratch_root / "data/photos/sea").mkdir(parents=True)
    photo = encoded(picture(0))
    for total, kinds in ((3, 1), (300, 1), (301, 2)):
        for number in range(total):
            (scratch_root / f"data/photos/sea/{number}.jpg").write_bytes(photo)
        if kinds == 2:
            photo = encoded(picture(0, (999, 999)))
            for path in (scratch_root / "data/photos/sea").iterdir():
                path.write_bytes(photo)
        assert rows(plan_text(check_whole(), list(STAGES)))["index"][0] == str(total)
        assert len(measured) == kinds


def test_a_budget_in_minutes_or_epochs(
    scratch_root: Path, measured: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    params = project(scratch_root, "celeba", monkeypatch)
    for budget, cells in (
        ("30 minutes", ["1,800,000", "30 min"]),
        ("2 epochs", ["344,418", "6 min"]),  # of 85 % of 202,599 photos
    ):
        train = params.train.model_copy(update={"budget": budget})
        changed = params.model_copy(update={"train": train})
        table = rows(plan_text(changed, list(STAGES), again=True))
        assert table["train"][:2] == cells


def test_a_disk_that_is_too_small_is_told(
    scratch_root: Path, measured: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    params = project(scratch_root, "celeba", monkeypatch)
    monkeypatch.setattr(plan.shutil, "disk_usage", lambda path: shutil_usage(1_000_000))
    assert "does NOT fit" in plan_text(params, list(STAGES), again=False)


def shutil_usage(free: int) -> object:
    class Usage:
        def __init__(self) -> None:
            self.free = free

    return Usage()


def test_texts() -> None:
    assert [duration_text(s) for s in (0.4, 59.6, 119, 120, 7199, 7200)] == [
        "under 1 s",
        "60 s",
        "119 s",
        "2 min",
        "120 min",
        "2.0 h",
    ]
    assert [size_text(n) for n in (900, 34_000_000, 26_103_685_120)] == [
        "1 KB",
        "34.0 MB",
        "26.1 GB",
    ]


def test_the_command_of_the_page_plans_for_a_cluster(
    scratch_root: Path,
    measured: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    project(scratch_root, "celeba", monkeypatch)
    (line,) = commands("plan-scale")
    monkeypatch.setattr(cli, "_enter", lambda command: None)
    cli.app(line.split()[1:], standalone_mode=False)
    said = capsys.readouterr().out
    assert rows(said)["downscale"][:2] == ["2,025,990", "8 min"]
    assert "4 nodes like this one share detect_people, downscale, crop, evaluate and train" in said
