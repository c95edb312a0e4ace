"""What stands before the page's server: whose requests it takes, how much, and who sees which file.

- A request has to name this machine, or a name that the setting allows, as its Host, or any page
  could read this one by a name of its own that it turns to this address (DNS rebinding); one with
  an Origin comes from this page.
- No body is larger than its limit, and uploads together have a quota.
- A file is given to, and taken from, the sessions alone that it was named to. A cookie tells them.
"""

import ipaddress
import json
import os
import re
import secrets
import socket
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "scenefill_session"
UPLOAD = "/gradio_api/upload"
# Around an uploaded file stand some lines, and gradio's own limit has words.
AROUND_UPLOAD = 1_000_000  # bytes
MAX_BODY = 20_000_000  # bytes; a drawn hole comes as a PNG in JSON
QUOTA = 1_000_000_000  # bytes, of all that is kept at a time
MAX_SESSIONS = 1_000
# The route that gives files: file=PATH, file/PATH.
FILE_ROUTE = re.compile(r"/file[=/](.+)$")


class Refusal(Exception):
    """An answer in place of the page's."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


class Guard:
    """ASGI middleware."""

    def __init__(
        self, app: App, host: str, allowed_hosts: Sequence[str], folder: Path, max_bytes: int
    ) -> None:
        """`host`: where the server listens; `allowed_hosts`: names by which a proxy shows the page;
        `folder`: of all files that visitors may get; `max_bytes`: of a photo.
        """
        self._app, self._folder = app, folder
        self._max_upload = max_bytes + AROUND_UPLOAD
        self._is_local = _is_loopback(host)
        self._allowed = {name.lower() for name in allowed_hosts}
        self._names = {"localhost", host.lower()} | self._allowed
        if not self._is_local:
            self._names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        # A path of the folder as it stands in JSON.
        self._path = re.compile(re.escape(json.dumps(str(folder))[1:-1].encode()) + rb'/[^"\s]*')
        self._files: OrderedDict[str, set[str]] = OrderedDict()  # session -> paths named to it
        self._under_way = 0  # bytes of uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            self._check_source(headers)
            session, is_new = self._session(headers)
            self._check_route(unquote(scope["path"]), session)
            if scope["type"] == "websocket" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
                await self._app(scope, receive, self._answering(send, session, is_new))
            else:
                await self._posted(scope, headers, receive, send, session, is_new)
        except Refusal as refusal:
            await _refuse(scope, send, refusal)

    def _check_source(self, headers: dict[bytes, str]) -> None:
        host = headers.get(b"host", "")
        name = _split(f"//{host}").hostname or ""
        if not (name in self._names or (_is_loopback(name) if self._is_local else _is_ip(name))):
            raise Refusal(
                421,
                f"This page is not called {name!r}: open it by its own address, or start it with "
                "--allowed-host where a proxy shows it by this name.",
            )
        if (origin := headers.get(b"origin")) is None:
            return
        # A proxy may pass on another Host than the browser named, or one without its port.
        source = _split(origin)
        if source.netloc.lower() != host.lower() and source.hostname not in self._allowed:
            raise Refusal(403, "Another page may not use this one.")

    def _session(self, headers: dict[bytes, str]) -> tuple[str, bool]:
        """Of the request, and whether it is a new one."""
        try:
            morsel = SimpleCookie(headers.get(b"cookie", "")).get(COOKIE)
        except CookieError:
            morsel = None
        is_new = morsel is None or morsel.value not in self._files
        session = secrets.token_urlsafe(24) if morsel is None or is_new else morsel.value
        self._files.setdefault(session, set())
        self._files.move_to_end(session)
        while len(self._files) > MAX_SESSIONS:
            self._files.popitem(last=False)
        return session, is_new

    def _check_route(self, route: str, session: str) -> None:
        if match := FILE_ROUTE.search(route):
            self._check_path(match[1], session)

    def _check_path(self, path: str, session: str) -> None:
        """Refusal for a file of the folder that was not named to the session."""
        absolute = os.path.abspath(unquote(path))
        if Path(absolute).is_relative_to(self._folder) and absolute not in self._files[session]:
            raise Refusal(403, "This file is another visitor's, or no longer kept.")

    def _found(self, body: bytes) -> Iterable[str]:
        """Paths of the folder that stand in JSON."""
        for match in self._path.findall(body):
            try:
                yield os.path.abspath(json.loads(b'"' + match.rstrip(b"\\") + b'"'))
            except ValueError:
                continue

    def _answering(self, send: Send, session: str, is_new: bool) -> Send:
        """Notes which files an answer names, and gives a new session its cookie."""

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and is_new:
                cookie = f"{COOKIE}={session}; Path=/; HttpOnly; SameSite=Strict"
                headers = [*message["headers"], (b"set-cookie", cookie.encode())]
                message = {**message, "headers": headers}
            if message["type"] == "http.response.body" and session in self._files:
                self._files[session].update(self._found(message.get("body", b"")))
            await send(message)

        return answer

    async def _posted(
        self,
        scope: Scope,
        headers: dict[bytes, str],
        receive: Receive,
        send: Send,
        session: str,
        is_new: bool,
    ) -> None:
        """A request with a body: within its limit, and naming no file of another session."""
        is_upload = scope["path"].endswith(UPLOAD)
        limit = self._max_upload if is_upload else MAX_BODY
        stated = headers.get(b"content-length", "")
        # A body of unknown length counts as the longest.
        length = int(stated[:20]) if stated.isascii() and stated.isdigit() else limit
        if length > limit:
            raise Refusal(413, f"The maximum of a request is {limit:,} bytes: this has {length:,}.")
        answer = self._answering(send, session, is_new)
        if is_upload:
            kept = sum(each.stat().st_size for each in self._folder.rglob("*") if each.is_file())
            if kept + self._under_way + length > QUOTA:
                raise Refusal(
                    507, f"No more than {QUOTA:,} bytes are kept here at a time: wait an hour."
                )
            self._under_way += length
            try:
                await self._app(scope, _limited(receive, limit), answer)
            finally:
                self._under_way -= length
            return
        body = await _whole(_limited(receive, limit))
        for path in self._found(body):
            self._check_path(path, session)
        await self._app(scope, _again(body, receive), answer)


def _split(url: str) -> SplitResult:
    """Its parts; empty ones of what is no URL, such as `[`."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")


def _limited(receive: Receive, limit: int) -> Receive:
    """Refusal where more comes than was stated or than is allowed."""
    num_bytes = 0

    async def limited() -> Message:
        nonlocal num_bytes
        message = await receive()
        num_bytes += len(message.get("body", b""))
        if num_bytes > limit:
            raise Refusal(413, f"The maximum of a request is {limit:,} bytes.")
        return message

    return limited


async def _whole(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more; after it, what the client does."""
    is_given = False

    async def again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.words})
        return
    body = json.dumps({"detail": refusal.words, "error": refusal.words}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    return name == "localhost" or (_is_ip(name) and ipaddress.ip_address(name).is_loopback)
