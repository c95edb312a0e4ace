import os
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pipeline.commands.clean import clean_scratch
from pipeline.runtime import scratch as scratch_folders
from pipeline.runtime.running import running
from pipeline.runtime.score_store import FILE_NAME, ScoreStore
from pipeline.runtime.scratch import published_together

CODE = ["pipeline/stages/crop.py"]


def scratch(**params: int) -> AbstractContextManager[Path]:
    return scratch_folders.scratch("crop", params=params, code=CODE, inputs=[])


def test_an_error_keeps_the_scratch_and_success_removes_it(scratch_root: Path) -> None:
    with pytest.raises(KeyboardInterrupt), scratch(seed=1) as first:
        (first / "half").touch()
        raise KeyboardInterrupt
    assert first.is_relative_to(scratch_root / ".work" / "crop")
    with scratch(seed=2) as other:
        assert list(other.iterdir()) == []
    with scratch(seed=1) as again:
        assert (again / "half").exists()
    assert not again.exists()


@pytest.mark.parametrize("left", ["", "{", "[1]", '{"params": {}}'])
def test_notes_of_other_work_that_are_damaged_stop_nothing(
    left: str, scratch_root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A full disk leaves them empty."""
    with pytest.raises(OSError, match="full"), scratch(seed=1) as first:
        raise OSError("full")
    first.with_suffix(".json").write_text(left)
    with scratch(seed=2):
        pass
    said = capfd.readouterr().err
    assert f"crop: starts afresh, since {first.with_suffix('.json')}, which says" in said


def test_other_work_says_what_has_changed(
    scratch_root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def train(code: str, **train: int) -> AbstractContextManager[Path]:
        params = {"train": train, "options": {"width": 16}}
        return scratch_folders.scratch("train", params=params, code=[code], inputs=[], keep=True)

    with train("pipeline/photos/keys.py", batch_size=16, seed=0) as first:
        pass
    with train("pipeline/photos/keys.py", batch_size=16, seed=0):
        pass
    assert capfd.readouterr().err == ""
    with train("pipeline/duplicates/splits.py", batch_size=32, flip=1):
        pass
    said = capfd.readouterr().err
    assert said.startswith("train: starts afresh, since train.batch_size was 16, is 32, train.flip")
    assert "train.seed was 0, is None" in said and "options.width" not in said
    assert "pipeline/duplicates/splits.py has changed" in said and str(first) in said


def test_two_runs_of_the_same_work_are_refused(scratch_root: Path) -> None:
    with (
        scratch(seed=1),
        pytest.raises(ValueError, match="running here already"),
        scratch(seed=1),
    ):
        pass


def test_fingerprint_covers_params_code_and_inputs(tmp_path: Path) -> None:
    given = tmp_path / "in.parquet"
    given.write_bytes(b"1")

    def of(seed: int = 0, code: list[str] = CODE) -> str:
        return scratch_folders.fingerprint(scratch_folders.facts_of({"seed": seed}, code, [given]))

    first = of()
    assert of() == first
    assert of(seed=1) != first
    assert of(code=["pipeline/stages/downscale.py"]) != first
    given.write_bytes(b"2")
    assert of() != first


def test_a_recorded_sum_saves_reading_the_input(tmp_path: Path) -> None:
    archive = tmp_path / "photos.tar"
    archive.write_bytes(b"1")
    (tmp_path / "photos.tar.sha256").write_text("recorded")
    first = scratch_folders.fingerprint(scratch_folders.facts_of({}, CODE, [archive]))
    archive.write_bytes(b"2")
    assert scratch_folders.fingerprint(scratch_folders.facts_of({}, CODE, [archive])) == first


def test_publish_never_writes_into_what_stands_there(tmp_path: Path) -> None:
    """An out may be a hard link to DVC's cache: writing into it would corrupt the cache."""
    cache = tmp_path / "cache"
    cache.write_text("old")
    out = tmp_path / "out"
    os.link(cache, out)
    (tmp_path / "new").write_text("new")
    scratch_folders.publish(tmp_path / "new", out)
    assert (out.read_text(), cache.read_text()) == ("new", "old")
    assert (tmp_path / "new").exists(), "the scratch keeps its own link"


def test_publish_replaces_a_folder_as_a_whole(tmp_path: Path) -> None:
    out, new = tmp_path / "out", tmp_path / "new"
    for folder, name in ((out, "old.tar"), (new, "new.tar")):
        folder.mkdir()
        (folder / name).touch()
    scratch_folders.publish(new, out)
    assert [path.name for path in out.iterdir()] == ["new.tar"]


def test_too_little_space_is_refused(tmp_path: Path) -> None:
    scratch_folders.require_space(tmp_path, 1, "packing")
    with pytest.raises(ValueError, match="packing needs about .* MB, but"):
        scratch_folders.require_space(tmp_path, 10**18, "packing")


def test_clean_leaves_what_is_at_work(scratch_root: Path) -> None:
    with pytest.raises(KeyboardInterrupt), scratch(seed=1) as left:
        raise KeyboardInterrupt
    with scratch(seed=2) as busy:
        assert clean_scratch(Path("data")).splitlines()[0] == "removed 1 unfinished works"
        assert busy.exists() and not left.exists()


def test_clean_leaves_photos_while_they_are_downloaded(
    scratch_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVC has removed their sum by then."""
    monkeypatch.chdir(scratch_root)
    photos = scratch_root / ".work/photos" / f"{'0' * 64}.tar"
    photos.parent.mkdir(parents=True)
    photos.touch()
    with running("download"):
        assert "`download`, which may need" in clean_scratch(Path("data")) and photos.exists()
    assert "removed 1 archives of photos of former" in clean_scratch(Path("data"))
    assert not photos.exists()


def test_clean_removes_downloads_and_says_what_that_means(scratch_root: Path) -> None:
    kept = scratch_root / ".work/archives" / ("0" * 16) / "val_256.tar"
    kept.parent.mkdir(parents=True)
    kept.touch()
    message = clean_scratch(Path("data"))
    assert not kept.parent.exists()
    assert "removed 1 downloaded archives" in message and "fetches them anew" in message


def test_clean_forgets_what_the_detector_found(scratch_root: Path) -> None:
    store = ScoreStore(scratch_root / ".work" / FILE_NAME, "model")
    store.add([("aa", {"status": "ok"})])
    assert "removed what the people detector has found" in clean_scratch(Path("data"))
    assert list((scratch_root / ".work").iterdir()) == []
    assert "people detector" not in clean_scratch(Path("data"))


def test_what_is_published_twice_leaves_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "new").write_text("photos")
    for _ in range(2):
        scratch_folders.publish(tmp_path / "new", tmp_path / "out" / "photos.tar")
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["photos.tar"]


def test_outs_are_published_together_or_not_at_all(tmp_path: Path) -> None:
    """A disk that fills up in between leaves the former outs, and no half of a new one."""
    out = tmp_path / "data" / "stage"
    with published_together(out) as folder:
        (folder / "sheets").mkdir()
        (folder / "sheets/kept.jpg").write_text("first")
        (folder / "funnel.json").write_text("first")
    names = {"sheets", "sheets/kept.jpg", "funnel.json"}
    with pytest.raises(OSError, match="full"), published_together(out) as folder:
        (folder / "funnel.json").write_text("second")
        (folder / "sheets").mkdir()
        (folder / "sheets/kept.jpg").write_text("hal")
        raise OSError("full")
    assert {path.relative_to(out).as_posix() for path in out.rglob("*")} == names
    assert {(out / name).read_text() for name in names if "." in name} == {"first"}
    assert not list(tmp_path.glob(".work/unpublished/*"))
