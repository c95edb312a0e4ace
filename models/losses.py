"""Loss terms: pure functions of tensors, each a scalar mean over a stated domain."""

from collections.abc import Sequence

import torch
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
    return _mean_in((output.float() - image.float()).square(), mask)


def absolute_error_image(output: Tensor, image: Tensor) -> Tensor:
    """Mean over the whole image of the absolute error; pix2pix's L1."""
    return (output.float() - image.float()).abs().mean()


def absolute_error_hole(output: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    """Mean over the photos of the mean absolute error over their hole pixels."""
    return _mean_in((output.float() - image.float()).abs(), mask)


def real_loss(logits: Tensor, where: Tensor | None = None) -> Tensor:
    """-log sigmoid(logits), mean over the batch: low where `logits` say real (Goodfellow 2014).

    A patch discriminator's logits can be narrowed to those of some patches: `where` is 1 there,
    and the mean is that over the photos of the means over their patches.
    """
    return _mean(functional.softplus(-logits.float()), where)


def fake_loss(logits: Tensor, where: Tensor | None = None) -> Tensor:
    """-log(1 - sigmoid(logits)), mean as of `real_loss`: low where `logits` say fake."""
    return _mean(functional.softplus(logits.float()), where)


def accuracy(real_logits: Tensor, fake_logits: Tensor, where: Tensor | None = None) -> Tensor:
    """Share of the batch's real and fake logits told right by the discriminator; chance: 0.5."""
    right = _mean((real_logits > 0).float(), where) + _mean((fake_logits <= 0).float(), where)
    return right / 2


def judgement(
    real_logits: Tensor, fake_logits: Tensor, where: Tensor | None = None
) -> dict[str, Tensor]:
    """A discriminator's terms `real` and `fake`, and its `accuracy`, which is only reported."""
    return {
        "real": real_loss(real_logits, where),
        "fake": fake_loss(fake_logits, where),
        "accuracy": accuracy(real_logits, fake_logits, where),
    }


def feature_matching(features: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """Sum over the layers of the mean absolute difference of two pictures' features."""
    pairs = zip(features, targets, strict=True)
    return torch.stack([absolute_error_image(one, other) for one, other in pairs]).sum()


def _mean(values: Tensor, where: Tensor | None) -> Tensor:
    return values.mean() if where is None else _mean_in(values, where)


def _mean_in(errors: Tensor, mask: Tensor) -> Tensor:
    """(N, C, H, W), (N, 1, H, W) -> the mean over the photos of each hole's mean; no hole: 0."""
    num_values = mask.sum(dim=(1, 2, 3)).clamp(min=1) * errors.shape[1]
    return ((errors * mask).sum(dim=(1, 2, 3)) / num_values).mean()
