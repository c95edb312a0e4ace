"""Files over HTTP from servers that fail: resumed, verified, from the next mirror if need be.

What arrives is pinned by size and sums, so nothing here changes a byte of any out. A part that has
arrived stays on disk whatever ends the process, and is gone on with.

urllib3's Retry does not do it: it repeats a request as it was, while each of ours goes on at
another byte; it counts tries whether they brought bytes or not; and where a server asks for a long
wait it comes back early, instead of turning to the next server.
"""

import email.utils
import json
import os
import random
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
import urllib3

from pipeline.downloads.archive import Archive
from pipeline.downloads.running_sums import RunningSums
from pipeline.runtime.progress import Advance, progress, say
from pipeline.runtime.scratch import require_space

CHUNK = 1 << 17  # bytes; at most so many are lost when the process is killed
MEGABYTE = 1_000_000
# A server that sends these has not answered the question; it may the next time.
BUSY = frozenset((408, 425, 429, 500, 502, 503, 504))


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for; all times in seconds."""

    connect: float = 15.0
    stall: float = 30.0  # without a byte
    first_wait: float = 1.0  # doubled from try to try
    longest_wait: float = 60.0
    longest_retry_after: float = 600.0  # a server that asks for more is left for the next one
    num_tries: int = 8  # in a row that bring no byte
    num_redirects: int = 5


class RefusedError(Exception):
    """This URL will not give the file; the next one may."""


class BadRangeError(RefusedError):
    """The server cannot continue a file; from its start it may still give it."""


class BusyError(Exception):
    """The server may give the file later."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait  # seconds, as the server asks


class _Partial:
    """The bytes that are here so far, and where they came from."""

    def __init__(self, path: Path, num_bytes: int) -> None:
        self.path, self.num_bytes = path, num_bytes
        self.record = path.with_name(f"{path.name}.json")
        self.origins: list[list[str | None]] = []  # URL and validator of each, in order
        if path.is_file() and self.record.is_file():
            self.origins = json.loads(self.record.read_text())
        if not self.origins or path.stat().st_size > num_bytes:
            self.origins = []
            path.write_bytes(b"")
        self.file = path.open("ab", buffering=0)
        self.size = path.stat().st_size
        self.sums = RunningSums(path)

    def close(self) -> None:
        self.sums.close()
        self.file.close()

    def forget(self, advance: Advance) -> None:
        """Back to no byte at all."""
        self.sums.close()
        self.file.truncate(0)
        advance(-self.size)
        self.size, self.origins = 0, []
        self.sums = RunningSums(self.path)

    def comes_from(self, url: str, validator: str | None) -> None:
        """To be called before the bytes of an answer."""
        if not self.origins or self.origins[-1] != [url, validator]:
            self.origins.append([url, validator])
            temporary = self.record.with_suffix(".tmp")
            temporary.write_text(json.dumps(self.origins))
            os.replace(temporary, self.record)

    def validator(self, url: str) -> str | None:
        """By which this server recognizes the file that we have the start of."""
        return next((seen for origin, seen in reversed(self.origins) if origin == url), None)

    def append(self, chunk: bytes, advance: Advance) -> None:
        if self.size + len(chunk) > self.num_bytes:
            raise RefusedError(f"it sends more than the expected {self.num_bytes:,} bytes")
        # An unbuffered write may take less than it is given.
        rest = memoryview(chunk)
        while rest:
            rest = rest[self.file.write(rest) :]
        self.size += len(chunk)
        self.sums.grown()
        advance(len(chunk))


def fetch(
    archive: Archive, urls: Sequence[str], folder: Path, patience: Patience | None = None
) -> tuple[Path, str]:
    """The verified file in `folder`, and its sha256; goes on with what an earlier call got.

    The URLs are tried in order. Raises ValueError, with what each of them did, where none gives
    the file; what has arrived stays for the next call.
    """
    assert archive.num_bytes is not None and urls
    folder.mkdir(parents=True, exist_ok=True)
    part, final = folder / f"{archive.name}.part", folder / archive.name
    partial = _Partial(part, archive.num_bytes)
    try:
        require_space(folder, archive.num_bytes - partial.size, f"downloading {archive.name}")
        if partial.size:
            say(
                f"download: {archive.name}: going on from {_megabytes(partial.size)} of "
                f"{_megabytes(archive.num_bytes)}"
            )
        with _byte_progress(archive, partial.size) as advance, requests.Session() as session:
            sha256 = _Download(archive, partial, session, advance, patience or Patience()).run(urls)
    finally:
        partial.close()
    os.replace(part, final)
    partial.record.unlink()
    return final, sha256


class _Download:
    """One file's way here: which server is asked next, and what is made of its answers."""

    def __init__(
        self,
        archive: Archive,
        partial: _Partial,
        session: requests.Session,
        advance: Advance,
        patience: Patience,
    ) -> None:
        self.archive, self.partial, self.session = archive, partial, session
        self.advance, self.patience = advance, patience
        session.max_redirects = patience.num_redirects
        assert archive.num_bytes is not None
        self.num_bytes = archive.num_bytes

    def run(self, urls: Sequence[str]) -> str:
        """Until the sums are right; returns the sha256."""
        faults: list[str] = []
        if self._is_complete() and (sha256 := self._verified("what was here", faults)):
            return sha256
        # The second value: whether to ask for the whole file, whatever is here.
        waiting = deque((url, False) for url in urls)
        while waiting:
            url, whole = waiting.popleft()
            try:
                self._persist(url, whole)
            except RefusedError as error:
                faults.append(f"{url}: {error}")
                say(f"download: {faults[-1]}")
                if isinstance(error, BadRangeError) and not whole:
                    waiting.append((url, True))
                continue
            was_joined = len({origin for origin, _ in self.partial.origins}) > 1
            if sha256 := self._verified(url, faults):
                return sha256
            if was_joined:
                # Which of the servers was wrong, nobody knows.
                waiting.append((url, True))
        raise ValueError(self._report(faults))

    def _is_complete(self) -> bool:
        return self.partial.size == self.num_bytes

    def _verified(self, origin: str, faults: list[str]) -> str | None:
        """The sha256, if all is right; else the bytes are thrown away."""
        md5, sha256 = self.partial.sums.digests()
        wrong = self.archive.faults_of(self.partial.size, md5, sha256)
        if not wrong:
            return sha256
        faults.append(f"{origin}: right length, wrong bytes, thrown away ({'; '.join(wrong)})")
        say(f"download: {faults[-1]}")
        self.partial.forget(self.advance)
        return None

    def _persist(self, url: str, whole: bool) -> None:
        """Asks `url` until the file is complete; gives up after tries that brought nothing."""
        if whole and self.partial.size:
            self._start_over(f"{url} is asked for the whole file")
        fruitless = 0
        while not self._is_complete():
            before = self.partial.size
            try:
                self._ask(url)
                error = BusyError("the answer ended early")
            except BusyError as busy:
                error = busy
            except requests.TooManyRedirects:
                raise RefusedError(f"over {self.patience.num_redirects} redirects") from None
            except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as e:
                error = BusyError(_in_words(e))
            except requests.RequestException as e:
                raise RefusedError(_in_words(e)) from e
            if self._is_complete():
                return
            fruitless = 0 if self.partial.size > before else fruitless + 1
            if fruitless >= self.patience.num_tries:
                raise RefusedError(f"{error}, {fruitless} times in a row")
            self._wait(url, error, fruitless)

    def _ask(self, url: str) -> None:
        """One request, and all bytes that it brings."""
        headers = {"Accept-Encoding": "identity", "User-Agent": "scenefill"}
        validator = self.partial.validator(url)
        if self.partial.size:
            headers["Range"] = f"bytes={self.partial.size}-"
            if validator is not None:
                # Sends the whole of another file, never its end to our start.
                headers["If-Range"] = validator
        timeout = (self.patience.connect, self.patience.stall)
        with self.session.get(url, headers=headers, timeout=timeout, stream=True) as response:
            self._judge(response, validator)
            self.partial.comes_from(url, _validator(response.headers))
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                self.partial.append(chunk, self.advance)

    def _judge(self, response: requests.Response, validator: str | None) -> None:
        """Refuses an answer that cannot be the file, before a byte of it is written."""
        if response.status_code in BUSY:
            raise BusyError(_status(response), self._retry_after(response.headers))
        if response.status_code == 206 and self.partial.size:
            self._judge_range(response, validator)
        elif response.status_code == 200:
            self._judge_whole(response)
        elif response.status_code == 416:
            total = response.headers.get("Content-Range", "no size told")
            raise BadRangeError(f"{_status(response)}: its file ends before ours ({total})")
        else:
            raise RefusedError(_status(response))

    def _judge_range(self, response: requests.Response, validator: str | None) -> None:
        got = response.headers.get("Content-Range", "nothing")
        start, total = _content_range(got)
        if start != self.partial.size or total not in (None, self.num_bytes):
            raise BadRangeError(
                f"asked to continue at byte {self.partial.size:,} of {self.num_bytes:,}, "
                f"it sends {got!r}"
            )
        now = _validator(response.headers)
        if None not in (validator, now) and validator != now:
            raise BadRangeError(f"its file changed from {validator} to {now} meanwhile")

    def _judge_whole(self, response: requests.Response) -> None:
        length = response.headers.get("Content-Length")
        if length is not None and length != str(self.num_bytes):
            kind = response.headers.get("Content-Type", "no type")
            raise RefusedError(
                f"it offers {length} bytes ({kind}), but {self.archive.name} has "
                f"{self.num_bytes} bytes"
            )
        if self.partial.size:
            self._start_over(f"{response.url} sends the file from its start again")

    def _start_over(self, reason: str) -> None:
        say(f"download: {reason}: {_megabytes(self.partial.size)} are fetched anew")
        self.partial.forget(self.advance)

    def _retry_after(self, headers: Any) -> float | None:
        wait = retry_after(headers.get("Retry-After", ""), datetime.now(UTC))
        if wait is not None and wait > self.patience.longest_retry_after:
            raise RefusedError(
                f"it asks to come back in {wait:.0f} s, and more than "
                f"{self.patience.longest_retry_after:.0f} s are not waited for"
            )
        return wait

    def _wait(self, url: str, error: BusyError, fruitless: int) -> None:
        wait = error.wait
        if wait is None:
            longest = min(self.patience.first_wait * 2**fruitless, self.patience.longest_wait)
            # Spread out, so that many clients do not come back at once.
            wait = random.uniform(longest / 2, longest)
        say(
            f"download: {url}: {error}; trying again in {wait:.0f} s, "
            f"{_megabytes(self.partial.size)} are here"
        )
        time.sleep(wait)

    def _report(self, faults: list[str]) -> str:
        lines = "\n".join(f"  {fault}" for fault in faults)
        return (
            f"{self.archive.name} could not be downloaded:\n{lines}\n"
            f"{_megabytes(self.partial.size)} of {_megabytes(self.num_bytes)} are kept: run again "
            "to go on. Or name other servers in params.yaml runtime.mirrors, or a copy that you "
            "have in runtime.adopt"
        )


@contextmanager
def _byte_progress(archive: Archive, num_here: int) -> Iterator[Advance]:
    """`advance(bytes)`, shown in whole megabytes."""
    assert archive.num_bytes is not None
    seen = num_here
    total, here = -(-archive.num_bytes // MEGABYTE), num_here // MEGABYTE
    with progress(f"download {archive.name}", total, "MB", already=here) as advance:

        def advance_bytes(num: int) -> None:
            nonlocal seen
            before, seen = seen // MEGABYTE, seen + num
            advance(seen // MEGABYTE - before)

        yield advance_bytes


def _content_range(value: str) -> tuple[int | None, int | None]:
    """Start and total of `bytes 100-199/1000`; None for what is not told."""
    span, _, total = value.removeprefix("bytes ").partition("/")
    start = span.partition("-")[0]
    return (
        int(start) if start.isdigit() else None,
        int(total) if total.isdigit() else None,
    )


def _validator(headers: Any) -> str | None:
    """What tells this version of the file from another: a strong ETag, else its time."""
    etag = headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return str(etag)
    modified = headers.get("Last-Modified")
    return str(modified) if modified else None


def retry_after(value: str, now: datetime) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or a date; None for neither."""
    if value.strip().isdigit():
        return float(value)
    try:
        date = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max((date.astimezone(UTC) - now).total_seconds(), 0.0)


def _status(response: requests.Response) -> str:
    return f"HTTP {response.status_code} {response.reason or ''}".strip()


def _in_words(error: Exception) -> str:
    """The innermost of the library's nested reasons."""
    while inner := error.__cause__ or error.__context__:
        if not isinstance(inner, Exception):
            break
        error = inner
    return f"{type(error).__name__}: {error}"


def _megabytes(num_bytes: int) -> str:
    return f"{num_bytes / MEGABYTE:,.1f} MB"
