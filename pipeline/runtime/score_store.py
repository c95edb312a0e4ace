"""What the detector found, kept by content: a photo is looked at once, however it is selected.

A stage's outs are always made anew from all selected photos; the store only saves the looking. It
lies in the scratch folder, so that added categories cost their own photos and no others. A row that
its own sum does not fit is not there: its photo is looked at once more.
"""

import errno
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

FILE_NAME = "scores.sqlite"
# SQLite's own default for the number of `?` was 999 for long.
KEYS_AT_ONCE = 500
PATIENCE_SECONDS = 60.0
ROW_SUM_BYTES = 8
# What is no fault of the file: another answer of the system's each.
REFUSED = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_NOMEM: errno.ENOMEM,
}
CREATE = """
CREATE TABLE IF NOT EXISTS checked_findings (
    model TEXT, sha256 TEXT, finding TEXT, row_sum BLOB, PRIMARY KEY (model, sha256)
) WITHOUT ROWID
"""
FIND = (
    "SELECT sha256, finding, row_sum FROM checked_findings WHERE model = ? AND sha256 IN ({marks})"
)


class ScoreStore:
    """Findings of one model under one setting: sha256 of a photo's bytes -> values for JSON."""

    def __init__(self, path: Path, model: str) -> None:
        """`model` names all that decides the findings; another one's are not seen."""
        self._path, self._model = path, model

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(self._path, timeout=PATIENCE_SECONDS)) as connection:
                # Damaged text is to be read, so that its sum can tell.
                connection.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
                # A machine that loses power may lose it, which is said below; a kill loses nothing.
                # No write-ahead log: several processes that open one after a kill lock each other
                # out at once, where a plain journal lets them wait.
                connection.execute("PRAGMA synchronous = OFF")
                connection.execute(CREATE)
                yield connection
        except sqlite3.DatabaseError as error:
            # Of an extended code the lowest byte is the kind.
            refused = REFUSED.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
            if refused:
                raise OSError(refused, os.strerror(refused), str(self._path)) from error
            raise ValueError(
                f"{self._path}, where findings of `detect_people` are kept, cannot be used "
                f"({error}): run `rm {self._path}`, it is only there to save time"
            ) from error

    def find(self, sums: Sequence[str]) -> dict[str, Any]:
        """What is known, by sha256."""
        known: dict[str, Any] = {}
        with self._opened() as connection:
            for start in range(0, len(sums), KEYS_AT_ONCE):
                asked = sums[start : start + KEYS_AT_ONCE]
                query = FIND.format(marks=",".join("?" * len(asked)))
                found = connection.execute(query, (self._model, *asked)).fetchall()
                known |= {
                    sha256: json.loads(finding)
                    for sha256, finding, row_sum in found
                    if row_sum == self._row_sum(sha256, finding)
                }
        return known

    def add(self, findings: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Keeps findings by sha256, all or none of them."""
        texts = ((sha256, json.dumps(finding)) for sha256, finding in findings)
        rows = [(self._model, *text, self._row_sum(*text)) for text in texts]
        with self._opened() as connection, connection:
            connection.executemany(
                "INSERT OR REPLACE INTO checked_findings VALUES (?, ?, ?, ?)", rows
            )

    def _row_sum(self, sha256: str, finding: str) -> bytes:
        # Bytes that are no UTF-8 any more come as lone surrogates.
        row = "\0".join([self._model, sha256, finding])
        return hashlib.sha256(row.encode(errors="surrogateescape")).digest()[:ROW_SUM_BYTES]


def forget_findings(folder: Path) -> bool:
    """Removes the store in `folder`; whether there was one."""
    path = folder / FILE_NAME
    was_there = path.exists()
    for suffix in ("", "-journal"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
    return was_there
