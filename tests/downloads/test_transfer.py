"""Every fault of a server: what arrives is right or refused, and fetched about once."""

import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from pipeline.downloads import transfer
from pipeline.downloads.transfer import Patience, fetch, retry_after
from support.places_server import (
    Fault,
    PlacesServer,
    kill_often,
    pinned,
    places_server,
    random_faults,
)

NAME = "val_256.tar"
DATA = np.random.default_rng(0).bytes(3_000_000)
OTHER = np.random.default_rng(1).bytes(3_000_000)
ARCHIVE = pinned(NAME, DATA)
IMPATIENT = Patience(connect=5, stall=0.3, first_wait=0.001, longest_wait=0.01, num_tries=4)


@pytest.fixture
def server() -> Iterator[PlacesServer]:
    with places_server({NAME: DATA}) as server:
        yield server


@pytest.fixture
def mirror() -> Iterator[PlacesServer]:
    """A second server, without a fault of its own."""
    with places_server({NAME: DATA}) as server:
        yield server


def get(folder: Path, *servers: PlacesServer) -> None:
    """Downloads from the servers in order; asserts that the bytes are right and nothing is left."""
    urls = [f"{server.url}/{NAME}" for server in servers]
    path, sha256 = fetch(ARCHIVE, urls, folder, IMPATIENT)
    assert path.read_bytes() == DATA
    assert sha256 == hashlib.sha256(DATA).hexdigest()
    assert [found.name for found in folder.iterdir()] == [NAME]


def refused(folder: Path, *servers: PlacesServer) -> str:
    """The message of a download that fails; nothing stands under the final name."""
    with pytest.raises(ValueError, match="could not be downloaded") as error:
        fetch(ARCHIVE, [f"{server.url}/{NAME}" for server in servers], folder, IMPATIENT)
    assert not (folder / NAME).exists()
    assert "runtime.mirrors" in str(error.value) and "runtime.adopt" in str(error.value)
    return str(error.value)


def starts(server: PlacesServer) -> list[int]:
    return [request.start for request in server.requests]


def test_one_request_brings_the_whole(tmp_path: Path, server: PlacesServer) -> None:
    get(tmp_path, server)
    assert (starts(server), server.num_bytes[NAME]) == ([0], len(DATA))


@pytest.mark.parametrize("has_etag", [True, False])
def test_cuts_and_stalls_are_gone_on_from(
    tmp_path: Path, server: PlacesServer, has_etag: bool
) -> None:
    """With an ETag, or by the time of the file alone; each byte comes once."""
    server.has_etag = has_etag
    server.faults[NAME] = [Fault(cut_after=1_000_000), Fault(stall_after=500_000)]
    get(tmp_path, server)
    assert starts(server)[0] == 0 and len(starts(server)) == 3
    assert starts(server)[1] == 1_000_000
    assert len(DATA) <= server.num_bytes[NAME] <= len(DATA) + transfer.CHUNK
    assert all(request.if_range for request in server.requests[1:])


def test_a_cut_that_brings_bytes_is_no_fruitless_try(tmp_path: Path, server: PlacesServer) -> None:
    """A server that cuts every 150 KB is slow, not dead: more cuts than tries."""
    server.faults[NAME] = [Fault(cut_after=150_000) for _ in range(19)]
    get(tmp_path, server)
    assert len(starts(server)) == 20


def test_a_range_ignored_starts_over(
    tmp_path: Path, server: PlacesServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.faults[NAME] = [Fault(cut_after=1_000_000), Fault(ignore_range=True)]
    get(tmp_path, server)
    assert server.num_bytes[NAME] == len(DATA) + 1_000_000
    assert "from its start again: 1.0 MB are fetched anew" in capsys.readouterr().err


def test_a_wrong_range_is_refused(
    tmp_path: Path, server: PlacesServer, mirror: PlacesServer
) -> None:
    """The next server goes on; alone, the same one is asked for the whole."""
    server.faults[NAME] = [Fault(cut_after=1_000_000), Fault(shift_range=-512)]
    get(tmp_path, server, mirror)
    assert starts(mirror) == [1_000_000]
    server.faults[NAME] = [Fault(cut_after=1_000_000), Fault(shift_range=-512)]
    get(tmp_path / "alone", server)
    assert starts(server)[-3:] == [0, 1_000_000, 0]


def test_a_wrong_length_is_refused_before_a_byte_is_written(
    tmp_path: Path, server: PlacesServer, mirror: PlacesServer
) -> None:
    server.always[NAME] = Fault(data=b"<html>please log in</html>")
    get(tmp_path, server, mirror)
    message = refused(tmp_path / "alone", server)
    assert "offers 26 bytes (application/x-tar), but val_256.tar has 3000000 bytes" in message
    assert "0.0 MB of 3.0 MB are kept" in message


def test_without_a_length_the_bytes_are_counted(tmp_path: Path, server: PlacesServer) -> None:
    server.always[NAME] = Fault(length=-1)
    get(tmp_path, server)
    server.always[NAME] = Fault(data=DATA + b"more", length=-1)
    assert "sends more than the expected 3,000,000 bytes" in refused(tmp_path / "more", server)


def test_fewer_bytes_than_told_are_asked_for_again(tmp_path: Path, server: PlacesServer) -> None:
    server.faults[NAME] = [Fault(data=DATA[:-1000], length=len(DATA))]
    get(tmp_path, server)
    assert starts(server) == [0, len(DATA) - 1000]


def test_right_length_with_wrong_bytes_is_thrown_away(
    tmp_path: Path, server: PlacesServer, mirror: PlacesServer
) -> None:
    server.always[NAME] = Fault(data=OTHER)
    get(tmp_path, server, mirror)
    assert mirror.num_bytes[NAME] == len(DATA)
    message = refused(tmp_path / "alone", server)
    got, expected = hashlib.sha256(OTHER).hexdigest(), ARCHIVE.sha256
    assert f"sha256: got {got}, expected {expected}" in message and "md5: got" in message
    assert "0.0 MB of 3.0 MB are kept" in message


def test_a_file_that_changes_is_never_joined(tmp_path: Path, server: PlacesServer) -> None:
    """By If-Range the server sends the new file whole; one that does not know it is found out."""
    server.faults[NAME] = [Fault(data=OTHER, etag='"old"', cut_after=1_000_000)]
    get(tmp_path, server)
    assert starts(server) == [0, 0] and server.requests[1].if_range == '"old"'
    server.faults[NAME] = [
        Fault(data=OTHER, etag='"old"', cut_after=1_000_000),
        Fault(ignore_if_range=True),
    ]
    get(tmp_path / "second", server)
    assert starts(server)[2:] == [0, 1_000_000, 0]


def test_two_servers_that_differ_are_told_apart(
    tmp_path: Path, server: PlacesServer, mirror: PlacesServer
) -> None:
    """Whose bytes were wrong nobody knows: the last server is asked for the whole."""
    server.faults[NAME] = [Fault(data=OTHER, cut_after=1_000_000), Fault(status=404)]
    get(tmp_path, server, mirror)
    assert starts(mirror) == [1_000_000, 0]


@pytest.mark.parametrize("status", [403, 404, 410])
def test_no_such_file_goes_to_the_next_server_at_once(
    tmp_path: Path, server: PlacesServer, mirror: PlacesServer, status: int
) -> None:
    server.always[NAME] = Fault(status=status)
    get(tmp_path, server, mirror)
    assert len(server.requests) == 1
    assert f"HTTP {status}" in refused(tmp_path / "alone", server)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_waited_for(
    tmp_path: Path, server: PlacesServer, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(transfer.time, "sleep", waits.append)
    server.faults[NAME] = [Fault(status=status, headers={"Retry-After": "120"}), Fault(status=500)]
    get(tmp_path, server)
    assert waits[0] == 120 and 0 < waits[1] <= IMPATIENT.longest_wait
    server.always[NAME] = Fault(status=status)
    assert "4 times in a row" in refused(tmp_path / "alone", server)


def test_who_asks_for_hours_is_left(
    tmp_path: Path, server: PlacesServer, mirror: PlacesServer
) -> None:
    server.always[NAME] = Fault(status=503, headers={"Retry-After": "86400"})
    get(tmp_path, server, mirror)
    assert "asks to come back in 86400 s" in refused(tmp_path / "alone", server)


def test_retry_after_holds_seconds_or_a_date() -> None:
    now = datetime(2030, 1, 1, 12, 0, 0, tzinfo=UTC)
    assert retry_after("7", now) == 7
    assert retry_after("Tue, 01 Jan 2030 12:01:30 GMT", now) == 90
    assert retry_after("Tue, 01 Jan 2030 11:00:00 GMT", now) == 0
    assert retry_after("soon", now) is None and retry_after("", now) is None


def test_redirects_are_followed_but_not_in_circles(
    tmp_path: Path, server: PlacesServer, mirror: PlacesServer
) -> None:
    server.faults[NAME] = [Fault(redirect=f"{mirror.url}/{NAME}")]
    get(tmp_path, server)
    server.always[NAME] = Fault(redirect=f"/places365/{NAME}")
    assert "over 5 redirects" in refused(tmp_path / "alone", server)


def test_a_dead_server_is_told_and_passed_over(tmp_path: Path, server: PlacesServer) -> None:
    dead = PlacesServer({})
    dead.close()
    get(tmp_path, dead, server)
    assert "Connection refused, 4 times in a row" in refused(tmp_path / "alone", dead)


def test_what_arrived_is_kept_for_the_next_call(tmp_path: Path, server: PlacesServer) -> None:
    server.faults[NAME] = [Fault(cut_after=2_000_000), Fault(status=404)]
    assert "2.0 MB of 3.0 MB are kept" in refused(tmp_path, server)
    get(tmp_path, server)
    assert server.num_bytes[NAME] == len(DATA)


def test_a_part_without_its_record_is_not_trusted(tmp_path: Path, server: PlacesServer) -> None:
    (tmp_path / f"{NAME}.part").write_bytes(OTHER[:1000])
    get(tmp_path, server)
    assert starts(server) == [0]


def test_too_little_space_is_told_before_the_first_byte(
    tmp_path: Path, server: PlacesServer
) -> None:
    huge = ARCHIVE.model_copy(update={"num_bytes": 10**18})
    with pytest.raises(ValueError, match="downloading val_256.tar needs about .* MB, but"):
        fetch(huge, [f"{server.url}/{NAME}"], tmp_path, IMPATIENT)
    assert server.requests == []


@pytest.mark.parametrize("seed", range(8))
def test_mixed_faults_of_two_servers_leave_the_right_bytes_or_a_refusal(
    tmp_path: Path, server: PlacesServer, mirror: PlacesServer, seed: int
) -> None:
    """And a refusal keeps what arrived: the next call ends it."""
    draws = random.Random(seed)
    once = [Fault(data=OTHER), Fault(status=404), Fault(data=b"<html>"), Fault(shift_range=-512)]
    for each in (server, mirror):
        faults = random_faults(draws, DATA, most=6, stalls=1)
        faults.insert(draws.randrange(len(faults) + 1), draws.choice(once))
        each.faults[NAME] = faults
    urls = [f"{each.url}/{NAME}" for each in (server, mirror)]
    for _ in range(20):
        try:
            path, _ = fetch(ARCHIVE, urls, tmp_path, IMPATIENT)
            break
        except ValueError as error:
            assert "could not be downloaded" in str(error)
            assert not (tmp_path / NAME).exists()
    assert path.read_bytes() == DATA and [found.name for found in tmp_path.iterdir()] == [NAME]


def test_kills_cost_no_byte_twice(tmp_path: Path) -> None:
    data = np.random.default_rng(2).bytes(40_000_000)
    with places_server({NAME: data}) as server:
        server.bytes_per_second = 2e7
        killed = kill_often(server, NAME, tmp_path, num_kills=5, seed=0)
        assert killed == 5
        assert (tmp_path / NAME).read_bytes() == data
        assert len(data) <= server.num_bytes[NAME] <= 1.05 * len(data)
