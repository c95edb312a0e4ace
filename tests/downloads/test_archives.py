"""A pinned file is taken from what is kept, from the user's copy, or from a server: never wrong."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from pipeline.downloads.archives import Verified, adopted_folder, obtain
from support.places_server import Fault, PlacesServer, pinned, places_server
from support.rot import flip
from support.runtime import runtime

NAME = "val_256.tar"
DATA = np.random.default_rng(0).bytes(300_000)
ARCHIVE = pinned(NAME, DATA)
SECTION = "sources.places365_val"

pytestmark = pytest.mark.usefixtures("scratch_root")


@pytest.fixture
def server() -> Iterator[PlacesServer]:
    with places_server({NAME: DATA}) as server:
        yield server


def take(url: str | None, **settings: object) -> Verified:
    found = obtain(ARCHIVE, url, runtime(**settings), section=SECTION)
    assert found.path.read_bytes() == DATA and found.sha256 == ARCHIVE.sha256
    return found


def test_a_verified_file_is_not_fetched_again(server: PlacesServer) -> None:
    assert take(server.url) == take(server.url) == take(None, adopt="/no/longer/mounted")
    assert len(server.requests) == 1


def test_a_kept_file_that_was_written_to_is_not_taken(server: PlacesServer) -> None:
    path = take(server.url).path
    path.write_bytes(DATA[:-1] + bytes([DATA[-1] ^ 1]))
    take(server.url)
    assert len(server.requests) == 2
    flip(path, random.Random(0))  # its time and size stay
    take(server.url)
    assert len(server.requests) == 3
    os.utime(path)
    take(server.url)
    assert len(server.requests) == 3, "touched, but the bytes are right"


def test_mirrors_come_before_the_official_server(server: PlacesServer) -> None:
    with places_server({}) as empty, places_server({NAME: DATA}) as mirror:
        take(server.url, mirrors=[f"{empty.url}/", mirror.url])
        counts = [len(each.requests) for each in (empty, mirror, server)]
    assert counts == [1, 1, 0]


def test_two_processes_do_not_get_one_file(server: PlacesServer, scratch_root: Path) -> None:
    lock = scratch_root / ".work/archives" / f"{ARCHIVE.key}.lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock), pytest.raises(ValueError, match="another process is getting val_256.tar"):
        take(server.url)
    take(server.url)


@pytest.mark.parametrize("adopt", ["val_256.tar", "other-name.tar", "."])
def test_a_copy_is_adopted_by_name_size_or_folder(
    tmp_path: Path, server: PlacesServer, adopt: str
) -> None:
    mine = tmp_path / "mine" / ("val_256.tar" if adopt == "." else adopt)
    mine.parent.mkdir()
    mine.write_bytes(DATA)
    found = take(server.url, adopt=str(tmp_path / "mine" / adopt))
    assert server.requests == []
    assert found.path.stat().st_ino != mine.stat().st_ino
    mine.unlink()
    take(server.url)


def test_a_linked_copy_is_one_file_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / NAME
    mine.write_bytes(DATA)
    found = take(None, adopt=str(mine), adopt_by="link")
    assert found.path.stat().st_ino == mine.stat().st_ino
    assert "becomes read-only" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (DATA[:-1], "bytes: got 299999, expected 300000"),
        (bytes(len(DATA)), "sha256: got .*, expected"),
    ],
)
@pytest.mark.parametrize("adopt_by", ["copy", "link"])
def test_a_wrong_copy_is_refused(
    tmp_path: Path, scratch_root: Path, data: bytes, words: str, adopt_by: str
) -> None:
    (tmp_path / NAME).write_bytes(data)
    with pytest.raises(ValueError, match=f"not the file that is pinned .*{words}"):
        take(None, adopt=str(tmp_path / NAME), adopt_by=adopt_by)
    assert not list(scratch_root.glob(".work/archives/*/*"))


def test_a_copy_that_is_named_but_not_there_is_an_error(
    tmp_path: Path, server: PlacesServer
) -> None:
    with pytest.raises(ValueError, match="there is no such file or folder"):
        take(server.url, adopt=str(tmp_path / "missing"))
    (tmp_path / "photo.jpg").write_bytes(b"photo")
    for adopt, what in ((tmp_path, "a folder"), (tmp_path / "photo.jpg", "a file of 5 bytes")):
        with pytest.raises(ValueError, match=f"{what} that neither is nor holds val_256.tar of"):
            take(server.url, adopt=str(adopt))
    assert server.requests == []


def test_without_a_server_the_message_says_what_to_fetch() -> None:
    with pytest.raises(ValueError, match="val_256.tar is not here: open the page"):
        obtain(ARCHIVE, None, runtime(), by_hand="open the page")


def test_an_extracted_copy_needs_a_folder_and_is_copied(tmp_path: Path) -> None:
    (tmp_path / "data_256").mkdir()
    (tmp_path / "file").touch()
    found = adopted_folder(runtime(adopt=str(tmp_path)), SECTION, ("other", "data_256"))
    assert found == tmp_path / "data_256"
    assert adopted_folder(runtime(adopt=str(tmp_path)), SECTION) == tmp_path
    for settings, words in (
        ({}, "runtime.adopt names no folder"),
        ({"adopt": str(tmp_path / "file")}, "which is a file"),
        ({"adopt": str(tmp_path), "adopt_by": "link"}, "set it to copy"),
    ):
        with pytest.raises(ValueError, match=words):
            adopted_folder(runtime(**settings), SECTION)


def test_nothing_of_a_failed_download_is_taken_for_the_file(server: PlacesServer) -> None:
    server.always[NAME] = Fault(data=bytes(len(DATA)))
    for _ in range(2):
        with pytest.raises(ValueError, match="right length, wrong bytes"):
            take(server.url)
    del server.always[NAME]
    take(server.url)
