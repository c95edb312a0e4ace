"""Whose requests the page's server takes, how much of them, and who sees which file."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from pipeline.web.guard import COOKIE, MAX_BODY, QUOTA, UPLOAD, Guard
from support.pictures import encoded, picture
from support.website import served

FILES = {"files": ("photo.jpg", encoded(picture(1)), "image/jpeg")}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("project")) as found:
        yield found


def visitor(url: str) -> requests.Session:
    """Who has opened the page."""
    session = requests.Session()
    assert session.get(url).status_code == 200 and COOKIE in session.cookies
    return session


def uploaded(session: requests.Session, url: str) -> str:
    answer = session.post(f"{url}/gradio_api/upload", files=FILES)
    assert answer.status_code == 200
    (path,) = answer.json()
    return str(path)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "", "["]
)
def test_a_foreign_host_is_refused(url: str, host: str) -> None:
    for path in ("", "/config", "/gradio_api/upload"):
        answer = requests.get(f"{url}{path}", headers={"Host": host})
        assert answer.status_code == 421 and "open it by its own address" in answer.text


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_the_machines_own_names_are_taken(url: str, host: str) -> None:
    port = url.rpartition(":")[2]
    assert requests.get(url, headers={"Host": f"{host}:{port}"}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://["]
)
def test_a_foreign_origin_is_refused(url: str, origin: str) -> None:
    headers = {"Origin": origin}
    answers = [
        requests.post(f"{url}/gradio_api/upload", files=FILES, headers=headers),
        requests.post(f"{url}/gradio_api/queue/join", json={}, headers=headers),
        requests.get(f"{url}/config", headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    own = {"Origin": url}
    answer = requests.post(f"{url}/gradio_api/upload", files=FILES, headers=own)
    assert answer.status_code == 200


def test_no_body_is_larger_than_its_limit(url: str) -> None:
    """With a stated length and without one."""
    body = b'{"data": "' + bytes(MAX_BODY) + b'"}'
    kind = {"Content-Type": "application/json"}
    join = f"{url}/gradio_api/queue/join"
    assert requests.post(join, data=body, headers=kind).status_code == 413
    session = requests.Session()
    asked = requests.Request("POST", join, headers=kind).prepare()
    asked.headers["Content-Length"] = "9" * 5_000
    assert session.send(asked).status_code in (400, 413), "uvicorn's parsers differ"
    pieces = (body[start : start + 10**6] for start in range(0, len(body), 10**6))
    try:
        assert requests.post(join, data=pieces, headers=kind).status_code == 413
    except requests.ConnectionError:
        pass  # the server has answered and hung up before all was sent


def test_a_session_sees_its_own_files_alone(url: str) -> None:
    one, other = visitor(url), visitor(url)
    path = uploaded(one, url)
    routes = ("/gradio_api/file=", "/file=", "/gradio_api/file/")
    assert one.get(f"{url}/gradio_api/file={path}").content == FILES["files"][1]
    relative = Path(path).relative_to(
        next(each for each in Path(path).parents if each.name == ".work").parent
    )
    for route in routes:
        for name in (
            path,
            path.replace("/", "%2F"),
            f"{Path(path).parent}/./photo.jpg",
            str(relative),
        ):
            for who in (other, requests):
                answer = who.get(f"{url}{route}{name}")  # type: ignore[attr-defined]
                assert answer.status_code in (403, 404), (route, name)
                assert FILES["files"][1] not in answer.content
    call = {"data": [{"path": path}], "fn_index": 0, "session_hash": "x"}
    answer = other.post(f"{url}/gradio_api/queue/join", data=json.dumps(call))
    assert answer.status_code == 403 and "another visitor's" in answer.text
    uploaded(other, url)  # whoever has the same photo has the same path
    assert other.get(f"{url}/gradio_api/file={path}").status_code == 200


def test_uploads_have_a_quota(tmp_path: Path) -> None:
    """Of all files together, with those that are on their way."""
    guard = Guard(_app, "127.0.0.1", (), tmp_path, max_bytes=50_000_000)
    (tmp_path / "kept").mkdir()
    with (tmp_path / "kept/file").open("wb") as file:
        file.truncate(QUOTA - 500)
    assert asyncio.run(status_of(guard, length=400)) == 200
    assert asyncio.run(status_of(guard, length=600)) == 507


async def _app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def status_of(guard: Guard, length: int) -> int:
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    headers = [(b"host", b"localhost"), (b"content-length", str(length).encode())]
    scope = {"type": "http", "method": "POST", "path": UPLOAD, "headers": headers}
    await guard(scope, receive, send)
    return int(said[0]["status"])
