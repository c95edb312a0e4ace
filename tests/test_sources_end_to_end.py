"""Every source from its photos to the shards, or to the report, as the docs say."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import STAGES
from pipeline.shards.reader import read_meta
from support.digits import MNIST_TRAIN, mnist_files
from support.documents import commands
from support.pictures import encoded, picture
from support.places_archives import file_list_tar, photo, val_tar
from support.places_server import Fault, pinned, places_server
from support.project import DEMO_DETECTOR, TINY, Project, stages_run
from support.stages import DATA_STAGES

FILE_LIST = "filelist_places365-standard.tar"
ALL = sorted(STAGES)
UP_TO_CROP = sorted(DATA_STAGES)

pytestmark = pytest.mark.slow


def figures(project: Project, path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.folder / "data" / path).read_text())
    return found


def test_own_photos_as_the_readme_says(tmp_path: Path) -> None:
    project = Project(tmp_path / "own")
    for number in range(40):
        path = project.folder / f"data/photos/{'ab'[number % 2]}/{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture(number)))
    use, repro, results = commands("own-photos")
    project.type(use)
    project.set_all(TINY)
    project.set("detect_people.enabled", False)  # its weights would have to be downloaded
    project.type(repro)
    assert "40 photos: 40 kept" in project.type(results)


@pytest.mark.usefixtures("demo_detector")
def test_places365_val_as_the_readme_says(tmp_path: Path) -> None:
    """Against a server that cuts; behind the 70 good photos, names that lie."""
    project = Project(tmp_path / "places")
    use, repro, results = commands("places365")
    project.type(use)
    chosen = project.params()["filter_categories"]["categories"]
    photos = [photo(0), *(photo(number, 0.3) for number in range(1, 70))]
    labels: list[str | int | None] = [*chosen, *["s/skyscraper"] * 20]
    photos += [photos[0], photo(70), photo(71)]  # a copy, an unknown label, no label
    labels += [chosen[0], 365, None, chosen[0]]  # the last one without a photo
    files = {"val_256.tar": val_tar(photos), FILE_LIST: file_list_tar(labels)}
    with places_server(files) as server:
        project.set_all(TINY | DEMO_DETECTOR)
        project.set("runtime.mirrors", [server.url])
        for name, file in (("archive", "val_256.tar"), ("file_list", FILE_LIST)):
            project.set(f"sources.places365_val.{name}", pinned(file, files[file]).model_dump())
        server.faults["val_256.tar"] = [Fault(cut_after=500_000), Fault(status=503)]
        assert stages_run(project.type(repro)) == ALL
        assert server.num_bytes["val_256.tar"] == len(files["val_256.tar"])
        num_requests = len(server.requests)
        assert "71 photos" in project.type(results)
        project.repro("--force", "--single-item", "download")
        assert len(server.requests) == num_requests, "a verified archive is not fetched again"
    lies = {"unknown_category": 1, "no_label": 1, "labels_without_photo": 1}
    assert figures(project, "index/funnel.json") == {"photos": 71} | lies
    funnel = figures(project, "filter_people/funnel.json")
    assert (funnel["photos"], funnel["other_category"], funnel["exact_copy"]) == (71, 20, 1)
    assert funnel["person"] > 0 and funnel["kept"] + funnel["person"] == 50
    _check_kept_archive(project, len(files["val_256.tar"]))


def _check_kept_archive(project: Project, num_bytes: int) -> None:
    """The photos and the verified download are one file on disk, and in DVC's cache is none."""
    (photos,) = (path.stat() for path in project.folder.glob(".work/photos/*.tar"))
    (kept,) = (path.stat() for path in project.folder.glob(".work/archives/*/val_256.tar"))
    assert photos.st_size == num_bytes
    assert photos.st_ino == kept.st_ino and photos.st_nlink == 2


def test_mnist_as_the_docs_say(tmp_path: Path) -> None:
    project = Project(tmp_path / "mnist")
    use, repro = commands("mnist")
    project.type(use)
    params = project.params()
    sizes = {"box_size": params["crop"]["box_size"], "holes": params["holes"]["box"]}
    files = mnist_files(80)
    with places_server(files) as server:
        project.set_all(TINY)
        project.set("runtime.mirrors", [server.url])
        for name, file in MNIST_TRAIN.items():
            project.set(f"sources.mnist.{name}", pinned(file, files[file]).model_dump())
        assert stages_run(project.type(repro)) == ALL
    meta = read_meta(project.folder / "data/crop")
    assert meta["image_size"] == 28 and sum(meta["num_samples"].values()) == 80
    assert {name: meta[name] for name in sizes} == sizes
    # Nobody is known to be in digits, and DVC draws what there is.
    found = figures(project, "filter_people/figures.json")
    assert found == {"photos_with_truth": 0, "photos_with_people": 0}
    project.run("dvc", "plots", "show")


def test_celeba_runs_through_to_shards(tmp_path: Path) -> None:
    project = Project(tmp_path / "celeba")
    project.type("scenefill use celeba")
    for number in range(1, 31):
        path = tmp_path / f"mine/img_align_celeba/{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture(number, (178, 218))))
    project.set("sources.celeba.form", "folder")
    project.set("runtime.adopt", str(tmp_path / "mine"))
    assert project.repro("crop") == UP_TO_CROP
    meta = read_meta(project.folder / "data/crop")
    assert (meta["image_size"], sum(meta["num_samples"].values())) == (64, 30)
