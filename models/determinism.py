"""The same bytes from the same training: which of torch's operations may be used."""

import torch


def be_deterministic(device: torch.device) -> None:
    """On the CPU every operation, at no cost; a GPU pays for it and is left as it is."""
    # The same flag as use_deterministic_algorithms, which would first import torch's compiler, for
    # four seconds.
    torch.set_deterministic_debug_mode("error" if device.type == "cpu" else "default")
    # Would write NaN into every new tensor, which only serves to find bugs.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
