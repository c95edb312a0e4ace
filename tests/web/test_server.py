"""What the server gives away, and how it starts and ends."""

import json
import re
import shlex
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.runtime.code_closure import ROOT
from pipeline.web import server
from pipeline.web.settings import Settings
from pipeline.web.uploads import Limits
from support.documents import commands
from support.free_port import free_port
from support.website import served, web_command


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "secret.txt").write_text("secret")
    return folder


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with served(folder) as found:
        yield found


def fetch(url: str, data: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    """Status and body."""
    request = urllib.request.Request(url, data, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def file_form(name: str, content: bytes) -> tuple[bytes, dict[str, str]]:
    """Body and headers of an upload."""
    head = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + b"\r\n--x--\r\n"
    return body, {"Content-Type": "multipart/form-data; boundary=x"}


def post_file(url: str, name: str, content: bytes) -> tuple[int, bytes]:
    body, headers = file_form(name, content)
    return fetch(f"{url}/gradio_api/upload", body, **headers)


@pytest.mark.parametrize("route", ["/gradio_api/file=", "/file=", "/gradio_api/file/"])
def test_no_file_of_the_machine_is_given_away(url: str, folder: Path, route: str) -> None:
    scratch = folder / ".work/web" / url.rpartition(":")[2]
    paths = ["/etc/passwd", "../../../../../../etc/passwd", "..%2f..%2f..%2f..%2fetc%2fpasswd"]
    paths += [str(folder / "secret.txt"), "secret.txt", f"{scratch}/../../../secret.txt"]
    for path in paths:
        status, body = fetch(f"{url}{route}{path}")
        assert status in (400, 403, 404), path
        assert b"root:" not in body and b"secret" != body


@pytest.mark.parametrize("route", ["/static/", "/assets/", "/svelte/"])
def test_nor_by_the_routes_of_the_pages_own_files(url: str, route: str) -> None:
    status, body = fetch(f"{url}{route}..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd")
    assert status in (400, 403, 404) and b"root:" not in body


def test_no_path_is_taken_for_an_upload(url: str, folder: Path) -> None:
    """A browser may send what it likes: only files that were uploaded are opened."""
    config = json.loads(fetch(f"{url}/config")[1])
    upload = next(
        each["id"] for each in config["components"] if each["props"].get("elem_id") == "upload"
    )
    event = next(each for each in config["dependencies"] if upload in each["inputs"])
    for path in ("/etc/passwd", str(folder / "secret.txt")):
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        call: dict[str, Any] = {"data": [None, file], "fn_index": event["id"], "session_hash": "x"}
        kind = {"Content-Type": "application/json"}
        assert fetch(f"{url}/gradio_api/queue/join", json.dumps(call).encode(), **kind)[0] == 200
        answer = fetch(f"{url}/gradio_api/queue/data?session_hash=x")[1].decode()
        assert '"success": false' in answer or '"success":false' in answer
        assert "root:" not in answer


def test_an_upload_stays_in_its_folder_and_within_the_limit(url: str, folder: Path) -> None:
    before = {path for path in folder.rglob("*") if ".work" not in path.parts}
    status, body = post_file(url, "../../../../escaped.png", b"x")
    assert status == 200
    (path,) = json.loads(body)
    port = url.rpartition(":")[2]
    assert Path(path).resolve().is_relative_to(folder / ".work/web" / port)
    assert {path for path in folder.rglob("*") if ".work" not in path.parts} == before
    status, body = post_file(url, "large.png", bytes(Limits().max_bytes + 1))
    assert status == 413 and b"maximum" in body.lower()


def test_nothing_is_said_to_other_programs(url: str) -> None:
    page = fetch(url)[1].decode()
    assert not re.search(r"https://(fonts|cdn)", page)
    config = json.loads(fetch(f"{url}/config")[1])
    assert config["analytics_enabled"] is False
    public = [each for each in config["dependencies"] if each["api_visibility"] != "private"]
    assert [each["api_name"] for each in public] == ["complete"]
    for path in ("docs", "openapi.json", "monitoring/summary"):
        assert fetch(f"{url}/{path}")[0] in (403, 404), path


def test_health_is_told_and_nothing_else(url: str) -> None:
    (command,) = commands("page-health")
    asked = shlex.split(command.replace("http://127.0.0.1:7860", url))
    if shutil.which(asked[0]) is None:
        pytest.skip("no curl here: `apt-get install curl`, or the like")
    answer = subprocess.run([*asked, "--silent"], capture_output=True, check=True).stdout
    assert json.loads(answer) == {"status": "ok", "generator_loaded": False}


def test_behind_a_proxy_and_with_logins(tmp_path: Path) -> None:
    (tmp_path / "auth").write_text("ada:secret\n")
    (tmp_path / "auth").chmod(0o600)
    options = ("--root-path", "/lab", "--auth", "auth", "--max-megabytes", "1")
    with served(tmp_path, *options) as url:
        assert fetch(f"{url}/config")[0] == 401
        assert fetch(f"{url}/gradio_api/file=/etc/passwd")[0] in (401, 403)
        assert fetch(f"{url}/health")[0] == 200
        visitor = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        login = urllib.parse.urlencode({"username": "ada", "password": "wrong"}).encode()
        with pytest.raises(urllib.error.HTTPError, match="400"):
            visitor.open(f"{url}/login", login)
        visitor.open(f"{url}/login", login.replace(b"wrong", b"secret"))
        with visitor.open(f"{url}/config") as answer:
            assert json.load(answer)["root"].endswith("/lab")
        upload = f"{url}/gradio_api/upload"
        visitor.open(urllib.request.Request(upload, *file_form("a.png", bytes(900_000))))
        with pytest.raises(urllib.error.HTTPError, match="413"):
            visitor.open(urllib.request.Request(upload, *file_form("b.png", bytes(1_100_000))))


def test_all_options_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    found: list[Settings] = []
    monkeypatch.setattr(server, "serve", lambda settings, model: found.append(settings))
    said = "--host ::1 --port 99 --root-path /lab --allowed-host a.org --allowed-host b.org"
    said += " --max-megabytes 2 --max-megapixels 3 --keep-minutes 4 --auth /logins"
    for options in ("", said):
        assert CliRunner().invoke(app, ["web", *options.split()]).exit_code == 0
    limits, hosts = Limits(2_000_000, 3_000_000), ("a.org", "b.org")
    assert found == [
        Settings(),
        Settings("::1", 99, "/lab", hosts, Path("/logins"), limits, 240),
    ]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that `scenefill web` serves."""
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    return tmp_path


def fails(folder: Path, *options: str) -> str:
    run = subprocess.run(web_command(*options), cwd=folder, capture_output=True, text=True)
    assert run.returncode == 1 and "Traceback" not in run.stderr
    return run.stderr


def test_a_taken_port_and_a_generator_that_is_not_there_are_told(project: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        assert f"cannot listen on 127.0.0.1, port {port}" in fails(project, "--port", port)
    assert "--model is 'nowhere', but" in fails(project, "--model", "nowhere")
    assert "--root-path is 'lab', but must start" in fails(project, "--root-path", "lab")
    refused = fails(project, "--allowed-host", "https://lab.example")
    assert "--allowed-host is 'https://lab.example', but must be a host's name" in refused


@pytest.mark.parametrize("host", ["0.0.0.0", "::1"])
def test_letting_others_in_is_warned_of(project: Path, host: str) -> None:
    """By a server that is reached by both kinds of addresses."""
    port = free_port()
    options = ("--host", host, "--port", str(port))
    server = subprocess.Popen(web_command(*options), cwd=project, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    lines = []
    for line in server.stderr:
        lines.append(line)
        if "web: open" in line:
            break
    shown = "[::1]" if host == "::1" else host
    assert f"web: open http://{shown}:{port} in a browser" in lines[-1]
    assert fetch(f"http://{shown}:{port}/health")[0] == 200
    server.send_signal(signal.SIGINT)
    server.communicate(timeout=120)
    assert server.returncode == 0
    is_warned = any(f"WARNING: on {host} everyone" in line for line in lines)
    assert is_warned == (host == "0.0.0.0")
