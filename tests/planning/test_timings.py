import json
from pathlib import Path

import pytest

from pipeline.planning.timings import params_digest, timed, took


def note(root: Path, *lines: tuple[float, bool, str]) -> None:
    path = root / ".work/timings/crop.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    notes = [{"seconds": s, "done": done, "params": params} for s, done, params in lines]
    path.write_text("".join(json.dumps(each) + "\n" for each in notes))


def test_interrupted_attempts_count_towards_the_run_they_began(scratch_root: Path) -> None:
    assert took("crop") is None
    note(scratch_root, (5, True, "a"), (2, False, "a"), (3, True, "a"), (9, False, "a"))
    assert took("crop") == (5, "a")


def test_attempts_with_other_params_do_not(scratch_root: Path) -> None:
    note(scratch_root, (2, False, "a"), (3, True, "b"))
    assert took("crop") == (3, "b")


def test_a_stage_that_never_ended_took_nothing(scratch_root: Path) -> None:
    note(scratch_root, (2, False, "a"))
    assert took("crop") is None


def test_a_note_that_was_half_written_counts_for_nothing(scratch_root: Path) -> None:
    note(scratch_root, (5, True, "a"))
    path = scratch_root / ".work/timings/crop.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:20] + b"\n\xff" + whole)
    assert took("crop") == (5, "a")


def test_the_end_of_the_block_is_noted(scratch_root: Path) -> None:
    with pytest.raises(KeyboardInterrupt), timed("crop", "a"):
        raise KeyboardInterrupt
    assert took("crop") is None
    with timed("crop", "a"):
        pass
    found = took("crop")
    assert found is not None and found.params == "a" and found.seconds >= 0


def test_of_several_processes_one_notes(
    scratch_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    with timed("train", "a"):
        pass
    assert took("train") is None


def test_runtime_is_no_part_of_the_digest() -> None:
    params = {"crop": {"seed": 0}, "runtime": {"workers": 1}}
    assert params_digest(params) == params_digest(params | {"runtime": {"workers": 2}})
    assert params_digest(params) != params_digest(params | {"crop": {"seed": 1}})
