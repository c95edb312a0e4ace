"""Completion with a sampler that knows no holes: the latents whose image fits the context.

Yeh et al. 2017, arXiv 1607.07539.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.components.compose import mask_out

# px; a known pixel weighs as much as there is hole in the window around it.
WINDOW = 7
# Standard normal latents stray further once in 400; the search is kept within.
MAX_LATENT = 3.0


@dataclass(frozen=True)
class LatentSearch:
    """How latents are looked for; each photo's are looked for by themselves."""

    num_steps: int
    lr: float  # of Adam on the latents
    prior_weight: float  # of log(1 - D(G(z))) beside the weighted L1 of the context

    def latents(
        self,
        sample: Callable[[Tensor], Tensor],  # (N, latent_size) -> (N, 3, S, S) in [-1, 1]
        judge: Callable[[Tensor], Tensor],  # (N, 3, S, S) -> (N,) logits, high = real
        latent_size: int,
        image: Tensor,
        mask: Tensor,
    ) -> Tensor:
        """image (N, 3, S, S) in [-1, 1], mask (N, 1, S, S), 1 = complete -> (N, latent_size).

        Begins at latents of torch's global generator. Takes gradients also where the caller takes
        none, and leaves none on the networks' weights.
        """
        # Drawn on the CPU, so that every device begins at the same place.
        start = torch.randn(len(image), latent_size).to(image.device)
        known, weight = mask_out(image, mask, fill=0.0), context_weight(mask)
        latents = start.clamp(-MAX_LATENT, MAX_LATENT).requires_grad_()
        optimizer = torch.optim.Adam([latents], lr=self.lr)
        for _ in range(self.num_steps):
            with torch.enable_grad():
                drawn = sample(latents)
                # z* = argmin_z  sum of W * |G(z) - y|  +  lambda * log(1 - D(G(z)))
                loss = context_loss(drawn, known, weight)
                loss = loss + self.prior_weight * prior_loss(judge(drawn))
                # Summed over the photos, whose latents do not touch each other; not .backward(),
                # which would leave gradients on the networks.
                (latents.grad,) = torch.autograd.grad(loss.sum(), [latents])
            optimizer.step()
            # Beyond it the sampler has seen nothing in training.
            latents.data.clamp_(-MAX_LATENT, MAX_LATENT)
        return latents.detach()


def context_weight(mask: Tensor) -> Tensor:
    """(N, 1, S, S): of each known pixel the share of hole around it; 0 for pixels of the hole."""
    # The nearer to the hole, the more of the window around a pixel is hole.
    around = functional.avg_pool2d(
        mask, WINDOW, stride=1, padding=WINDOW // 2, count_include_pad=False
    )
    return torch.where(mask > 0, 0.0, around)


def context_loss(output: Tensor, known: Tensor, weight: Tensor) -> Tensor:
    """(N,) weighted sums of absolute errors."""
    return ((output - known).abs() * weight).sum(dim=(1, 2, 3))


def prior_loss(logits: Tensor) -> Tensor:
    """(N,) log(1 - sigmoid(logits)): low where the discriminator says real."""
    return -functional.softplus(logits.float())
