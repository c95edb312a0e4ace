import random
from pathlib import Path

import pytest
import torch

from pipeline.runtime.saved_tensors import load_tensors, save_tensors
from pipeline.runtime.system_faults import system_fault
from support.rot import flip


def test_a_flipped_bit_is_an_error_or_changes_nothing(tmp_path: Path) -> None:
    path, draws = tmp_path / "state.pt", random.Random(0)
    state = {"weights": {"a": torch.arange(20_000.0), "b": torch.ones(3)}, "step": 7}
    torch.save(state, path)
    whole = path.read_bytes()
    num_errors = 0
    for _ in range(100):
        flip(path, draws)
        try:
            found = load_tensors(path)
        except ValueError as error:
            num_errors += 1
            assert f"{path} is damaged" in str(error) and f"run `rm {path}`" in str(error)
        else:
            assert found["step"] == 7
            assert all(torch.equal(found["weights"][name], state["weights"][name]) for name in "ab")
        path.write_bytes(whole)
    assert num_errors > 80
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="is damaged"):
            load_tensors(path)


def test_code_in_a_pickle_is_not_run(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "ran",)  # type: ignore[return-value]

    torch.save({"step": Hostile()}, tmp_path / "state.pt")
    with pytest.raises(ValueError, match="is damaged"):
        load_tensors(tmp_path / "state.pt")
    assert not (tmp_path / "ran").exists()


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    """torch, given a path, would only say that a position is not the expected one."""
    (tmp_path / "state.tmp").symlink_to("/dev/full")
    with pytest.raises((OSError, RuntimeError)) as error:
        save_tensors({"a": torch.zeros(200_000)}, tmp_path / "state.pt")
    assert "the disk is full" in str(system_fault(error.value))
    assert not (tmp_path / "state.pt").exists()


def test_a_short_memory_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was told so would remove a sound checkpoint."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 40000000 bytes")

    save_tensors({"step": 7}, tmp_path / "state.pt")
    monkeypatch.setattr(torch, "load", fail)
    with pytest.raises(ValueError, match="can't allocate memory") as error:
        load_tensors(tmp_path / "state.pt")
    assert "the memory is full" in str(system_fault(error.value))
