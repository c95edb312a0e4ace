"""How close a completed 8-bit picture is to the original, inside the hole; no randomness."""

import numpy as np
from skimage.metrics import structural_similarity

# A perfect fill has no error to take the logarithm of.
PSNR_CAP = 60.0  # dB

METRICS = ("hole_psnr", "hole_l1", "hole_ssim")


def hole_metrics(completed: np.ndarray, original: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """All metrics of one picture: HWC uint8 twice, and HW bool, True = completed pixels."""
    return {
        "hole_psnr": hole_psnr(completed, original, mask),
        "hole_l1": hole_l1(completed, original, mask),
        "hole_ssim": hole_ssim(completed, original, mask),
    }


def hole_psnr(completed: np.ndarray, original: np.ndarray, mask: np.ndarray) -> float:
    """dB; the mean square is over the hole's pixels and channels. At most PSNR_CAP."""
    error = _difference(completed, original, mask)
    mean_square = float(np.mean(error**2))
    if mean_square == 0:
        return PSNR_CAP
    return min(10 * float(np.log10(255**2 / mean_square)), PSNR_CAP)


def hole_l1(completed: np.ndarray, original: np.ndarray, mask: np.ndarray) -> float:
    """Mean absolute difference over the hole, as a fraction of 255: 0 = equal."""
    return float(np.mean(np.abs(_difference(completed, original, mask)))) / 255


def hole_ssim(completed: np.ndarray, original: np.ndarray, mask: np.ndarray) -> float:
    """SSIM's local map (Wang et al. 2004: Gaussian 11x11, sigma 1.5), averaged over the hole.

    Windows at the hole's border see the context too; at the picture's border they are mirrored.
    """
    _, local = structural_similarity(  # type: ignore[no-untyped-call]
        completed,
        original,
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    return float(local[mask].mean())


def _difference(completed: np.ndarray, original: np.ndarray, mask: np.ndarray) -> np.ndarray:
    assert completed.dtype == original.dtype == np.uint8 and completed.shape == original.shape
    difference: np.ndarray = completed[mask].astype(np.float64) - original[mask]
    return difference
