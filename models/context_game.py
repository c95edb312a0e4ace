"""The game of GANscape and GLCIC: a completion against a context discriminator."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from models import losses
from models.compose import composite
from models.networks.context_discriminator import ContextDiscriminator
from models.networks.layered_generator import LayeredGenerator
from models.recipe import Batch, Terms


@dataclass(frozen=True)
class ContextGame(ABC):
    """The terms of the updates in the phases I (generator), II (discriminator) and III (both)."""

    generator: LayeredGenerator
    discriminator: ContextDiscriminator
    completed: bool  # whether the discriminator sees completed images, or the raw output

    @abstractmethod
    def squared_error(self, output: Tensor, batch: Batch) -> Tensor:
        """Of the output, in the published range and domain."""

    def real_box(self, batch: Batch) -> Tensor:
        """What the local discriminator sees of real photos, (N, 4): what it sees of fakes."""
        return batch.box

    def fake(self, output: Tensor, batch: Batch) -> Tensor:
        """What the discriminator judges, (N, 3, S, S)."""
        return composite(output, batch.image, batch.mask) if self.completed else output

    def mse_terms(self, batch: Batch) -> Terms:
        """Phase I: squared error of the generator."""
        return {"mse": self.squared_error(self.generator(batch.image, batch.mask), batch)}

    def discriminator_terms(self, batch: Batch) -> Terms:
        """Phases II and III: tell real from fake."""
        fake = self.fake(self.generator(batch.image, batch.mask), batch)
        real_logits = self.discriminator(batch.image, self.real_box(batch))
        return losses.judgement(real_logits, self.discriminator(fake, batch.box))

    def joint_terms(self, batch: Batch) -> Terms:
        """Phase III: squared error, and logits of the fakes towards real."""
        output = self.generator(batch.image, batch.mask)
        logits = self.discriminator(self.fake(output, batch), batch.box)
        return {
            "mse": self.squared_error(output, batch),
            "adversarial": losses.real_loss(logits),
        }
