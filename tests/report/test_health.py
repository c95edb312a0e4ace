"""Verdicts on scripted histories, and on fills of real photos for the thresholds."""

import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.inpainting import baselines
from pipeline.metrics.hole_figures import hole_figures
from pipeline.report import health
from pipeline.report.health import Episode, Verdict, episodes, judgement, verdicts
from support.cutters import cutter

WEIGHTS = {
    "mse": {"mse": 1.0},
    "discriminator": {"real": 1.0, "fake": 1.0},
    "joint": {"mse": 1.0, "adversarial": 0.003},
}
HEALTHY = {
    "train/mse/mse": 0.01,
    "train/mse/gradient_norm": 0.1,
    "train/discriminator/real": 0.4,
    "train/discriminator/fake": 0.5,
    "train/discriminator/accuracy": 0.8,
    "train/joint/mse": 0.01,
    "train/joint/adversarial": 2.0,
    "train/nonfinite_updates": 0.0,
}
HEALTHY_VAL = {
    "val/hole_l1": 0.1,
    "val/hole_psnr": 19.0,
    "val/seam_ratio": 1.5,
    "val/detail_ratio": 0.3,
    "val/diversity": 0.9,
    "val/sliced_wasserstein": 0.2,
}
ACCURACY, JOINT = "train/discriminator/accuracy", "train/joint/adversarial"
SEAM, DIVERSITY, L1 = "val/seam_ratio", "val/diversity", "val/hole_l1"
DISTANCE, DETAIL = "val/sliced_wasserstein", "val/detail_ratio"


def history(name: str, values: list[float | None]) -> list[dict[str, float]]:
    """A healthy row every 50 steps; `values` are the figure's, None = the row lacks it."""
    rows = []
    for number, value in enumerate(values, start=1):
        row = {"step": 50 * number, "images": 800 * number} | HEALTHY | HEALTHY_VAL
        del row[name]
        rows.append(row if value is None else row | {name: value})
    return rows


def told_at(rows: list[dict[str, float]]) -> dict[str, list[int]]:
    """By verdict, the numbers of the rows (from 1) after which it holds."""
    found: dict[str, list[int]] = {}
    for number in range(1, len(rows) + 1):
        for verdict in verdicts(rows[:number], WEIGHTS):
            found.setdefault(verdict.name, []).append(number)
    return found


# (verdict, figure, well, just well, sick, rows)
RULES = [
    ("discriminator_saturated", ACCURACY, 0.8, 0.9899, 0.99, 5),
    ("generator_ignored", JOINT, 2.0, 0.0337, 0.0335, 5),  # of 0.01: 1.001 % and 0.995 %
    ("reconstruction_ignored", JOINT, 2.0, 329.0, 331.0, 5),  # 98.997 % and 99.003 %
    ("mode_collapse", DIVERSITY, 0.9, 0.3, 0.29, 3),
    ("context_lost", SEAM, 1.0, 2.5, 2.51, 3),
    ("holes_smooth", DETAIL, 0.3, 0.1, 0.099, 3),
    ("diverging", "train/nonfinite_updates", 0, 0, 1, 3),
    ("diverging", L1, 0.1, 0.15, 0.151, 3),
    ("diverging", DISTANCE, 0.2, 0.4, 0.401, 3),
]
rules = pytest.mark.parametrize(("name", "figure", "well", "just_well", "sick", "num"), RULES)


@rules
def test_a_verdict_comes_at_its_row_and_goes_with_the_fault(
    name: str, figure: str, well: float, just_well: float, sick: float, num: int
) -> None:
    values: list[float | None] = [well, *[sick] * (num + 2), just_well, *[sick] * num, well]
    rows = history(figure, values)
    first, second = 1 + num, 1 + num + 2 + 1 + num
    assert told_at(rows) == {name: [first, first + 1, first + 2, second]}
    (verdict,) = verdicts(rows[:first], WEIGHTS)
    assert verdict.since_step == 50 * 2
    assert episodes(rows, WEIGHTS) == [
        Episode(name, 50 * 2, 50 * (first + 2)),
        Episode(name, 50 * (num + 5), 50 * second),
    ]


@rules
def test_one_row_less_is_no_verdict(
    name: str, figure: str, well: float, just_well: float, sick: float, num: int
) -> None:
    values: list[float | None] = [well, *[*[sick] * (num - 1), just_well] * 4]
    assert told_at(history(figure, values)) == {}
    assert episodes(history(figure, values), WEIGHTS) == []


@rules
def test_rows_without_the_figure_do_not_count(
    name: str, figure: str, well: float, just_well: float, sick: float, num: int
) -> None:
    values: list[float | None] = [well]
    for _ in range(num):
        values += [None, None, sick]
    rows = history(figure, [*values, None, well])
    last = len(values)
    assert told_at(rows) == {name: [last, last + 1]}
    assert episodes(rows, WEIGHTS) == [Episode(name, 50 * 4, 50 * last)]


@rules
def test_what_is_not_a_number_is_no_verdict(
    name: str, figure: str, well: float, just_well: float, sick: float, num: int
) -> None:
    values: list[float | None] = [well, *[sick] * (num - 1), *[math.nan] * (num + 1)]
    assert told_at(history(figure, values)) == {}


def test_blind_is_a_mean() -> None:
    """Of a coin's throws each row strays; ten together do not. One clear row ends it."""
    throws = [0.5 + side * 0.06 for side in (1, -1, -1, 1, 1, -1, 1, -1, -1, 1)]
    rows = history(ACCURACY, [0.8, 0.8, *throws, 0.75])
    assert told_at(rows) == {"discriminator_blind": [12]}
    assert episodes(rows, WEIGHTS) == [Episode("discriminator_blind", 150, 600)]
    assert told_at(history(ACCURACY, [0.53] * 30)) == {}
    assert told_at(history(ACCURACY, [0.47] * 30)) == {}
    assert told_at(history(ACCURACY, [0.5] * 9)) == {}
    assert told_at(history(ACCURACY, [0.3, 0.7] * 10)) == {}  # it swings: no coin


def test_a_healthy_history_has_none() -> None:
    """Noisy, with rows that lack a phase or the validation, and better from row to row."""
    rng = random.Random(0)
    rows = []
    for number in range(400):
        noise = rng.uniform(0.7, 1.3)
        row = {"step": number * 50, "images": number * 800} | HEALTHY
        row[ACCURACY] = rng.uniform(0.6, 0.97)
        row[JOINT] = 2 * noise
        row["train/joint/mse"] = 0.02 * noise / (1 + number / 100)
        if number % 3 == 0:
            row = {key: value for key, value in row.items() if not key.startswith("train/joint")}
        if number % 10 == 0:
            row |= HEALTHY_VAL | {
                L1: 0.1 * rng.uniform(0.9, 1.1),
                SEAM: 1.8 * noise,
                DIVERSITY: 0.8 * noise,
            }
        rows.append(row)
    assert told_at(rows) == {}
    assert episodes(rows, WEIGHTS) == []


def test_no_rows_no_verdicts() -> None:
    assert verdicts([], WEIGHTS) == []
    assert episodes([], WEIGHTS) == []
    assert verdicts(history(ACCURACY, [1.0] * 9), {}) == []


@pytest.mark.parametrize("seed", range(20))
def test_verdicts_are_the_episodes_that_last(seed: int) -> None:
    """After any row of any history; what holds now began where its episode begins."""
    rng = random.Random(seed)
    figures = {ACCURACY: (0.5, 0.995), JOINT: (0.02, 400), DIVERSITY: (0.2, 0.9), SEAM: (1, 3)}
    rows = []
    for number in range(60):
        row = {"step": number * 50} | HEALTHY | HEALTHY_VAL
        for name, levels in figures.items():
            row[name] = levels[rng.random() < 0.85]
            if rng.random() < 0.2:
                del row[name]
        rows.append(row)
    num_told = 0
    for end in range(len(rows) + 1):
        last_steps = {
            name: max([row["step"] for row in rows[:end] if name in row], default=-1)
            for name in figures
        }
        told = [(v.name, v.since_step) for v in verdicts(rows[:end], WEIGHTS)]
        open_ones = [
            (each.name, each.first_step)
            for each in episodes(rows[:end], WEIGHTS)
            if each.last_step == last_steps[FIGURE_OF[each.name]]
        ]
        assert sorted(told) == sorted(open_ones)
        num_told += len(told)
    assert num_told > 0


FIGURE_OF = {
    "discriminator_saturated": ACCURACY,
    "discriminator_blind": ACCURACY,
    "generator_ignored": JOINT,
    "reconstruction_ignored": JOINT,
    "mode_collapse": DIVERSITY,
    "context_lost": SEAM,
}


def test_the_published_weights_ignore_the_reconstruction() -> None:
    """1:1 on a squared error of 0.01, beside 0.003:1 on the same figures."""
    rows = history(ACCURACY, [0.8] * 5)
    published = WEIGHTS | {"joint": {"mse": 1.0, "adversarial": 1.0}}
    (verdict,) = verdicts(rows, published)
    assert verdict == Verdict(
        "reconstruction_ignored",
        50,
        "99.5% of the loss of update joint is its adversarial term: the reconstruction does not "
        "count. Lower the adversarial weight, or raise the reconstruction's",
    )
    assert verdicts(rows, WEIGHTS) == []


@pytest.mark.parametrize("weights", [{"adversarial": 1.0}, {"mse": 1.0, "adversarial": 0.0}])
def test_what_is_weighed_alone_or_not_at_all_is_a_choice(weights: dict[str, float]) -> None:
    assert verdicts(history(ACCURACY, [0.8] * 20), {"joint": weights}) == []


def test_a_negative_term_has_a_size() -> None:
    """A critic's score has any sign."""
    weights = {"joint": {"mse": 1.0, "adversarial": 1.0}}
    assert verdicts(history(JOINT, [-0.01] * 9), weights) == []
    assert told_at(history(JOINT, [-40.0] * 5)) == {}  # 0.12 against 0.01
    (verdict,) = verdicts(history(JOINT, [-40.0] * 5), weights)
    assert verdict.name == "reconstruction_ignored"


def test_a_critics_distance_is_no_fault_of_either_kind() -> None:
    """As `wgan` reports it: some units, of either sign for a step, beside an error near 0.15."""
    weights = {
        "critic": {"real": -1.0, "fake": 1.0, "penalty": 10.0},
        "completion": {"l1": 1.0, "diversity": 0.001, "adversarial": 0.001},
    }
    rows = [
        {
            "step": step,
            "train/critic/real": 40.0,
            "train/critic/fake": 40.0 - distance,
            "train/critic/penalty": 0.02,
            "train/completion/l1": 0.15,
            "train/completion/diversity": 12.0,
            "train/completion/adversarial": distance,
        }
        for step, distance in enumerate([4.0, 6.0, -3.0, 8.0, 5.0] * 4)
    ]
    assert verdicts(rows, weights) == []


def test_two_discriminators_are_told_apart() -> None:
    weights = {"global": {"real": 1.0}, "local": {"real": 1.0}}
    accuracies = {"train/global/accuracy": 0.8, "train/local/accuracy": 1.0}
    rows = [{"step": number} | accuracies for number in range(1, 6)]
    (verdict,) = verdicts(rows, weights)
    assert verdict.name == "discriminator_saturated"
    assert verdict.message.startswith("train/local/accuracy is 1.000")


def test_a_perfect_validation_is_no_divergence() -> None:
    assert told_at(history(L1, [0.0] * 9)) == {}
    assert told_at(history(L1, [0.0, 0.1, 0.1, 0.1])) == {"diverging": [4]}


def test_every_training_begins_with_smooth_holes() -> None:
    """It is a verdict while it lasts, and an episode where it lasted to the end or came back."""
    rows = history(DETAIL, [0.02] * 5)
    assert told_at(rows) == {"holes_smooth": [3, 4, 5]}
    assert episodes(rows, WEIGHTS) == [Episode("holes_smooth", 50, 250)]
    grown_up = history(DETAIL, [0.02] * 5 + [0.4] * 5)
    assert episodes(grown_up, WEIGHTS) == []
    again = history(DETAIL, [0.02] * 5 + [0.4] + [0.02] * 4)
    assert episodes(again, WEIGHTS) == [Episode("holes_smooth", 350, 500)]


def test_few_rows_are_not_judged() -> None:
    """A training with one validation has nothing said for it."""
    validated = {"step": 600} | HEALTHY | HEALTHY_VAL
    assert judgement([validated], WEIGHTS) == (
        "Not judged: 1 of 3 validations (mode_collapse, context_lost, holes_smooth, diverging); "
        "1 of 10 rows (discriminator_blind); "
        "1 of 5 rows (discriminator_saturated, generator_ignored, reconstruction_ignored); "
        "1 of 3 rows (diverging)."
    )
    rows = [{"step": 50 * number} | HEALTHY for number in range(12)]
    assert judgement([*rows, validated], WEIGHTS) == (
        "Not judged: 1 of 3 validations (mode_collapse, context_lost, holes_smooth, diverging). "
        "No other verdict against it in 13 rows and 1 validation."
    )
    assert judgement(rows, WEIGHTS).startswith("Not judged: 0 of 3 validations (mode_collapse,")


def test_what_was_judged_is_said() -> None:
    rows = history(ACCURACY, [0.8] * 12)
    assert judgement(rows, WEIGHTS) == "No verdict against it in 12 rows and 12 validations."
    assert judgement(history(ACCURACY, [0.8] * 6 + [1.0] * 6), WEIGHTS) == ""
    # A recipe without completions has no seam, and an update without accuracy no discriminator.
    assert judgement([{k: row[k] for k in row if k != SEAM} for row in rows], WEIGHTS) == (
        "No verdict against it in 12 rows and 12 validations."
    )
    untrained = [{k: row[k] for k in row if "joint" not in k} for row in rows]
    assert judgement(untrained, WEIGHTS).startswith(
        "Not judged: 0 of 5 rows (generator_ignored, reconstruction_ignored). No other verdict"
    )


def test_figures_that_are_no_numbers_judge_nothing() -> None:
    rows = history(SEAM, [math.nan] * 12)
    assert "context_lost" not in judgement(history(SEAM, [1.0] * 12), WEIGHTS)
    assert judgement(rows, WEIGHTS).startswith("Not judged: 0 of 3 validations (context_lost)")


def test_no_torch() -> None:
    names = "'torch' in sys.modules, 'numpy' in sys.modules"
    code = f"import sys, pipeline.report.health; print({names})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False False\n"


def landscapes(shared: Path, num: int) -> tuple[Any, Any, Any]:
    """Real photos at 64x64, their holes of 22x22 px, and boxes."""
    images = []
    for path in sorted((shared / "data/landscapes256/landscape").glob("*.jpg"))[:num]:
        with Image.open(path) as photo:
            images.append(np.array(photo.convert("RGB").resize((64, 64), Image.Resampling.BOX)))
    assert len(images) == num
    holes = cutter("box", side_min=22, side_max=22).cut("landscapes", num)
    return np.stack(images), holes.masks, holes.boxes


def test_the_thresholds_part_good_fills_from_bad_on_real_landscapes(shared: Path) -> None:
    images, masks, boxes = landscapes(shared, num=64)
    fills: dict[str, Any] = {
        name: np.stack([fill(*pair) for pair in zip(images, masks, strict=True)])
        for name, fill in baselines.FILLS.items()
    }
    fills["grey"] = np.full_like(images, 128)
    figures = {
        name: hole_figures(
            torch.from_numpy(np.where(masks[..., None], filled, images)),
            torch.from_numpy(images),
            torch.from_numpy(masks)[:, None],
            torch.from_numpy(boxes),
        )
        for name, filled in fills.items()
    }
    loose = {name for name, each in figures.items() if each["seam_ratio"] > health.LOOSE}
    assert loose == {"mean_color", "grey"}
    smooth = {name for name, each in figures.items() if each["detail_ratio"] < health.SMOOTH}
    assert smooth == set(figures) - {"nearest", "patch_copy"}
    collapsed = {name for name, each in figures.items() if each["diversity"] < health.COLLAPSED}
    assert collapsed == {"grey"}
