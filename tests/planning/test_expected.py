"""What is known of a source before it is here, against what the stages find in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.commands.doctor import _disk
from pipeline.config.profiles import render
from pipeline.config.whole import WholeParams, check_whole
from pipeline.planning.disk import disk_needs, total_need
from pipeline.planning.expected import UnknownPhotosError, expected
from pipeline.runtime.scratch import ARCHIVES
from pipeline.stages import download, index
from support.pictures import encoded, picture


def params(profile: str, tmp_path: Path, changes: dict[str, dict[str, Any]]) -> WholeParams:
    values = YAML(typ="safe").load(render(profile))
    for section, inner in changes.items():
        values[section] |= inner
    path = tmp_path / "params.yaml"
    YAML(typ="safe").dump(values, path)
    return check_whole(path)


def test_places365_is_known_to_the_photo(scratch_root: Path) -> None:
    everything = {"filter_categories": {"categories": "all"}}
    train = expected(params("places365", scratch_root, everything))
    assert (train.photos, train.selected) == (1_803_460, 1_803_460)
    assert train.num_bytes == train.fetched == 26_103_685_120 and train.remark == ""
    some = expected(params("places365", scratch_root, {}))
    assert 50 * 3_068 < some.selected < 50 * 5_000 and "3,068 to 5,000" in some.remark
    val = expected(params("places365-val", scratch_root, {}))
    assert (val.photos, val.selected, val.remark) == (36_500, 50 * 100, "")
    assert val.fetched == 525_158_400 + 67_498_496


def test_what_is_here_is_not_fetched(scratch_root: Path) -> None:
    chosen = params("places365", scratch_root, {})
    key = chosen.sources.places365.archive.key
    verified = scratch_root / ".work" / ARCHIVES / key / "verified.json"
    verified.parent.mkdir(parents=True)
    verified.write_text("{}")
    assert expected(chosen).fetched == 0
    adopted = params("places365-val", scratch_root, {"runtime": {"adopt": "somewhere"}})
    assert expected(adopted).fetched == 0


def test_what_stays_in_a_bucket_takes_no_network_and_no_disk(scratch_root: Path) -> None:
    here = params("places365", scratch_root, {})
    options = here.sources.places365.model_copy(update={"url": "s3://bucket/photos.tar"})
    sources = here.sources.model_copy(update={"places365": options})
    there = here.model_copy(update={"sources": sources})
    source = expected(there)
    assert (source.photos, source.num_bytes) == (1_803_460, 26_103_685_120)
    assert source.fetched == 0 and next(disk_needs(there, source)).num_bytes == 0
    saved = total_need(here, expected(here), True) - total_need(there, source, True)
    assert saved == source.num_bytes


def test_ones_own_photos_are_counted(scratch_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scratch_root)
    for name in ("sea/a.jpg", "sea/b.jpg", "sea/c.jpg", "hill/low/d.jpg", "e.jpg"):
        path = Path("data/photos") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture(1, (300, 200))))
    Path("data/photos/sea/broken.jpg").write_bytes(b"no photo")
    chosen = {"filter_categories": {"categories": ["sea", "uncategorized"]}}
    found = expected(params("folder", scratch_root, chosen))
    assert (found.photos, found.selected, found.size) == (6, 5, (300, 200))
    with pytest.raises(ValueError, match="'see', which is no category of the photos: did you mean"):
        expected(params("folder", scratch_root, {"filter_categories": {"categories": ["see"]}}))


def own_photos_at(url: str, tmp_path: Path, categories: list[str] | str) -> WholeParams:
    pytest.importorskip("fsspec", reason="the extra buckets is not installed")
    values = YAML(typ="safe").load(render("folder"))
    values["sources"]["folder"] = {"path": "data/none", "url": url}
    values["filter_categories"]["categories"] = categories
    YAML(typ="safe").dump(values, tmp_path / "params.yaml")
    return check_whole(tmp_path / "params.yaml")


def test_photos_in_a_folder_of_a_bucket_are_counted_by_its_listing(scratch_root: Path) -> None:
    """As those on a disk are, and to the byte."""
    from pipeline.runtime.bucket_archive import opened

    url = f"memory://own/{scratch_root.name}/"
    system, path = opened(url)
    photo = encoded(picture(1, (300, 200)))
    for name in ("sea/a.jpg", "sea/no ending", "hill/low/d.jpg", "e.jpg", "sea/.hidden.jpg"):
        system.pipe_file(f"{path}/{name}", photo)
    system.pipe_file(f"{path}/sea/notes.txt", b"no photo")
    system.pipe_file(f"{path}/sea/broken.jpg", b"no photo")
    params = own_photos_at(url, scratch_root, ["sea", "uncategorized"])
    found = expected(params)
    assert (found.photos, found.selected, found.size) == (5, 4, (300, 200))
    assert found.num_bytes == found.fetched == 4 * len(photo) + len(b"no photo")
    assert next(disk_needs(params, found)).num_bytes == 0
    with pytest.raises(ValueError, match="'see', which is no category of the photos: did you mean"):
        expected(own_photos_at(url, scratch_root, ["see"]))


def test_photos_in_a_tar_of_a_bucket_are_counted_when_there_is_an_index(
    scratch_root: Path, monkeypatch: pytest.MonkeyPatch, write_tar: Callable[..., None]
) -> None:
    from pipeline.runtime.bucket_archive import opened

    monkeypatch.chdir(scratch_root)
    url = f"memory://own/{scratch_root.name}/photos.tar"
    system, path = opened(url)
    members = {f"data_256/{name}.jpg": encoded(picture(1, (300, 200))) for name in ("a/1", "b/2")}
    write_tar(scratch_root / "photos.tar", members)
    tar = (scratch_root / "photos.tar").read_bytes()
    system.pipe_file(path, tar)
    params = own_photos_at(url, scratch_root, ["a"])
    with pytest.raises(UnknownPhotosError, match=f"a tar of {len(tar):,} bytes: how many photos"):
        expected(params)
    assert "is not known" in next(_disk(params)).seen
    for stage in (download, index):
        stage.run()
    found = expected(params)
    assert (found.photos, found.selected, found.size) == (2, 1, (300, 200))
    assert (found.num_bytes, found.in_bucket) == (len(tar), True)
    assert next(_disk(params)).level == "ok"
    system.pipe_file(path, tar + bytes(512))
    with pytest.raises(ValueError, match="has changed since `download`"):
        expected(params)


@pytest.mark.parametrize(("profile", "photos"), [("celeba", 202_599), ("mnist", 60_000)])
def test_other_sources(profile: str, photos: int, scratch_root: Path) -> None:
    found = expected(params(profile, scratch_root, {}))
    assert (found.photos, found.selected) == (photos, photos)
    assert found.kept_beside == found.fetched > 0


def test_the_painted_ones(scratch_root: Path) -> None:
    found = expected(params("sample", scratch_root, {}))
    assert found.photos == 1500 and 1300 < found.selected < 1500 and found.fetched == 0


def test_without_links_all_outs_count_twice(scratch_root: Path) -> None:
    chosen = params("celeba", scratch_root, {})
    source = expected(chosen)
    needs = {need.stage: need.num_bytes for need in disk_needs(chosen, source)}
    photos = needs.pop("download") + source.kept_beside  # the tar is no out
    assert total_need(chosen, source, True) == sum(needs.values()) + photos
    assert total_need(chosen, source, False) == 2 * sum(needs.values()) + photos
    smaller = params("celeba", scratch_root, {"downscale": {"image_size": 32}})
    assert total_need(smaller, source, True) < total_need(chosen, source, True)
