"""Who may use the page: a file of names and passwords."""

import stat
from pathlib import Path


def read_logins(path: Path) -> list[tuple[str, str]]:
    """Names and passwords of a file with a line `name:password` for each.

    Empty lines and those that start with # are skipped. Raises ValueError where the file cannot be
    read, may be read by others on this machine, holds no login, or a line that is none.
    """
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"--auth is {str(path)!r}, which cannot be read ({error}): name a text file with a "
            "line name:password for each person"
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ValueError(
            f"--auth is {str(path)!r}, which others on this machine may read: chmod 600 {path}"
        )
    logins: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, password = line.partition(":")
        if not name.strip() or not password or name in logins:
            raise ValueError(
                f"--auth is {str(path)!r}, and line {number} of it is no login, or one of a name "
                "that is there already: write name:password"
            )
        logins[name] = password
    if not logins:
        raise ValueError(f"--auth is {str(path)!r}, which holds no login: write name:password")
    return list(logins.items())
