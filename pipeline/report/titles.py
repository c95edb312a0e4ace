"""What methods, metrics and groups are called on the page, and which way they count."""

import math
from typing import Literal, NamedTuple

MODEL, PLAIN, OTHER_PHOTO = "model", "plain", "other_photo"
MASKED, ORIGINAL = "masked", "original"

METHODS = {
    MODEL: "the model",
    PLAIN: "the recipe without its adversary",
    OTHER_PHOTO: "another photo pasted in",
    MASKED: "the hole",
    ORIGINAL: "the original",
    "mean_color": "mean colour",
    "mean_color_blended": "mean colour, blended",
    "nearest": "nearest pixel",
    "telea": "Telea",
    "navier_stokes": "Navier-Stokes",
}
MEASURES = {
    "kid_scene": "KID, scene features",
    "fid_scene": "FID, scene features",
    "sliced_wasserstein": "sliced Wasserstein",
    "two_sample": "two-sample classifier",
    "kid_inception": "KID, Inception",
    "fid_inception": "FID, Inception",
    "lpips": "LPIPS",
}
SAMPLE_FIGURES = {
    "sliced_wasserstein": "sliced Wasserstein distance to the test photos (lower)",
    "sliced_wasserstein_floor": "the same of training photos: as low as it gets",
    "detail_ratio": "fine detail, 1 = as the test photos",
    "diversity": "diversity, 1 = as the test photos",
    "novelty": "distance to the nearest training photo, 1 = as unseen photos, 0 = copies",
}
SHEETS = {
    "kept": "kept, though a person box nearly has the score",
    "kept_small": "kept, since the person box is too small",
    "dropped": "dropped for a person box that hardly has the score",
    "dropped_small": "dropped for the smallest person boxes",
    "damaged": "dropped, since they decode with a warning only",
    "flat": "dropped, since they are nearly of one colour",
    "leaks": "pairs in different splits that look alike",
}
STRATA = {
    "hole_size": "size of the hole",
    "category": "category",
    "texture": "texture of the original",
    "border": "hole at the border",
}

Better = Literal["higher", "lower", "near 1"]


class Metric(NamedTuple):
    """How a figure is shown; `digits` stand behind the point."""

    name: str
    title: str
    unit: str
    digits: int
    better: Better

    def text(self, value: float) -> str:
        return f"{value:.{self.digits}f}".replace("-", "−")

    def signed(self, value: float) -> str:
        return f"{value:+.{self.digits}f}".replace("-", "−")

    def span(self, low: float, high: float) -> str:
        """Empty where there is no interval: of a single photo."""
        if math.isnan(low) or math.isnan(high):
            return ""
        return f"{self.text(low)} to {self.text(high)}"

    def signed_span(self, low: float, high: float) -> str:
        """Empty where there is no interval."""
        if math.isnan(low) or math.isnan(high):
            return ""
        return f"[{self.signed(low)}, {self.signed(high)}]"


# By the last word of a metric's name; the words before it say where it is taken.
_KINDS: dict[str, tuple[str, str, int, Better]] = {
    "psnr": ("PSNR", "dB", 2, "higher"),
    "ssim": ("SSIM", "", 3, "higher"),
    "l1": ("L1", "", 4, "lower"),
    "error": ("error", "", 4, "lower"),
    "ratio": ("ratio", "", 2, "near 1"),
}


def metric(name: str) -> Metric:
    """Of a metric that is not known by name, what its last word says."""
    *words, last = name.split("_")
    title, unit, digits, better = _KINDS.get(last, (last, "", 4, "lower"))
    return Metric(name, " ".join([*words, title]), unit, digits, better)


def method_title(name: str) -> str:
    return METHODS.get(name, name.replace("_", " "))


def measure_title(name: str) -> str:
    return MEASURES.get(name, name.replace("_", " "))


def stratum_title(name: str) -> str:
    return STRATA.get(name, name.replace("_", " "))


def is_baseline(method: str) -> bool:
    """A classical fill: neither trained nor the floor."""
    return method not in (MODEL, PLAIN, OTHER_PHOTO)
