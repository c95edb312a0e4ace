"""The quick form of bench/torture.py: the data stages of a few photos, some trials of each kind."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.runtime.code_closure import ROOT
from support.forked_commands import Ended, Server
from support.hostile_files import PROGRAMS, install_markers, markers_run
from support.pictures import encoded, picture
from support.project import Project
from support.stages import DATA_STAGES

sys.path.append(str(ROOT / "bench"))
from torture import (  # noqa: E402
    GOOD,
    TRIALS,
    Bench,
    on_full_disk,
    trial,
    with_short_files,
)

# What every command imports, and what it does not share with others.
MODULES = [
    *("pipeline.config.whole", "pipeline.config.out_sums", "pipeline.planning.timings"),
    *("pipeline.runtime.running", "pipeline.runtime.parent", "pipeline.sources.folder.source"),
    *(f"pipeline.stages.{stage}" for stage in DATA_STAGES),
]
KINDS = [kind for kind in TRIALS if kind != "full"]  # in both of its forms below
# Trials other than the first: one that kills no dvc, since these stages lie in no repository.
NUMBERS = {"kill": 5}
SMALL = {
    "download.source": "folder",
    "sources.folder.path": "data/photos",
    "filter_categories.categories": "all",
    "detect_people.enabled": False,
}


def prepare(folder: Path, server: Server) -> None:
    """A project of a dozen photos, and the data stages run on it."""
    Project(folder / "whole")
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(folder / "whole" / name, folder)
    shutil.rmtree(folder / "whole")
    Project.at(folder).set_all(SMALL)
    for number in range(12):
        path = folder / f"data/photos/{'sea' if number % 2 else 'hill'}/{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture(number, (90, 80))))
    for stage in DATA_STAGES:
        ended = server.start(folder, stage).ended()
        assert ended.code == 0, ended.said


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("torture")
    install_markers(folder / "programs")
    server = Server(folder / "said", MODULES, folder / "programs")
    yield Bench(folder / "bench", server, DATA_STAGES, prepare)
    server.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_trial_ends_well(bench: Bench, kind: str) -> None:
    found = trial(bench, kind, seed=21, number=NUMBERS.get(kind, 0))
    assert found["outcome"] in GOOD, found


def test_files_that_cannot_grow_are_told_and_finished_later(bench: Bench) -> None:
    """Without a disk of its own, which takes root."""
    what, verdict = with_short_files(bench, "downscale", 20_000)
    assert verdict.outcome == "refused" and "File too large" in verdict.why, (what, verdict)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk that is full")
def test_a_full_disk_is_told_and_the_work_ended_with_room(bench: Bench) -> None:
    try:
        what, verdict = on_full_disk(bench, "crop", 30_000)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"root may not mount here: {error}")
    assert verdict.outcome == "refused" and "MB free: free some space" in verdict.why, (
        what,
        verdict,
    )


def test_what_is_wrong_is_seen(bench: Bench) -> None:
    """Other bytes, tracebacks, and ends without a word."""
    with bench.project() as copy:
        assert bench.judged(copy, "index", Ended(0, "")).outcome == "same"
        (copy / "data/index/index.parquet").write_bytes(b"other")
        assert bench.judged(copy, "index", Ended(0, "")).outcome == "wrong"
        assert bench.judged(copy, "index", Ended(1, "error: no")).outcome == "refused"
        assert bench.judged(copy, "index", Ended(1, "")).outcome == "silent"
        assert bench.judged(copy, "index", Ended(-9, "")).outcome == "killed"
        said = "Traceback (most recent call last):\n  KeyError: 7"
        assert bench.judged(copy, "index", Ended(1, said)).outcome == "traceback"
        assert bench.judged(copy, "index", Ended(0, "", hung=True)).outcome == "hang"


def test_a_program_that_a_decoder_would_start_leaves_a_mark(tmp_path: Path) -> None:
    install_markers(tmp_path)
    assert markers_run(tmp_path) == []
    program = random.Random(0).choice(PROGRAMS)
    subprocess.run([str(tmp_path / program), "-dSAFER"], check=True)
    assert markers_run(tmp_path) == [program]
