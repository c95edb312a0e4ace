"""What bench/train.py measured of a recipe, as markdown."""

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from train_rungs import EAGER, LIMIT, OURS, PEER, Setup, Updates

# GANscape's published training.
PUBLISHED_PHOTOS, PUBLISHED_EPOCHS, ROW_EPOCHS = 172_703, 220, 10

# The costs that are also targets, or come beside the rounds.
FEEDING, ROW, VALIDATION = "feeding, resident photos", "row of the history", "validation and grid"
CHECKPOINT = "checkpoint in all"

# Rung -> phase -> seconds a step in each round.
Times = dict[str, dict[Updates, list[float]]]


@dataclass(frozen=True)
class Cost:
    """Of what comes beside the updates, timed for itself."""

    seconds: float  # each time
    every: int  # steps


@dataclass(frozen=True)
class Figures:
    """What was measured of one recipe."""

    setup: Setup
    shares: dict[Updates, float]
    times: Times
    costs: dict[str, Cost]
    streamed: tuple[float, float] | None  # as `streaming` tells

    @property
    def beside(self) -> float:
        """Seconds a step of what comes too seldom for a round, in the mean."""
        seldom = [self.costs[name] for name in (ROW, VALIDATION, CHECKPOINT)]
        return sum(cost.seconds / cost.every for cost in seldom)

    def share(self, name: str) -> float:
        """Of a cost in the time of ours."""
        cost = self.costs[name]
        return cost.seconds / cost.every / self.step

    def rounds(self, rung: str, updates: Updates | None = None) -> list[float]:
        """Seconds a step, round by round; without `updates` the mean step of an epoch."""
        added = self.beside if rung == OURS else 0.0
        if updates is not None:
            return [seconds + added for seconds in self.times[rung][updates]]
        each = [
            [share * seconds for seconds in self.times[rung][phase]]
            for phase, share in self.shares.items()
        ]
        return [sum(parts) + added for parts in zip(*each, strict=True)]

    def rate(self, rung: str, updates: Updates | None = None) -> float:
        """Images/s: the median of the rounds."""
        return self.setup.batch_size / median(self.rounds(rung, updates))

    def ratio(self, rung: str, other: str, updates: Updates | None = None) -> float:
        """How many times the rate of `other`: the median of what each round gives."""
        pairs = zip(self.rounds(rung, updates), self.rounds(other, updates), strict=True)
        return median(seconds_of_other / seconds for seconds, seconds_of_other in pairs)

    @property
    def step(self) -> float:
        """Seconds of ours, mean step of an epoch."""
        return median(self.rounds(OURS))


def heading(setup: Setup) -> str:
    """Where and how."""
    device, train = setup.device, setup.train
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
    what = "random photos" if setup.crop_dir is None else "photos of the sample"
    return (
        f"# Training on {name}\n\n"
        f"{os.cpu_count()} CPU cores, torch {torch.__version__}, batch {train.batch_size}, "
        f"{len(setup.photos):,} {what} of {setup.meta['image_size']} px. Images/s, medians of "
        f"{setup.rounds} rounds taken in turn; the ratios are medians of each round's own. Load "
        f"before the start: {os.getloadavg()[0]:.1f}."
    )


def processor() -> str:
    """Of this machine."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def ladder(figures: Figures) -> str:
    """A row a rung: images/s in each phase and in the mean of an epoch."""
    phases = [f"{' + '.join(each)} ({share:.0%})" for each, share in figures.shares.items()]
    rows = [
        [
            name,
            *(f"{figures.rate(name, updates):,.0f}" for updates in figures.shares),
            f"{figures.rate(name):,.0f}",
            f"{figures.ratio(name, EAGER):.2f}",
        ]
        for name in figures.times
    ]
    return table(["rung", *phases, "an epoch", "times eager"], rows)


def cost_table(figures: Figures) -> str:
    """What comes beside the updates, as a share of the time of ours."""
    rows = [
        [name, f"{1000 * cost.seconds:.2f} ms", f"{cost.every} steps", f"{figures.share(name):.2%}"]
        for name, cost in figures.costs.items()
    ]
    text = table(["beside the updates", "each", "every", "share of ours"], rows)
    if figures.streamed is None:
        return text + "\n\nStreaming was not measured: no shards, or a pass takes too long."
    share, times = figures.streamed
    return text + (
        f"\n\nStreamed photos: the steps of the fastest phase spend {share:.2%} of their time "
        f"waiting for batches, and take {times:.2f} times as long as with resident photos."
    )


def targets(figures: Figures) -> str:
    """What issue and README promise, reached or not."""
    hours = PUBLISHED_PHOTOS * PUBLISHED_EPOCHS / figures.rate(OURS) / 3600
    minutes = PUBLISHED_PHOTOS * ROW_EPOCHS / figures.rate(OURS) / 60
    feeding, keeping = figures.share(FEEDING), figures.share(CHECKPOINT)
    on_gpu = figures.setup.device.type == "cuda"
    last = list(figures.shares)[-1]
    slowest = min(figures.ratio(OURS, EAGER, updates) for updates in figures.shares)
    over_peer, over_eager = figures.ratio(OURS, PEER), figures.ratio(OURS, EAGER)
    rows = [
        _target("feeding under 2 % of a step", f"{feeding:.2%}", feeding < 0.02),
        _target("checkpoints under 1 %", f"{keeping:.2%}", keeping < 0.01),
    ]
    if on_gpu:
        rate = figures.rate(OURS, last)
        rows += [
            _target("10,000 images/s in the last phase", f"{rate:,.0f}", rate >= 10_000),
            _target("5 times the DataLoader", f"{over_peer:.2f}", over_peer >= 5),
            _target(f"{PUBLISHED_EPOCHS} epochs in 60 min", f"{60 * hours:.1f} min", hours < 1),
            _target(f"{ROW_EPOCHS} epochs in 3 min", f"{minutes:.2f} min", minutes < 3),
        ]
    else:
        rows += [
            _target("not slower than eager", f"{over_eager:.2f}", over_eager >= 1),
            _target("nor in any phase", f"{slowest:.2f} in the slowest", slowest >= 1),
            _target("1.3 times the DataLoader", f"{over_peer:.2f}", over_peer >= 1.3),
        ]
    extrapolated = (
        f"At this rate the published {PUBLISHED_EPOCHS} epochs of {PUBLISHED_PHOTOS:,} images "
        f"would take {hours:,.1f} hours, {ROW_EPOCHS} epochs {minutes:,.1f} minutes. Ours is "
        f"{figures.ratio(OURS, LIMIT):.2f} times the limit."
    )
    return table(["target", "measured", "reached"], rows) + f"\n\n{extrapolated}"


def _target(name: str, measured: str, reached: bool) -> list[str]:
    return [name, measured, "yes" if reached else "no"]


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    lines = ["| " + " | ".join(row) + " |" for row in (names, ["---"] * len(names), *rows)]
    return "\n".join(lines)
