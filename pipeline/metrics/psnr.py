"""Peak signal-to-noise ratio of 8-bit images."""

import math

# What has no error has an infinite ratio, which no mean survives.
PSNR_CAP = 60.0  # dB


def psnr(mean_square: float) -> float:
    """dB, at most PSNR_CAP; `mean_square` is that of the errors, in grey levels squared."""
    if mean_square == 0:
        return PSNR_CAP
    return min(10 * math.log10(255**2 / mean_square), PSNR_CAP)
