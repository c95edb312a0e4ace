"""Verdicts on a running training, from its logged figures alone; no torch.

A verdict looks at the newest rows of the history that have its figure; rows without it do not
count. It holds from the row that completes the number in the table until one breaks the rule. What
has fewer rows than that is not judged, and said not to be: see `judgement`.

Every training begins with smooth holes: an episode of that from the first row on is none where it
ends. Whether a generator is behind the classical fills is judged by `evaluate` on the test photos,
where their figures are (headline.py).

The adversarial share is the weighted adversarial term's part of the sizes of an update's weighted
terms, in each update that has it beside others; a weight of 0 is a choice and no fault.

| verdict                 | figure                  | rule                 | rows             |
|-------------------------|-------------------------|----------------------|------------------|
| discriminator_saturated | train/<update>/accuracy | >= 0.99              | each of 5        |
| discriminator_blind     | train/<update>/accuracy | 0.48..0.52; 0.4..0.6 | mean of 10; each |
| generator_ignored       | adversarial share       | < 1 %                | each of 5        |
| reconstruction_ignored  | adversarial share       | > 99 %               | each of 5        |
| mode_collapse           | val/diversity           | < 0.3                | each of 3        |
| context_lost            | val/seam_ratio          | > 2.5                | each of 3        |
| holes_smooth            | val/detail_ratio        | < 0.1                | each of 3        |
| diverging               | train/nonfinite_updates | > 0                  | each of 3        |
| diverging               | val/hole_l1 / its best  | > 1.5                | each of 3        |
| diverging               | val/sliced_wasserstein  | > 2 times its best   | each of 3        |
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile
from typing import Literal, NamedTuple

from pipeline.report.titles import counted

# A row of the history; what a rule looks at in it, None where the row does not have it.
Row = Mapping[str, float]
Rows = Sequence[Row]
Figure = Callable[[Row], float | None]
# update -> term -> weight in that update's loss
Weights = Mapping[str, Mapping[str, float]]

# The terms that tell, in any recipe, whose figure it is.
ACCURACY = "accuracy"  # a discriminator's share of real and fake told right
ADVERSARIAL = "adversarial"  # what the discriminator tells the generator

SATURATED, SATURATED_ROWS = 0.99, 5
# Over few photos a row, single rows of a blind discriminator stray further than their mean.
BLIND_MEAN, BLIND_ROW, BLIND_ROWS = 0.02, 0.1, 10  # around 0.5
IGNORED, IGNORED_ROWS = 0.01, 5
# Filling with each photo's own mean colour keeps 0.44 to 0.61 of real landscapes' diversity.
COLLAPSED, COLLAPSED_ROWS = 0.3, 3
# Real landscapes, holes of 22 px: mean colour 3.1 to 4.7 (forests: 1.7), classical fills 0.5 to
# 0.7, Telea with another photo's detail 1.1 to 1.7; the sample's generator 1.3 to 1.9.
LOOSE, LOOSE_ROWS = 2.5, 3
# Real landscapes, holes of 22 px, pooled: fills by smoothness
# alone 0.00 to 0.05, the truth blurred by 1 px 0.05 and by 0.5 px 0.40, copied patches 1.2.
SMOOTH, SMOOTH_ROWS = 0.1, 3
NONFINITE_ROWS = 3
WORSE, WORSE_ROWS = 1.5, 3
# Samples stray further than completions, which the context holds.
ASTRAY, ASTRAY_ROWS = 2.0, 3


@dataclass(frozen=True)
class Verdict:
    """What is wrong now, since the first of the rows that show it, and what to do."""

    name: str
    since_step: int
    message: str


@dataclass(frozen=True)
class Episode:
    """A stretch of the history that a verdict holds for, first and last row included."""

    name: str
    first_step: int
    last_step: int


def verdicts(rows: Rows, weights: Weights) -> list[Verdict]:
    """Those that hold at the newest rows; `weights` are the recipe's, by update and term.

    Two may share a name: several discriminators, or two signs of one fault. Looks no further back
    than it must, so that a training can ask at every row.
    """
    found = [rule.verdict(rows) for rule in _rules(rows, weights)]
    return [verdict for verdict in found if verdict is not None]


def episodes(rows: Rows, weights: Weights) -> list[Episode]:
    """Those of the whole history, by their first step."""
    found = [episode for rule in _rules(rows, weights) for episode in rule.episodes(rows)]
    return sorted(found, key=lambda episode: episode.first_step)


def judgement(rows: Rows, weights: Weights, *, is_behind: bool = False) -> str:
    """What is well and what nobody knows, in a sentence or two; empty where every rule was judged
    and one of them has found something. `is_behind`: there is a verdict of another kind.
    """
    num_validations = sum(1 for row in rows if any(name.startswith("val/") for name in row))
    num_judged = 0
    short: dict[tuple[str, int, int], list[str]] = {}
    for rule in _rules(rows, weights):
        # Of a figure that a recipe does not have there is nothing to say.
        values = [point.value for point in rule.points(rows)]
        num = sum(map(math.isfinite, values))
        is_due = num_validations == 0 if rule.of == "validation" else rule.is_due
        if num >= rule.num_rows:
            num_judged += 1
        elif values or is_due:
            names = short.setdefault((rule.of, num, rule.num_rows), [])
            names += [rule.name] if rule.name not in names else []
    sentences = []
    if num_judged and not episodes(rows, weights):
        looks = f"{counted(len(rows), 'row')} and {counted(num_validations, 'validation')}"
        sentences.append(
            f"No {'other ' if short or is_behind else ''}verdict against it in {looks}."
        )
    if short:
        missing = [
            f"{num} of {needed} {of}s ({', '.join(names)})"
            for (of, num, needed), names in sorted(short.items(), reverse=True)
        ]
        sentences.insert(0, f"Not judged: {'; '.join(missing)}.")
    return " ".join(sentences)


class Point(NamedTuple):
    """A figure at a step."""

    step: int
    value: float


@dataclass(frozen=True)
class Rule:
    """One line of the table."""

    name: str
    figure: Figure
    num_rows: int
    holds: Callable[[list[float]], bool]  # for the figures of `num_rows` rows; false for NaN
    text: str  # of the message, with a place for the newest figure
    of: Literal["row", "validation"] = "validation"  # what has the figure
    is_due: bool = False  # of a row: every training has the figure once it has done enough
    begins_so: bool = False  # every training: no fault of one in which it ends

    def verdict(self, rows: Rows) -> Verdict | None:
        """None where the newest rows are well."""
        windows = self._windows(self.points(reversed(rows)))
        holding = list(takewhile(self._holds, windows))
        if not holding:
            return None
        newest, oldest = holding[0][0], holding[-1][-1]
        return Verdict(self.name, oldest.step, self.text.format(newest.value))

    def episodes(self, rows: Rows) -> list[Episode]:
        """In the order of the steps."""
        windows = self._windows(self.points(rows))
        stretches = [list(group) for holds, group in groupby(windows, self._holds) if holds]
        found = [Episode(self.name, each[0][0].step, each[-1][-1].step) for each in stretches]
        if self.begins_so and found:
            steps = [point.step for point in self.points(rows)]
            if found[0].first_step == steps[0] and found[0].last_step < steps[-1]:
                return found[1:]
        return found

    def points(self, rows: Iterable[Row]) -> Iterator[Point]:
        for row in rows:
            value = self.figure(row)
            if value is not None:
                yield Point(int(row["step"]), value)

    def _windows(self, points: Iterator[Point]) -> Iterator[tuple[Point, ...]]:
        """Each `num_rows` neighbouring points."""
        window: deque[Point] = deque(maxlen=self.num_rows)
        for point in points:
            window.append(point)
            if len(window) == self.num_rows:
                yield tuple(window)

    def _holds(self, window: tuple[Point, ...]) -> bool:
        return self.holds([point.value for point in window])


def _rules(rows: Rows, weights: Weights) -> Iterator[Rule]:
    for update in weights:
        yield from _discriminator_rules(_column(f"train/{update}/{ACCURACY}"), update)
        names = {
            term: f"train/{update}/{term}" for term, weight in weights[update].items() if weight
        }
        if ADVERSARIAL in names and len(names) > 1:
            yield from _balance_rules(_adversarial_share(names, weights[update]), update)
    yield Rule(
        "mode_collapse",
        _column("val/diversity"),
        COLLAPSED_ROWS,
        lambda values: all(value < COLLAPSED for value in values),
        "val/diversity is {:.2f} of the originals': all holes, or all samples, are alike. "
        "Lower the generator's learning rate, or raise the weight of a reconstruction",
    )
    yield Rule(
        "context_lost",
        _column("val/seam_ratio"),
        LOOSE_ROWS,
        lambda values: all(value > LOOSE for value in values),
        "val/seam_ratio is {:.1f} times the originals': the holes do not fit their surroundings. "
        "Raise the reconstruction's weight, or train longer without the discriminator",
    )
    yield Rule(
        "holes_smooth",
        _column("val/detail_ratio"),
        SMOOTH_ROWS,
        lambda values: all(value < SMOOTH for value in values),
        "val/detail_ratio is {:.3f} of the originals': the holes, or samples, are smooth, as every "
        "training begins. If it stays so, raise the adversarial weight, or train longer with the "
        "discriminator",
        begins_so=True,
    )
    yield Rule(
        "diverging",
        _column("train/nonfinite_updates"),
        NONFINITE_ROWS,
        lambda values: all(value > 0 for value in values),
        "{:.0f} updates since the last row had a loss or gradient that is not finite. "
        "Lower the learning rates, or use train.precision: fp32",
        of="row",
        is_due=True,
    )
    yield Rule(
        "diverging",
        _relative_to_best(rows, "val/hole_l1"),
        WORSE_ROWS,
        lambda values: all(value > WORSE for value in values),
        "val/hole_l1 is {:.1f} times its best. Lower the learning rates or the adversarial weight",
    )
    yield Rule(
        "diverging",
        _relative_to_best(rows, "val/sliced_wasserstein"),
        ASTRAY_ROWS,
        lambda values: all(value > ASTRAY for value in values),
        "val/sliced_wasserstein is {:.1f} times its best. Lower the learning rates",
    )


def _discriminator_rules(accuracy: Figure, update: str) -> Iterator[Rule]:
    yield Rule(
        "discriminator_saturated",
        accuracy,
        SATURATED_ROWS,
        lambda values: all(value >= SATURATED for value in values),
        f"train/{update}/{ACCURACY} is {{:.3f}}: the generator learns nothing from it. "
        "Lower the discriminator's learning rate, or shorten its phase",
        of="row",
    )
    yield Rule(
        "discriminator_blind",
        accuracy,
        BLIND_ROWS,
        _is_blind,
        f"train/{update}/{ACCURACY} is {{:.3f}}, as good as chance: it tells the generator "
        "nothing. Raise the discriminator's learning rate or width, or lengthen its phase",
        of="row",
    )


def _is_blind(values: list[float]) -> bool:
    near = all(abs(value - 0.5) <= BLIND_ROW for value in values)
    return near and abs(math.fsum(values) / len(values) - 0.5) <= BLIND_MEAN


def _balance_rules(share: Figure, update: str) -> Iterator[Rule]:
    where = f"{{:.1%}} of the loss of update {update} is its adversarial term"
    yield Rule(
        "generator_ignored",
        share,
        IGNORED_ROWS,
        lambda values: all(value < IGNORED for value in values),
        f"{where}: what the discriminator says does not count. Raise the adversarial weight",
        of="row",
        is_due=True,
    )
    yield Rule(
        "reconstruction_ignored",
        share,
        IGNORED_ROWS,
        lambda values: all(value > 1 - IGNORED for value in values),
        f"{where}: the reconstruction does not count. Lower the adversarial weight, or raise "
        "the reconstruction's",
        of="row",
        is_due=True,
    )


def _column(name: str) -> Figure:
    return lambda row: row.get(name)


def _adversarial_share(names: Mapping[str, str], weights: Mapping[str, float]) -> Figure:
    """0..1, of the terms whose columns are `names`; by sizes, since some losses are negative."""

    def share(row: Row) -> float | None:
        if not all(name in row for name in names.values()):
            return None
        sizes = {term: abs(weights[term] * row[name]) for term, name in names.items()}
        total = sum(sizes.values())
        return sizes[ADVERSARIAL] / total if total else None

    return share


def _relative_to_best(rows: Rows, name: str) -> Figure:
    """As a multiple of the least so far."""
    best, multiples = math.inf, {}
    for row in rows:
        if name in row:
            best = min(best, row[name])
            # Nothing is a multiple of 0: equal to it is 1, all else beyond any bound.
            multiples[row["step"]] = row[name] / best if best else (math.inf if row[name] else 1.0)
    return lambda row: multiples.get(row["step"])
