"""What several machines change: which stages share their work, and what bounds each of them."""

from dataclasses import dataclass

from pipeline.planning.amounts import duration_text
from pipeline.planning.cost import Cost
from pipeline.planning.sample_run import Costs

# Stages whose calls `runtime.engine` spreads over the nodes, `download` where it paints; `train`
# shares its batches.
SHARED = ("download", "detect_people", "downscale", "crop", "evaluate")
NO_GPU = "no GPU here to time it on: plan on a machine with one"


@dataclass(frozen=True)
class Cluster:
    """Machines like this one."""

    nodes: int = 1
    gpus: int = 0  # of each node; 0: this machine's device does what it does here

    @property
    def num_trainers(self) -> int:
        """Processes that train together."""
        return self.nodes * max(1, self.gpus)


@dataclass(frozen=True)
class Estimate:
    """Of a stage. Its bound is what more of would make it faster."""

    seconds: float | None  # None: not known
    at_most: float | None = None  # where the seconds are not known and this is
    bound: str = ""
    remark: str = ""


def estimate(stage: str, number: float, costs: Costs, cluster: Cluster) -> Estimate:
    """Of `number` photos (trainings: images), were work shared without loss."""
    cost = costs.stages.get(stage)
    if cost is None:
        return Estimate(None, remark=costs.reasons[stage])
    if stage in ("detect_people", "train") and cluster.gpus and not costs.on_gpu:
        return Estimate(None, remark=_at_least(stage, number, costs, cluster) + NO_GPU)
    if stage == "train":
        return _line(cost, number, cluster.num_trainers, "the steps of the training")
    if stage == "detect_people" and costs.on_gpu:
        return _fed_detector(cost, number, costs, cluster)
    if stage in SHARED:
        return _line(cost, number, cluster.nodes, "processor cores")
    return _line(cost, number, 1, "one process")


def _line(cost: Cost, number: float, shares: int, bound: str) -> Estimate:
    seconds = cost.seconds(number / shares)
    at_most = cost.seconds_at_most(number / shares) if seconds is None else None
    return Estimate(seconds, at_most, bound)


def _fed_detector(cost: Cost, number: float, costs: Costs, cluster: Cluster) -> Estimate:
    """GPUs that wait for the cores which decode, or the other way round."""
    on_gpus = _line(cost, number, cluster.num_trainers, "the detector's GPUs")
    if costs.decoding is None:
        return on_gpus
    decoding = _line(costs.decoding, number, cluster.nodes, "processor cores, which decode")
    if on_gpus.seconds is None or decoding.seconds is None:
        return on_gpus
    return max(on_gpus, decoding, key=lambda each: each.seconds or 0)


def _at_least(stage: str, number: float, costs: Costs, cluster: Cluster) -> str:
    """What decoding alone takes, whatever the GPUs do."""
    if stage != "detect_people" or costs.decoding is None:
        return ""
    seconds = costs.decoding.seconds(number / cluster.nodes)
    return "" if seconds is None else f"at least {duration_text(seconds)} of decoding; "
