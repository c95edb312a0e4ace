"""The short form of bench/fuzz.py: every seed, every former finding and some mutations of each."""

import sys
from pathlib import Path

import pytest

from pipeline.runtime.code_closure import ROOT

sys.path.append(str(ROOT / "bench"))
from fuzz import PARSERS, finding, fuzz, seeds  # noqa: E402

# A whole file of these kinds is refused: the sum that it states is not its own.
REFUSED = {"config"}


@pytest.mark.parametrize("kind", PARSERS)
def test_parsers_raise_value_errors_alone(kind: str, tmp_path: Path) -> None:
    own = seeds(kind)
    whole = tmp_path / "whole"
    whole.write_bytes(own[0])
    if kind not in REFUSED:
        PARSERS[kind](whole)  # so that mutations get further than the first check
    assert fuzz(kind, own, seed=0, number=0, executions=150) == {}


def test_a_round_is_a_function_of_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a run that was stopped goes on, and a finding can be made again."""
    seen: list[bytes] = []
    monkeypatch.setitem(PARSERS, "hole", lambda path: seen.append(path.read_bytes()))
    own = seeds("hole")
    for number in (0, 1, 1):
        fuzz("hole", own, seed=0, number=number, executions=30)
    first, second, again = seen[:30], seen[30:60], seen[60:]
    assert second == again != first
    assert first[: len(own)] == own


def test_other_errors_and_endless_messages_are_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each once, by the line that raises it."""

    def broken(path: Path) -> None:
        raise KeyError(path.read_bytes()[:1])

    def endless(path: Path) -> None:
        raise ValueError("x" * 6_000)

    for parser, said in ((broken, "KeyError: b'x'"), (endless, "a message of 6,000 characters")):
        monkeypatch.setitem(PARSERS, "hole", parser)
        found = finding("hole", b"x", str(tmp_path))
        assert found is not None and found.said == said and "test_fuzz.py:" in found.place
        assert len(fuzz("hole", [b"x", b"1,2,3,4"], seed=0, number=0, executions=40)) == 1
