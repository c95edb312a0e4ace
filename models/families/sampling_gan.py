"""The game of Goodfellow et al. 2014: a sampler against a discriminator, a step each on a batch."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.components import losses
from models.components.generators import Sampler
from models.components.optimizers import OptimizerOptions
from models.components.options import Options
from models.components.pixels import to_unit
from models.components.schedule import Phase, PhaseSchedule
from models.recipe import Batch, Recipe, Terms, Update, to_device


class GameOptimizers(Options):
    """One a network."""

    generator: OptimizerOptions
    discriminator: OptimizerOptions


@dataclass(frozen=True)
class SamplingGame:
    """The terms of the two updates; each draws noise of its own."""

    sampler: Sampler
    discriminator: nn.Module  # (N, 3, S, S) in [-1, 1] -> (N,) logits
    unit_reals: bool = False  # real photos come in [0, 1], which no fake keeps to

    def discriminator_terms(self, batch: Batch) -> Terms:
        """Tell real from fake, each in a batch of its own."""
        real = to_unit(batch.image) if self.unit_reals else batch.image
        return losses.judgement(self.discriminator(real), self.discriminator(self._fakes(batch)))

    def generator_terms(self, batch: Batch) -> Terms:
        """Logits of the fakes towards real (the loss that does not saturate)."""
        return {"adversarial": losses.real_loss(self.discriminator(self._fakes(batch)))}

    def _fakes(self, batch: Batch) -> Tensor:
        """As many as there are photos."""
        shape = len(batch.image), self.sampler.latent_size
        return self.sampler.sample(torch.randn(shape, device=batch.image.device))

    def recipe(
        self, generator: nn.Module, optimizers: GameOptimizers, device: torch.device
    ) -> Recipe:
        """`generator` is what is kept: the sampler, or a module that holds it.

        As published, neither network knows whether it is its turn: dropout and batch norms act in
        the other's update as in its own.
        """
        sampler, discriminator = self.sampler, self.discriminator
        networks = to_device({"generator": sampler, "discriminator": discriminator}, device)
        weights = {"real": 1.0, "fake": 1.0}
        return Recipe(
            generator=generator,
            networks=networks,
            optimizers={
                "generator": optimizers.generator.build(sampler.parameters()),
                "discriminator": optimizers.discriminator.build(discriminator.parameters()),
            },
            updates={
                "discriminator": Update(
                    "discriminator",
                    "discriminator",
                    self.discriminator_terms,
                    weights,
                    others_train=True,
                ),
                "generator": Update(
                    "generator",
                    "generator",
                    self.generator_terms,
                    {"adversarial": 1.0},
                    others_train=True,
                ),
            },
            schedule=PhaseSchedule([Phase((("discriminator", "generator"),), None)]),
        )
