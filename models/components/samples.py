"""Images that a Sampler draws, the same ones at every call for as many."""

import torch
from torch import Tensor

from models.components.generators import Sampler
from models.components.pixels import to_uint8
from models.recipe import seeded

SEED = 0  # of the latents
SAMPLES_AT_ONCE = 64


@torch.no_grad()
def draw_samples(generator: Sampler, num: int, device: torch.device) -> Tensor:
    """(num, S, S, 3) uint8 on `device`."""
    # Drawn on the CPU: a GPU's generator gives other numbers.
    with seeded(SEED, "samples"):
        latents = torch.randn(num, generator.latent_size).to(device)
    parts = [generator.sample(part) for part in torch.split(latents, SAMPLES_AT_ONCE)]
    return to_uint8(torch.cat(parts))
