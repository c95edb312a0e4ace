"""Loss terms: pure functions of tensors, each a scalar mean over a stated domain."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

# mode_seeking: a distance of two outputs below this multiple of their noises' counts as this.
SMALLEST_DISTANCE = 1e-5
# Of SSIM on [0, 1].
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2


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


def squared_error_masked(output: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    """Mean over the whole image of the squared error, counted in the hole alone.

    GLCIC's, as its implementations have it: the smaller the hole, the less it counts.
    """
    return ((output.float() - image.float()).square() * mask).mean()


def absolute_error_image(output: Tensor, image: Tensor) -> Tensor:
    """Mean over the whole image of the absolute error; pix2pix's L1."""
    return (output.float() - image.float()).abs().mean()


def absolute_error_hole(output: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    """Mean over the photos of the mean absolute error over their hole pixels."""
    return _mean_in((output.float() - image.float()).abs(), mask)


def dissimilarity_hole(output: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    """1 - SSIM of the completed image, mean over the photos of the means over their holes.

    Wang et al. 2004, with their Gaussian window of 11 px, constants and range [0, 1]; the window
    sees the context too. In full precision, also under autocast: differences of squares.
    """
    with torch.autocast(image.device.type, enabled=False):
        original = (image.float() + 1) / 2
        completed = torch.where(mask > 0, (output.float() + 1) / 2, original)
        pairs = torch.cat(
            [original, completed, original**2, completed**2, original * completed], dim=1
        )
        means = torch.split(_gaussian_means(pairs), image.shape[1], dim=1)
        first, second, first_square, second_square, product = means
        light = (2 * first * second + SSIM_C1) / (first**2 + second**2 + SSIM_C1)
        variances = first_square - first**2 + second_square - second**2
        structure = (2 * (product - first * second) + SSIM_C2) / (variances + SSIM_C2)
        return 1 - _mean_in(light * structure, mask)


def _gaussian_means(values: Tensor) -> Tensor:
    """(N, C, H, W), mirrored beyond its borders."""
    num, reach = values.shape[1], 5
    taps = torch.arange(-reach, reach + 1, device=values.device, dtype=values.dtype)
    kernel = torch.exp(-(taps**2) / (2 * 1.5**2))
    kernel = kernel / kernel.sum()
    padded = functional.pad(values, (reach,) * 4, mode="reflect")
    rows = functional.conv2d(padded, kernel.view(1, 1, -1, 1).expand(num, 1, -1, 1), groups=num)
    return functional.conv2d(rows, kernel.view(1, 1, 1, -1).expand(num, 1, 1, -1), groups=num)


def real_loss(logits: Tensor, where: Tensor | None = None) -> Tensor:
    """-log D, mean over the batch, D = sigmoid(logits): low where `logits` say real.

    Binary cross-entropy with the label 1 (Goodfellow et al. 2014).

    A patch discriminator's logits can be narrowed to those of some patches: `where` is 1 there,
    and the mean is that over the photos of the means over their patches.
    """
    # -log sigmoid(x) = log(1 + exp(-x)) = softplus(-x), which overflows nowhere. In full precision:
    # bf16 has some two decimal digits.
    return _mean(functional.softplus(-logits.float()), where)


def fake_loss(logits: Tensor, where: Tensor | None = None) -> Tensor:
    """-log(1 - D), mean as of `real_loss`: low where `logits` say fake; the label is 0."""
    # -log(1 - sigmoid(x)) = softplus(x)
    return _mean(functional.softplus(logits.float()), where)


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mask: Tensor
) -> Tensor:
    """Mean over the photos of (norm of the critic's gradient - 1) squared (Gulrajani et al. 2017).

    At a random point of the line between each real and fake photo, (N, C, H, W); the norm is that
    over the hole's pixels, in which alone completed photos differ (Yu et al. 2018). In full
    precision, also under autocast.
    """
    with torch.autocast(real.device.type, enabled=False):
        # between = e * y + (1 - e) * fake with e ~ U[0, 1], one a photo
        share = torch.rand(len(real), 1, 1, 1, device=real.device)
        between = torch.lerp(fake.detach().float(), real.float(), share).requires_grad_()
        # The sum's gradient is each photo's own: the critic has no batch norm. The graph is kept,
        # for the penalty is itself differentiated by the critic's weights.
        (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        # (N,); the derivative of a norm at 0 is not a number.
        norms = ((gradient * mask).square().sum(dim=(1, 2, 3)) + 1e-12).sqrt()
        return (norms - 1).square().mean()


def mode_seeking(
    outputs: tuple[Tensor, Tensor], noises: tuple[Tensor, Tensor], mask: Tensor
) -> Tensor:
    """Mean over the photos of noise distance / output distance (Mao et al. 2019).

    Low where two noises make two different completions. Distances are mean absolute differences,
    that of the outputs (N, C, H, W) over the hole; the noises are (N, ...).
    """
    one, other = (output.float() for output in outputs)
    apart = _each_mean_in((one - other).abs(), mask)  # (N,)
    # (N,); published is the inverse, maximised: this one is minimised.
    noise_apart = (noises[0] - noises[1]).abs().flatten(1).mean(dim=1)
    return (noise_apart / (apart + SMALLEST_DISTANCE * noise_apart)).mean()


def accuracy(real_logits: Tensor, fake_logits: Tensor, where: Tensor | None = None) -> Tensor:
    """Share of the batch's real and fake logits told right by the discriminator; chance: 0.5.

    Real is where the logit is above 0, that is D above 1/2.
    """
    right = _mean((real_logits > 0).float(), where) + _mean((fake_logits <= 0).float(), where)
    return right / 2


def feature_matching(features: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """Sum over the layers of the mean absolute difference of two images' features.

    A mean a layer, so that each counts alike, however many values it has.
    """
    pairs = zip(features, targets, strict=True)
    return torch.stack([absolute_error_image(one, other) for one, other in pairs]).sum()


def _mean(values: Tensor, where: Tensor | None) -> Tensor:
    return values.mean() if where is None else _mean_in(values, where)


def _mean_in(errors: Tensor, mask: Tensor) -> Tensor:
    """(N, C, H, W), (N, 1, H, W) -> the mean over the photos of each hole's mean; no hole: 0."""
    return _each_mean_in(errors, mask).mean()


def _each_mean_in(errors: Tensor, mask: Tensor) -> Tensor:
    """(N, C, H, W), (N, 1, H, W) -> (N,)."""
    num_values = mask.sum(dim=(1, 2, 3)).clamp(min=1) * errors.shape[1]
    return (errors * mask).sum(dim=(1, 2, 3)) / num_values
