"""The story of a photo at every stage of completion, on photos that the stages themselves made."""

import io
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from ruamel.yaml import YAML

from pipeline.commands import explain
from pipeline.commands.explain import SIDE, find_sample, one_line, tell
from pipeline.config.profiles import render
from pipeline.photos import photo_tables
from pipeline.photos.headers import Member, members
from pipeline.photos.keys import key_of, shuffled
from support.pictures import encoded, picture
from support.stages import DATA_STAGES

SETTINGS = {
    "download": {"source": "folder"},
    "sources": {"folder": {"path": "data/photos"}},
    "filter_categories": {"categories": ["hill", "sea"]},
    "detect_people": {"enabled": False},
    "filter_people": {"val_share": 0.2, "test_share": 0.5},
}


def grey(image: Image.Image) -> Image.Image:
    return image.convert("L").convert("RGB")


PHOTOS = {
    **{f"hill/{number}.jpg": encoded(picture(number)) for number in range(8)},
    "sea/copy.jpg": encoded(picture(0)),
    "sea/near.jpg": encoded(grey(picture(1))),
    "sea/broken.jpg": encoded(picture(9))[:3000],
    "sea/tiny.png": encoded(picture(10, (40, 40)), "png"),
    "city/0.jpg": encoded(picture(11)),
    "city/broken.jpg": b"no photo",
}


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Runs the stages up to the one named, in a folder with the photos above; its data/."""
    for name, content in PHOTOS.items():
        path = tmp_path / "data/photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    values = YAML(typ="safe").load(render("sample"))
    for section, changes in SETTINGS.items():
        values[section] |= changes
    YAML(typ="safe").dump(values, tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)

    def run(last: str) -> Path:
        for stage in DATA_STAGES[: DATA_STAGES.index(last) + 1]:
            import_module(f"pipeline.stages.{stage}").run()
        return Path("data")

    return run


def story(name: str, data: Path) -> str:
    return "\n".join(tell(name, data).lines)


def test_what_has_not_run_is_said(line: Callable[[str], Path]) -> None:
    with pytest.raises(ValueError, match="index.parquet is missing: run `dvc repro index` first"):
        tell("0.jpg", Path("data"))
    data = line("download")
    for done in range(1, len(DATA_STAGES)):
        import_module(f"pipeline.stages.{DATA_STAGES[done]}").run()
        told = tell("7.jpg", data)
        missing = [*DATA_STAGES[done + 1 :], "evaluate"]
        text = "\n".join(told.lines)
        assert [
            name for name in DATA_STAGES + ["evaluate"] if f"dvc repro {name}" in text
        ] == missing
        assert told.picture is not None


def test_every_way_out_is_told(line: Callable[[str], Path]) -> None:
    data = line("crop")
    kept, copied = key_of("data_256/hill/1.jpg"), key_of("data_256/hill/0.jpg")
    assert f"has the same bytes as {copied}" in story("copy.jpg", data)
    assert "its exact copies are dropped: data_256-sea-copy" in story(copied, data)
    near = story("near.jpg", data)
    assert f"near copies, in the same split: {kept}" in near and "kept;" in near
    assert "broken: " in story("sea/broken.jpg", data)
    assert "dropped: cannot be decoded" in story("sea/broken.jpg", data)
    assert "left out: too small" in story("tiny.png", data)
    other = story("data_256/city/0.jpg", data)
    assert "city is none of the chosen categories" in other and "not looked at" in other
    assert tell("sea/broken.jpg", data).picture is None
    assert tell("city/broken.jpg", data).picture is None


def test_the_sample_is_that_of_the_shards(line: Callable[[str], Path]) -> None:
    data = line("crop")
    path = "data_256/hill/3.jpg"
    told = tell(path, data)
    text = "\n".join(told.lines)
    (shard,) = (each for each in data.glob("crop/*/*.tar") if str(each) in text)
    assert Image.open(io.BytesIO(shard.read_bytes()[offset_in(text) :])).size == (
        28,
        28,
    )  # box.png is first
    assert told.picture is not None and told.picture.size == (3 * SIDE + 8, SIDE)
    shown = np.asarray(told.picture).astype(int)
    original = np.asarray(picture(3)).astype(int)
    assert np.abs(shown[:, :SIDE] - original).mean() < 3
    small = np.asarray(picture(3).resize((64, 64)).resize((SIDE, SIDE))).astype(int)
    assert np.abs(shown[:, SIDE + 4 : 2 * SIDE + 4] - small).mean() < 12
    white = (shown[:, 2 * SIDE + 8 :] == 255).all(axis=2).mean()
    assert 20**2 / 64**2 <= white <= 26**2 / 64**2


def offset_in(text: str) -> int:
    """Of the sample: the number behind its shard's name."""
    (line,) = (each for each in text.splitlines() if "data/crop/" in each)
    return int(line.rpartition(" ")[2].replace(",", ""))


def test_boxes_and_scores_are_told_and_drawn(line: Callable[[str], Path]) -> None:
    data = line("detect_people")
    table = data / "detect_people/people.parquet"
    people = photo_tables.read(table).set_index("key", drop=False)
    key = key_of("data_256/hill/2.jpg")
    people.at[key, "scores"] = [0.75, 0.1]
    people.at[key, "boxes"] = [64.0, 32.0, 128.0, 64.0, 0.0, 0.0, 8.0, 8.0]
    photo_tables.write(people, table)
    import_module("pipeline.stages.filter_people").run()
    told = tell(key, data)
    text = "\n".join(told.lines)
    assert "score 0.7500, top 64, left 32, height 128, width 64: 12.50% of the photo" in text
    assert "dropped: a person, score 0.7500" in text
    assert told.picture is not None
    assert told.picture.getpixel((60, 64)) == (255, 0, 0)


def test_the_completed_picture_comes_from_the_evaluation(line: Callable[[str], Path]) -> None:
    data = line("crop")
    splits = photo_tables.read(data / "filter_people/splits.parquet")
    tiny = key_of("data_256/sea/tiny.png")
    keys = [key for key in splits[splits["split"] == "test"]["key"] if key != tiny]
    assert len(keys) >= 3
    rows = [
        {"key": key, "method": method, "hole_psnr": psnr, "hole_ssim": 0.5}
        for key in keys
        for method, psnr in (("telea", 20.0), ("model", 21.0))
    ]
    photo_tables.write(pd.DataFrame(rows), data / "evaluate/per_image.parquet")
    shown = shuffled(keys, seed=0)[:2]

    for key, value in zip(shown, (100, 200), strict=True):
        path = data / "evaluate/pictures" / key / "model.png"
        path.parent.mkdir(parents=True)
        Image.new("RGB", (64, 64), (value,) * 3).save(path)
    for key, value in zip(shown, (100, 200), strict=True):
        told = tell(key, data)
        assert "model: hole PSNR 21.00 dB" in "\n".join(told.lines)
        assert told.picture is not None and told.picture.width == 4 * SIDE + 12
        assert told.picture.getpixel((3 * SIDE + 12 + SIDE // 2, SIDE // 2)) == (value,) * 3
    picture_of_hidden = tell(shuffled(keys, seed=0)[2], data).picture
    assert picture_of_hidden is not None and picture_of_hidden.width == 3 * SIDE + 8


def test_only_the_shard_with_the_sample_is_read_through(
    line: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And all of them where the seed by which it is found is another than the stage had."""
    params = YAML(typ="safe").load(Path("params.yaml"))
    params["crop"]["samples_per_shard"] = 1
    YAML(typ="safe").dump(params, Path("params.yaml"))
    data = line("crop")
    shards = sorted((data / "crop/test").glob("*.tar"))
    assert len(shards) >= 3
    read: list[tuple[Path, str]] = []

    def watched(shard: Path) -> Iterator[Member]:
        for member in members(shard):
            read.append((shard, member.name))
            yield member

    monkeypatch.setattr(explain, "members", watched)
    for shard in shards:
        key = next(members(shard)).name.partition(".")[0]
        read.clear()
        found = find_sample(key, data)
        assert found is not None and found.shard == shard
        through = {each for each, name in read if name.endswith(".mask.png")}
        assert through == {shard}
    params["crop"]["seed"] += 1
    YAML(typ="safe").dump(params, Path("params.yaml"))
    for shard in shards:
        found = find_sample(next(members(shard)).name.partition(".")[0], data)
        assert found is not None and found.shard == shard


def test_names_that_are_not_unique_or_unknown(line: Callable[[str], Path]) -> None:
    data = line("index")
    with pytest.raises(ValueError, match="2 photos are called 'broken.jpg'") as error:
        tell("broken.jpg", data)
    assert "data_256/city/broken.jpg" in str(error.value)
    with pytest.raises(ValueError, match="'data_256/hill/11.jpg' is no key") as error:
        tell("data_256/hill/11.jpg", data)
    assert "data_256/hill/1.jpg" in str(error.value)
    with pytest.raises(ValueError, match="the closest") as error:
        tell("neer.jpg", data)
    assert "data_256/sea/near.jpg" in str(error.value)


def test_a_file_is_named_as_the_user_has_it(line: Callable[[str], Path]) -> None:
    data = line("index")
    assert story("data/photos/sea/copy.jpg", data) == story("data_256/sea/copy.jpg", data)
    assert story(str(Path("data/photos/hill/3.jpg").absolute()), data).startswith("key")
    Path("data/photos/sea/notes.txt").write_text("no photo")
    with pytest.raises(ValueError, match="notes.txt is a file, but none of the photos"):
        tell("data/photos/sea/notes.txt", data)
    # A name that is no file is not taken for another folder's.
    with pytest.raises(ValueError, match="'sky/3.jpg' is no key, path or file name"):
        tell("sky/3.jpg", data)


def test_names_with_line_breaks_stay_on_their_line() -> None:
    assert one_line("sea\nshore \x1b[31m ä") == "sea\\nshore \\x1b[31m ä"
