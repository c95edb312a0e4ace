"""Loss terms: pure functions of tensors, each a scalar mean over a stated domain."""

from torch import Tensor
from torch.nn import functional


def squared_error_image(output: Tensor, image: Tensor) -> Tensor:
    """Mean over the whole image (N, C, H, W) of the squared error; GANscape's phase I."""
    return (output.float() - image.float()).square().mean()


def squared_error_hole(output: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    """Mean over the photos of the mean squared error over their hole pixels.

    Independent of the hole's area, unlike a mean of masked images over all pixels (GLCIC's
    reconstruction term), and the mean of what the parts of a batch give, as the loss of a batch
    shared among processes must be.
    """
    errors = ((output.float() - image.float()).square() * mask).sum(dim=(1, 2, 3))
    num_values = mask.sum(dim=(1, 2, 3)).clamp(min=1) * image.shape[1]  # no hole: no error
    return (errors / num_values).mean()


def real_loss(logits: Tensor) -> Tensor:
    """-log sigmoid(logits), mean over the batch: low where `logits` say real (Goodfellow 2014)."""
    return functional.softplus(-logits.float()).mean()


def fake_loss(logits: Tensor) -> Tensor:
    """-log(1 - sigmoid(logits)), mean over the batch: low where `logits` say fake."""
    return functional.softplus(logits.float()).mean()


def accuracy(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Share of the batch's real and fake images told right by the discriminator; chance: 0.5."""
    return ((real_logits > 0).float().mean() + (fake_logits <= 0).float().mean()) / 2
