"""Names of inputs and outputs: what they mean, and what is refused before any work."""

import os
from pathlib import Path

import pytest

from pipeline.image_files.jobs import (
    BELOW,
    FORMER,
    HAS_OUTPUT,
    HIDDEN,
    NO_PHOTO,
    Job,
    Outputs,
    jobs_of,
    masks_of,
)
from pipeline.photos.formats import files_below


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("in/b.jpg", "in/a.PNG", "in/note.txt", "in/a_completed.png", "masks/a.png"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    return tmp_path


COMPLETED = Outputs("_completed")
ELSEWHERE = Outputs("_completed", folder=Path("out"))


def test_files_folders_and_globs(folder: Path) -> None:
    for names in (["in"], ["in/*.[jP]*"], ["in/a.PNG", "in", "in/b.jpg"]):
        assert jobs_of(names, ELSEWHERE).jobs == [
            Job(Path("in/a.PNG"), Path("out/a_completed.png")),
            Job(Path("in/b.jpg"), Path("out/b_completed.png")),
        ]
    assert jobs_of(["in/b.jpg"], COMPLETED).jobs[0].target == Path("in/b_completed.png")


def test_a_folder_is_read_as_a_data_set_is(folder: Path) -> None:
    """Subfolders included, hidden files not, photos by content; the outputs keep the subfolders."""
    for name in ("in/deep/c.jfif", "in/.hidden.jpg", "in/deep/a.png"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    Path("in/no ending").write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))
    found = jobs_of(["in"], ELSEWHERE, recursive=True)
    assert found.jobs == [
        Job(Path("in/a.PNG"), Path("out/a_completed.png")),
        Job(Path("in/b.jpg"), Path("out/b_completed.png")),
        Job(Path("in/deep/a.png"), Path("out/deep/a_completed.png")),
        Job(Path("in/deep/c.jfif"), Path("out/deep/c_completed.png")),
        Job(Path("in/no ending"), Path("out/no ending_completed.png")),
    ]
    photos = files_below(Path("in")).photos
    photos.remove(Path("in/a_completed.png"))  # what an earlier run wrote
    assert [job.source for job in found.jobs] == photos


def test_every_file_of_a_folder_is_taken_or_told_why_not(folder: Path) -> None:
    for name in ("in/deep/c.jpg", "in/deep/note.txt", "in/.hidden.jpg", "in/.git/x.jpg"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    below = {Path("in/deep/c.jpg"): BELOW}
    others = {
        Path("in/.git"): HIDDEN,
        Path("in/.hidden.jpg"): HIDDEN,
        Path("in/a_completed.png"): FORMER,
        Path("in/deep/note.txt"): NO_PHOTO,
        Path("in/note.txt"): NO_PHOTO,
    }
    assert dict(jobs_of(["in"], ELSEWHERE).left_out) == others | below
    assert dict(jobs_of(["in"], ELSEWHERE, recursive=True).left_out) == others
    with pytest.raises(
        ValueError, match="no photos there (.|\n)*in/deep/note.txt: left out, it is no"
    ):
        jobs_of(["in/deep"], Outputs("c"))


def test_existing_outputs_need_force_or_resume(folder: Path) -> None:
    with pytest.raises(ValueError, match="in/a_completed.png would be written over.*--force"):
        jobs_of(["in"], COMPLETED)
    assert len(jobs_of(["in"], COMPLETED._replace(force=True)).jobs) == 2
    (job,), left_out = jobs_of(["in"], COMPLETED._replace(resume=True))
    assert job.source == Path("in/b.jpg")
    assert dict(left_out)[Path("in/a.PNG")] == HAS_OUTPUT


@pytest.mark.parametrize(
    "names, outputs, words",
    [
        (["nowhere"], ELSEWHERE, "nowhere: there is no such file"),
        (["masks/*.gif"], ELSEWHERE, "nothing matches"),
        (["in"], Outputs("_completed", file=Path("x.png")), "there are 2 images"),
        (["in/b.jpg"], Outputs("_completed", file=Path("x.gif")), "must end in one of: .png"),
        (
            ["in/b.jpg"],
            Outputs("_completed", file=Path("in/b.jpg"), force=True),
            "never written over",
        ),
        (["in/a.PNG", "masks/a.png"], ELSEWHERE, "several inputs would be written to out/a_png_c"),
    ],
)
def test_names_that_do_not_go_together(
    folder: Path, names: list[str], outputs: Outputs, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        jobs_of(names, outputs)


def test_masks_are_one_for_all_or_one_of_each_stem(folder: Path) -> None:
    jobs = jobs_of(["in"], ELSEWHERE).jobs
    assert masks_of(jobs, None) == [None, None]
    assert masks_of(jobs, Path("masks/a.png")) == [Path("masks/a.png")] * 2
    with pytest.raises(ValueError, match="not exactly one mask of the same stem for in/b.jpg"):
        masks_of(jobs, Path("masks"))
    Path("masks/b.gif").touch()
    assert masks_of(jobs, Path("masks")) == [Path("masks/a.png"), Path("masks/b.gif")]
    with pytest.raises(ValueError, match="no such file or folder"):
        masks_of(jobs, Path("elsewhere"))


def test_inputs_of_one_stem_get_outputs_of_their_own(folder: Path) -> None:
    Path("in/a.jpg").touch()
    assert [job.target.name for job in jobs_of(["in"], ELSEWHERE).jobs] == [
        "a_png_completed.png",
        "a_jpg_completed.png",
        "b_completed.png",
    ]


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo("in/pipe.jpg")
    assert len(jobs_of(["in"], ELSEWHERE)) == 2
    with pytest.raises(ValueError, match="in/pipe.jpg is no regular file"):
        jobs_of(["in/pipe.jpg"], ELSEWHERE)
