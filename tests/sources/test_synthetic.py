"""The synthetic source: reproducible, planned shares, faults that are what they say, one tar."""

import hashlib
import importlib.util
import io
import multiprocessing
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image, UnidentifiedImageError
from pydantic import ValidationError

from pipeline.sources.synthetic import landscapes, people_cutouts
from pipeline.sources.synthetic import source as synthetic
from pipeline.sources.synthetic.options import SyntheticOptions

ROOT = Path(__file__).parents[2]
NUM_PLANS = 2000


def options(**changes: float) -> SyntheticOptions:
    return SyntheticOptions.model_validate({"num_photos": 40, "seed": 7, **changes})


def plain(**changes: float) -> SyntheticOptions:
    shares = ("people_share", "copy_share", "greyscale_share", "cmyk_share", "broken_share")
    return options(**{**dict.fromkeys(shares, 0.0), **changes})


def decode(data: bytes) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def difference(first: bytes, second: bytes) -> float:
    return float(np.abs(decode(first).astype(int) - decode(second)).mean())


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def with_fault(fault: synthetic.Fault, chosen: SyntheticOptions, number: int) -> list[int]:
    """The first `number` photos with `fault`."""
    found = [i for i in range(NUM_PLANS) if synthetic.plan(i, chosen).fault == fault]
    assert len(found) >= number
    return found[:number]


def test_photo_is_a_function_of_seed_and_index() -> None:
    few, many = options(num_photos=3), options(num_photos=5000)
    for index in range(4):
        assert synthetic.plan(index, few) == synthetic.plan(index, many)
        assert synthetic.encode(index, few) == synthetic.encode(index, many)
    assert synthetic.encode(0, few) != synthetic.encode(0, options(seed=8))
    assert len({digest(synthetic.encode(i, plain())[0]) for i in range(10)}) == 10


def test_photo_is_the_same_in_a_fresh_process() -> None:
    code = (
        "import hashlib; from pipeline.sources.synthetic import source as s\n"
        "from pipeline.sources.synthetic.options import SyntheticOptions\n"
        "o = SyntheticOptions(num_photos=40, seed=7, people_share=1.0)\n"
        "print(*(hashlib.sha256(s.encode(i, o)[0]).hexdigest() for i in (5, 2)))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    chosen = options(people_share=1.0)
    assert run.stdout.decode().split() == [digest(synthetic.encode(i, chosen)[0]) for i in (5, 2)]


def test_modules_stay_light() -> None:
    code = (
        "import sys, pipeline.sources.synthetic.source\n"
        "print(*{'torch', 'ultralytics', 'webdataset'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert run.stdout.split() == []


def test_every_category_appears_and_shares_are_met() -> None:
    chosen = options(people_share=0.12, copy_share=0.1, broken_share=0.05)
    plans = [synthetic.plan(i, chosen) for i in range(NUM_PLANS)]
    assert {p.category for p in plans} == set(landscapes.CATEGORIES)
    expected = {"exact_copy": 0.05, "near_copy": 0.05, "greyscale": 0.01, "cmyk": 0.005}
    counts: Counter[str] = Counter(p.fault for p in plans)
    for fault, share in {**expected, "broken": 0.05, "none": 0.835}.items():
        # Four deviations of a binomial count.
        assert abs(counts[fault] - share * NUM_PLANS) < 4 * (share * NUM_PLANS) ** 0.5, fault
    intact = [p for p in plans if p.fault != "broken"]
    assert abs(sum(p.has_people for p in intact) / len(intact) - 0.12) < 0.03


def test_paths_follow_places_and_are_unique() -> None:
    plans = [synthetic.plan(i, options()) for i in range(300)]
    assert len({p.path for p in plans}) == 300
    for p in plans:
        assert p.path == f"data_256/{p.category}/{p.index:08d}.jpg"


def test_copies_copy_earlier_photos_without_fault() -> None:
    chosen = options(copy_share=0.4)
    copies = [p for p in (synthetic.plan(i, chosen) for i in range(400)) if p.copy_of is not None]
    assert len(copies) > 100
    for p in copies:
        assert p.copy_of is not None and p.copy_of < p.index
        original = synthetic.plan(p.copy_of, chosen)
        assert original.fault == "none" and original.category == p.category
        assert original.has_people == p.has_people and original.path != p.path


def test_exact_copies_have_the_same_bytes() -> None:
    chosen = options(copy_share=0.3)
    for index in with_fault("exact_copy", chosen, 3):
        copy_of = synthetic.plan(index, chosen).copy_of
        assert copy_of is not None
        assert synthetic.encode(index, chosen) == synthetic.encode(copy_of, chosen)


def test_near_copies_are_close_but_not_equal() -> None:
    chosen = options(copy_share=0.3, people_share=0.0)
    for index in with_fault("near_copy", chosen, 6):
        copy_of = synthetic.plan(index, chosen).copy_of
        assert copy_of is not None
        data, original = synthetic.encode(index, chosen)[0], synthetic.encode(copy_of, chosen)[0]
        assert data != original
        assert decode(data).shape == (256, 256, 3)
        assert 0 < difference(data, original) < 14


def test_cropped_boxes_stay_with_their_people() -> None:
    assert synthetic._cropped((0, 0, 256, 256), 4) == (0, 0, 256, 256)
    assert synthetic._cropped((128, 128, 64, 64), 4) == (128, 128, 66, 66)


def test_greyscale_and_cmyk_are_what_they_say() -> None:
    base = plain()
    for fault, mode in (("greyscale", "L"), ("cmyk", "CMYK")):
        chosen = plain(**{f"{fault}_share": 1.0})
        for index in range(3):
            data = synthetic.encode(index, chosen)[0]
            colour = synthetic.encode(index, base)[0]
            assert Image.open(io.BytesIO(data)).mode == mode
            if mode == "CMYK":
                assert difference(data, colour) < 8
            else:
                grey = np.asarray(Image.open(io.BytesIO(colour)).convert("L")).astype(int)
                assert np.abs(decode(data)[..., 0] - grey).mean() < 4


def test_broken_files_do_not_decode() -> None:
    chosen = plain(broken_share=1.0)
    data = [synthetic.encode(i, chosen)[0] for i in range(8)]
    for broken in data:
        with pytest.raises((OSError, UnidentifiedImageError)):
            decode(broken)
    assert b"" in data and any(d.startswith(b"404") for d in data)
    assert sum(d.startswith(b"\xff\xd8\xff") for d in data) == 2  # cut short


def test_people_lie_inside_and_pixels_change_there_only() -> None:
    empty, peopled = plain(), plain(people_share=1.0)
    for index in range(12):
        before = synthetic._paint(synthetic.plan(index, empty), empty)[0]
        after, boxes = synthetic._paint(synthetic.plan(index, peopled), peopled)
        assert 1 <= len(boxes) <= 3
        difference = np.abs(after.astype(int) - before).max(-1)
        changed = difference > 40
        for top, left, height, width in boxes:
            assert 0 <= top < top + height <= 256 and 0 <= left < left + width <= 256
            assert height <= 0.6 * 256 + 1
            # Some wear dark clothes before dark ground.
            assert (difference[top : top + height, left : left + width] > 8).mean() > 0.25
            changed[top : top + height, left : left + width] = False
        # Shadows alone reach beyond the boxes.
        assert changed.mean() < 0.02


def test_person_heights_follow_the_options() -> None:
    chosen = plain(people_share=1.0, min_person_height=0.4, max_person_height=0.4)
    boxes = [box for i in range(10) for box in synthetic.encode(i, chosen)[1]]
    # Only arms spread wider than the image could make a person smaller.
    assert {box[2] for box in boxes} == {102}


def test_missing_assets_are_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, fresh_cutouts: None, tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    chosen = options(people_share=0.5)
    with pytest.raises(ValueError, match="ultralytics.*not installed.*people_share to 0"):
        synthetic.write_archive(tmp_path / "a.tar", tmp_path / "a.parquet", chosen, lambda n: None)
    assert not (tmp_path / "a.tar").exists()


def test_missing_picture_is_named(
    monkeypatch: pytest.MonkeyPatch, fresh_cutouts: None, tmp_path: Path
) -> None:
    monkeypatch.setattr(people_cutouts, "_assets", lambda: tmp_path)
    with pytest.raises(ValueError, match="bus.jpg, which is missing.*people_share to 0"):
        people_cutouts.cutouts()


@pytest.fixture
def fresh_cutouts() -> Iterator[None]:
    people_cutouts.cutouts.cache_clear()
    yield
    people_cutouts.cutouts.cache_clear()


def write(folder: Path, chosen: SyntheticOptions, workers: int) -> list[int]:
    folder.mkdir()
    done: list[int] = []
    synthetic.write_archive(
        folder / "a.tar", folder / "truth.parquet", chosen, done.append, workers
    )
    return done


@pytest.mark.slow
def test_tar_is_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    chosen = options(people_share=0.3, copy_share=0.2, broken_share=0.1)
    assert sum(write(tmp_path / "one", chosen, 1)) == 40
    assert sum(write(tmp_path / "two", chosen, 2)) == 40
    for name in ("a.tar", "truth.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    _check_members(tmp_path / "one/a.tar", chosen)
    _check_truth(tmp_path / "one/truth.parquet", chosen)


def _check_members(path: Path, chosen: SyntheticOptions) -> None:
    with tarfile.open(path, "r:") as tar:
        members = tar.getmembers()
        assert [m.name for m in members] == sorted(m.name for m in members)
        assert len(members) == 40
        for m in members:
            assert (m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) == (0, 0, 0, "", "", 0o644)
            file = tar.extractfile(m)
            assert file is not None
            assert file.read() == synthetic.encode(int(Path(m.name).stem), chosen)[0]


def _check_truth(path: Path, chosen: SyntheticOptions) -> None:
    truth = pd.read_parquet(path)
    assert list(truth.columns) == ["path", "category", "fault", "copy_of", "num_people", "people"]
    assert list(truth.path) == sorted(truth.path)
    for row in truth.to_dict("records"):
        planned = synthetic.plan(int(Path(row["path"]).stem), chosen)
        boxes = [tuple(box) for box in row["people"]]
        assert (row["category"], row["fault"]) == (planned.category, planned.fault)
        assert boxes == synthetic.encode(planned.index, chosen)[1]
        assert row["num_people"] == len(boxes) and (len(boxes) > 0) == planned.has_people
        assert (row["copy_of"] in set(truth.path)) == (planned.copy_of is not None)


def test_leaving_early_ends_the_workers() -> None:
    chosen = plain()
    with pytest.raises(KeyboardInterrupt):
        with closing(synthetic._photos(list(range(400)), chosen, 2)) as photos:
            next(photos)
            raise KeyboardInterrupt
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"people_share": 1.4}, "less than or equal to 1"),
        ({"num_photos": 0}, "greater than or equal to 1"),
        ({"min_person_height": 0.7}, "min_person_height is 0.7 but must be <= max_person_height"),
        ({"copy_share": 0.6, "broken_share": 0.5}, "is 1.115 but must be <= 1"),
    ],
)
def test_impossible_options_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        options(**changes)
