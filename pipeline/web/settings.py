"""Where the page is served, for whom, and what it takes."""

import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.web.uploads import Limits

LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Settings:
    """As the options of `scenefill web` say it."""

    host: str = "127.0.0.1"
    port: int = 7860
    root_path: str = ""  # under which a proxy shows the page, such as /scenefill
    allowed_hosts: tuple[str, ...] = ()  # names by which a proxy shows the page
    auth: Path | None = None  # a file of logins
    limits: Limits = Limits()
    kept_seconds: int = 3600  # of an uploaded photo

    def check(self) -> None:
        """ValueError where a setting cannot be."""
        if self.root_path and (not self.root_path.startswith("/") or self.root_path.endswith("/")):
            raise ValueError(
                f"--root-path is {self.root_path!r}, but must start with / and not end with it, "
                "such as /scenefill"
            )
        for name in self.allowed_hosts:
            if not re.fullmatch(r"[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*", name):
                raise ValueError(
                    f"--allowed-host is {name!r}, but must be a host's name without scheme, port "
                    "and path, such as lab.example.org"
                )

    @property
    def is_local(self) -> bool:
        return self.host in LOCAL
