"""How close completed 8-bit images are to the original; no randomness, no torch.

Inside the hole, over the box and over the whole image: PSNR, SSIM and L1. Across the hole's border:
the seam error. In the hole: the detail, of which many photos' ratio is made. Of the raw output: the
context's PSNR.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from pipeline.metrics.psnr import psnr
from pipeline.shards.rectangle import Rectangle

# Of many photos, and whether more is better. All are means over the photos but those in POOLED.
METRICS = {
    "hole_psnr": "higher",
    "hole_ssim": "higher",
    "hole_l1": "lower",
    "box_psnr": "higher",
    "box_ssim": "higher",
    "box_l1": "lower",
    "image_psnr": "higher",
    "image_ssim": "higher",
    "image_l1": "lower",
    "seam_error": "lower",
    "detail_ratio": "nearer to 1",
    "context_psnr": "higher",
}
# Quotients of the sums of two figures over the photos, see pooled_ratio.py: a photo has the two.
POOLED = {"detail_ratio": ("detail", "original_detail")}

# Of Wang et al. 2004: a Gaussian window, and what keeps quotients of flat places steady.
WINDOW, SIGMA = 11, 1.5  # px
STEADY_MEANS, STEADY_CONTRASTS = (0.01 * 255) ** 2, (0.03 * 255) ** 2
# OpenCV 5 blurs at most so many in one call (4: 512).
CHANNELS_AT_ONCE = 128

CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


def completion_metrics(
    completed: Sequence[np.ndarray], original: np.ndarray, mask: np.ndarray, box: Rectangle
) -> list[dict[str, float]]:
    """All figures of one photo but the context's, for each of several completions of it.

    HWC uint8 images; mask HW bool, True = completed pixels, at least one.
    """
    assert all(each.dtype == np.uint8 and each.shape == original.shape for each in completed)
    assert mask.dtype == bool and mask.any()
    found = []
    maps = ssim_maps(completed, original)
    original_detail = detail(original, mask)
    for picture, local in zip(completed, maps, strict=True):
        error = picture.astype(np.float64) - original
        areas = {
            "hole": (error[mask], local[mask]),
            "box": (error[box.rows, box.columns], local[box.rows, box.columns]),
            "image": (error, local),
        }
        scores: dict[str, float] = {}
        for area, (errors, similarities) in areas.items():
            scores[f"{area}_psnr"] = psnr(float(np.mean(errors**2)))
            scores[f"{area}_ssim"] = float(np.mean(similarities))
            scores[f"{area}_l1"] = float(np.mean(np.abs(errors))) / 255
        scores["seam_error"] = seam_error(picture, original, mask)
        scores["detail"], scores["original_detail"] = detail(picture, mask), original_detail
        found.append(scores)
    return found


def ssim_maps(completed: Sequence[np.ndarray], original: np.ndarray) -> list[np.ndarray]:
    """SSIM of each image at each pixel and channel, HWC; Wang et al. 2004.

    Windows at the hole's border see the context too; at the image's border they are mirrored, as
    in torchmetrics, whose value is the mean of the whole map. The means over the original's
    windows are taken once for all images.
    """
    truth = original.astype(np.float64)
    pictures = [picture.astype(np.float64) for picture in completed]
    planes = [truth, truth**2]
    for picture in pictures:
        planes += [picture, picture**2, picture * truth]
    mean_t, square_t, *means = _window_means(planes)
    contrast_t = square_t - mean_t**2
    maps = []
    for mean, square, product in zip(means[::3], means[1::3], means[2::3], strict=True):
        contrast, shared = square - mean**2, product - mean * mean_t
        likeness = (2 * mean * mean_t + STEADY_MEANS) * (2 * shared + STEADY_CONTRASTS)
        scale = (mean**2 + mean_t**2 + STEADY_MEANS) * (contrast + contrast_t + STEADY_CONTRASTS)
        maps.append(likeness / scale)
    return maps


def _window_means(planes: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Each plane (HWC) averaged over the window around each pixel; few calls, for speed."""
    channels = planes[0].shape[2]
    at_once = CHANNELS_AT_ONCE // channels
    blurred: list[np.ndarray] = []
    for start in range(0, len(planes), at_once):
        part = planes[start : start + at_once]
        means = cv2.GaussianBlur(
            np.concatenate(part, axis=2),
            (WINDOW, WINDOW),
            SIGMA,
            borderType=cv2.BORDER_REFLECT_101,
        )
        blurred += np.split(means, len(part), axis=2)
    return blurred


def seam_error(completed: np.ndarray, original: np.ndarray, mask: np.ndarray) -> float:
    """How wrong the gradients across and along the hole's border are, as a fraction of 255.

    Over the ring of pixels that have a neighbour on the border's other side (two px wide, across
    the border): the mean absolute difference, to the original's, of the steps between two
    neighbouring pixels of the ring of which one at least is completed. 0 = steps as in the truth;
    nan where the hole covers the image and there is no border.
    """
    hole = mask.astype(np.uint8)
    ring = (cv2.dilate(hole, CROSS) > 0) & ~(cv2.erode(hole, CROSS) > 0)
    errors = []
    for axis in (0, 1):
        steps = np.diff(completed.astype(np.int64), axis=axis)
        steps -= np.diff(original.astype(np.int64), axis=axis)
        both = _first(ring, axis) & _second(ring, axis)
        errors.append(steps[both & (_first(mask, axis) | _second(mask, axis))])
    all_errors = np.concatenate(errors)
    return float(np.abs(all_errors).mean()) / 255 if len(all_errors) else float("nan")


def detail(image: np.ndarray, mask: np.ndarray) -> float:
    """Fine detail of the hole: the sum of the squared Laplacian, in grey levels squared.

    Over the hole's pixels and channels. The Laplacian takes the differences to those of the four
    neighbours that lie in the hole as well, so that the seam does not count as detail. As in
    hole_figures.py: completed / original, each summed over all photos, is 1 where completions are
    as sharp as the originals, near 0 for smooth fills, and large for noise.
    """
    laplacian = np.zeros(image.shape, np.int64)
    for axis in (0, 1):
        steps = np.diff(image.astype(np.int64), axis=axis)
        steps *= (_first(mask, axis) & _second(mask, axis))[..., None]
        _first(laplacian, axis)[...] += steps
        _second(laplacian, axis)[...] -= steps
    return float(np.sum(laplacian[mask] ** 2))


def _first(values: np.ndarray, axis: int) -> np.ndarray:
    """A view of the first of each pair of neighbours along `axis`."""
    return values[:-1] if axis == 0 else values[:, :-1]


def _second(values: np.ndarray, axis: int) -> np.ndarray:
    return values[1:] if axis == 0 else values[:, 1:]


def context_psnr(output: np.ndarray, original: np.ndarray, mask: np.ndarray) -> float:
    """dB; what the raw output (HWC uint8) makes of the known pixels; nan where none is known."""
    if mask.all():
        return float("nan")
    return psnr(float(np.mean((output[~mask].astype(np.float64) - original[~mask]) ** 2)))
