"""bf16 on a processor: only where it works."""

import pytest
import torch
from torch import Tensor, nn

from pipeline.training import precision

CPU = torch.device("cpu")


def has_instructions(answer: bool) -> object:
    return type("Ops", (), {"_is_mkldnn_bf16_supported": staticmethod(lambda: answer)})


def test_a_processor_without_the_instructions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.ops, "mkldnn", has_instructions(False), raising=False)
    with pytest.raises(ValueError, match="no instructions for it .* use fp32, or auto"):
        precision.check_bf16(CPU)


def test_a_wrong_gradient_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.ops, "mkldnn", has_instructions(True), raising=False)
    right = precision._gradient

    def wrong(layer: nn.Module, photos: Tensor, in_bf16: bool) -> Tensor:
        gradient = right(layer, photos, False)
        return gradient + 0.1 * gradient.roll(1) if in_bf16 and photos.shape[-1] == 1 else gradient

    monkeypatch.setattr(precision, "_gradient", wrong)
    with pytest.raises(ValueError, match=r"off by \d+% of their size, and at most 5% is rounding"):
        precision.check_bf16(CPU)
    monkeypatch.setattr(precision, "_gradient", lambda *every: right(*every) * float("nan"))
    with pytest.raises(ValueError, match="off by inf"):
        precision.check_bf16(CPU)


def test_rounding_passes_and_no_random_number_is_used_up() -> None:
    """Without the instructions torch computes the same, slowly."""
    torch.manual_seed(1)
    first = torch.rand(1)
    torch.manual_seed(1)
    assert precision._largest_error() < 0.02
    assert torch.equal(torch.rand(1), first)
