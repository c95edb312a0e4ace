"""What methods, metrics and groups are called on the page, which way they count, and plurals."""

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
    "sliced_wasserstein": "sliced Wasserstein distance to the test photos (lower is better)",
    "sliced_wasserstein_floor": "the same of training photos: as low as it gets",
    "detail_ratio": "fine detail (1: as the test photos)",
    "diversity": "diversity (1: as the test photos)",
    "novelty": "distance to the nearest training photo (1: as unseen photos, 0: copies)",
}
SHEETS = {
    "kept": "kept, though a person box nearly has the score",
    "kept_small": "kept, since the person box is too small",
    "dropped": "dropped for a person box that hardly has the score",
    "dropped_small": "dropped for the smallest person boxes",
    "damaged": "dropped, since they decode with a warning only",
    "flat": "dropped, since they are nearly of one colour",
    "groups": "the first three photos of the largest groups of near copies",
    "leaks": "pairs in different splits that look alike",
}
STRATA = {
    "hole_size": "size of the hole",
    "category": "category",
    "texture": "texture of the original",
    "border": "place of the hole",
}

MAX_DIGITS = 6  # behind the point; tables of figures have no more

Better = Literal["higher", "lower", "nearer to 1"]


class Metric(NamedTuple):
    """How a figure is shown; `digits` stand behind the point."""

    name: str
    title: str
    unit: str
    digits: int
    better: Better

    @property
    def heading(self) -> str:
        """Of a chart: title, unit and direction."""
        return f"{self.title}{f', {self.unit}' if self.unit else ''} ({self.better} is better)"

    @property
    def of_difference(self) -> "Metric":
        """What the paired difference of two methods is of; it always has a direction."""
        if self.better != "nearer to 1":
            return self
        return self._replace(title=f"distance of the {self.title} from 1", better="lower")

    def text(self, value: float) -> str:
        """With more digits where a value that is there would read as nothing."""
        return self._text(value, "")

    def signed(self, value: float) -> str:
        """As `text`; nothing has no sign."""
        return self._text(value, "+")

    def _text(self, value: float, sign: str) -> str:
        if round(value, MAX_DIGITS) == 0:
            return f"{0:.{self.digits}f}"
        digits = self.digits
        while round(value, digits) == 0:
            digits += 1
        return f"{value:{sign}.{digits}f}".replace("-", "−")

    def span(self, low: float, high: float) -> str:
        """Empty where there is no interval: the photos are too few."""
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
    "ratio": ("ratio", "", 2, "nearer to 1"),
    "diversity": ("diversity", "", 2, "nearer to 1"),
    "wasserstein": ("Wasserstein", "", 3, "lower"),
}
# What a training's own figures are, by the last word of their names; all others are loss terms.
_OF_UPDATES = {
    "accuracy": "0.5: as good as chance, 1: always right",
    "gradient_norm": "no direction: steady is well",
    "nonfinite_updates": "lower is better",
}


def metric(name: str) -> Metric:
    """A ValueError for one of which it is not known which way it counts."""
    *words, last = name.split("_")
    if last not in _KINDS:
        raise ValueError(
            f"the metric {name!r} ends in none of {', '.join(_KINDS)}: pipeline/report/titles.py "
            "has to say whether more of it is better"
        )
    title, unit, digits, better = _KINDS[last]
    return Metric(name, " ".join([*words, title]), unit, digits, better)


def history_title(name: str) -> str:
    """Of a figure in a training's history: its name there, and which way it counts."""
    group, *_, last = name.split("/")
    if group == "val":
        measure = metric(last)
        return f"{name}{f', {measure.unit}' if measure.unit else ''} ({measure.better} is better)"
    return f"{name} ({_OF_UPDATES.get(last, 'a term that its update lowers')})"


def counted(num: int, noun: str, plural: str = "") -> str:
    """1 photo, 1,234 photos; `plural` where the noun's does not end in s alone."""
    return f"{num:,} {noun if num == 1 else plural or f'{noun}s'}"


def method_title(name: str) -> str:
    return METHODS.get(name, name.replace("_", " "))


def measure_title(name: str) -> str:
    return MEASURES.get(name, name.replace("_", " "))


def stratum_title(name: str) -> str:
    return STRATA.get(name, name.replace("_", " "))


def is_baseline(method: str) -> bool:
    """A classical fill: neither trained nor the floor."""
    return method not in (MODEL, PLAIN, OTHER_PHOTO)
