"""Processes that train together, each on its share of every batch: torchrun and Accelerate.

Gradients are averaged by hand and the networks left unwrapped: an update trains one network while
others are frozen and may run one several times, which DistributedDataParallel's hooks do not bear.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.networks.norm import StatelessBatchNorm
from models.recipe import Recipe
from pipeline.runtime.devices import choose_device


@dataclass(frozen=True)
class Processes:
    """This process among the others; alone it communicates with nobody."""

    rank: int
    num: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this one writes files and logs."""
        return self.rank == 0

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Puts the mean over all processes into `tensors` of floats."""
        if self.num == 1 or not tensors:
            return
        from accelerate.utils import reduce

        # One message instead of one a tensor: the time goes into the number of messages.
        flat = reduce(torch.cat([tensor.reshape(-1) for tensor in tensors]), "mean")
        for tensor, mean in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(mean.view_as(tensor))

    def mean(self, value: float) -> float:
        """Over all processes, which have to ask for it together."""
        if self.num == 1:
            return value
        share = torch.tensor([value], dtype=torch.float64, device=self.device)
        self.average([share])
        return float(share)

    def any(self, flag: bool) -> bool:
        """Whether it is true in any process; all have to ask."""
        return self.mean(float(flag)) > 0

    def agree(self, flag: bool, *, now: bool) -> bool:
        """Like `any`; where others have to be asked only `now` and then, else no."""
        return flag if self.num == 1 else now and self.any(flag)

    def wait(self) -> None:
        """Until all have come here."""
        self.any(False)


def launched() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def launch(num: int, stage: str) -> None:
    """Becomes torchrun with `num` processes of the command `stage`; does not return."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [f"--nproc-per-node={num}", "-m", "pipeline", stage]
    # In place of this process, so that signals reach torchrun and its exit status is the stage's.
    os.execv(sys.executable, [*torchrun, *command])


def join(device: str) -> Processes:
    """This process's place; `device` as in params.yaml. On GPUs each process has its own."""
    if not launched():
        return Processes(0, 1, choose_device(device))
    from accelerate import PartialState

    on_gpu = choose_device(device).type == "cuda"
    state = PartialState(cpu=not on_gpu, **({} if on_gpu else {"backend": "gloo"}))
    # Accelerate numbers the CPU, and torch restores no state to a numbered one.
    own = state.device if on_gpu else torch.device("cpu")
    return Processes(state.process_index, state.num_processes, own)


def distribute(recipe: Recipe, processes: Processes, batch_size: int) -> None:
    """Makes the recipe fit for several processes: batch norms see the whole batch.

    A ValueError where the processes cannot share a batch, or its statistics, equally.
    """
    if batch_size % processes.num:
        raise ValueError(
            f"params.yaml train.batch_size is {batch_size}, which {processes.num} processes cannot "
            "share equally: write a multiple, or change runtime.processes"
        )
    if processes.num == 1:
        return
    for name, network in recipe.networks.items():
        layers = list(network.modules())
        if not any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in layers):
            continue
        if any(isinstance(layer, StatelessBatchNorm) for layer in layers):
            # torch's synchronised one would take the batch's statistics in inference too.
            raise ValueError(
                f"the {name} has batch norms as published for a batch of 1, which "
                f"{processes.num} processes cannot compute over the whole batch: write "
                "runtime.processes: 1, or the recipe's `norm: instance`"
            )
        if processes.device.type != "cuda":
            raise ValueError(
                f"the {name} has batch norms, which {processes.num} processes on a CPU cannot "
                "compute over the whole batch (torch has synchronised ones for GPUs alone): write "
                "runtime.processes: 1, or choose a preset without batch norm"
            )
        # In place, but for the root.
        nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
