"""Files of logins."""

from pathlib import Path

import pytest

from pipeline.web.logins import read_logins


def logins(path: Path, text: str, mode: int = 0o600) -> list[tuple[str, str]]:
    path.write_text(text)
    path.chmod(mode)
    return read_logins(path)


def test_a_line_is_a_login(tmp_path: Path) -> None:
    text = "# the lab\nada:a:b c\n\nbob:secret\n"
    assert logins(tmp_path / "auth", text) == [("ada", "a:b c"), ("bob", "secret")]


@pytest.mark.parametrize("text", ["ada", ":x", "ada:", "ada:1\nada:2", "", "# only this"])
def test_what_is_no_login_is_told_and_no_password_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="write name:password") as caught:
        logins(tmp_path / "auth", text)
    assert "ada" not in str(caught.value)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="chmod 600"):
        logins(tmp_path / "auth", "ada:x", 0o640)
    with pytest.raises(ValueError, match="cannot be read"):
        read_logins(tmp_path / "none")
