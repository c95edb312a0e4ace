"""The forms in which a generator is exported: how each is written, and run again."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.export import ExportedProgram

from models.generator_files import load_generator, read_config
from pipeline.export.graph import graph_of, traced
from pipeline.export.onnx_network import open_session
from pipeline.export.parity import Run
from pipeline.export.signature import Signature

# Of 2022: runtimes of the years since read it.
OPSET = 18


@dataclass(frozen=True)
class Trained:
    """A generator that is exported."""

    folder: Path
    config: dict[str, Any]
    graph: nn.Module
    signature: Signature

    @cached_property
    def program(self) -> ExportedProgram:
        """Traced once for all formats."""
        return traced(self.graph, self.signature)


class Format(NamedTuple):
    file: str
    write: Callable[[Trained, Path], None]
    open: Callable[[Path, Signature], Run]  # what was written, as it would be run elsewhere


def load_trained(folder: Path) -> Trained:
    """What training left in `folder`, on the CPU."""
    config = read_config(folder)
    generator = load_generator(folder, torch.device("cpu"))
    # torch.export.save takes weights in another layout for parts of larger ones.
    generator.to(memory_format=torch.contiguous_format)
    return Trained(folder, config, *graph_of(generator, config["image_size"]))


def by_torch(module: nn.Module) -> Run:
    """NumPy arrays in and out."""

    @torch.no_grad()
    def run(inputs: Sequence[np.ndarray]) -> np.ndarray:
        output: np.ndarray = module(*(torch.from_numpy(values) for values in inputs)).numpy()
        return output

    return run


def _write_onnx(trained: Trained, path: Path) -> None:
    import onnx_ir

    signature = trained.signature
    program = torch.onnx.export(
        trained.program,
        dynamo=True,
        opset_version=OPSET,
        external_data=False,
        verbose=False,
        input_names=[port.name for port in signature.inputs],
        output_names=[port.name for port in signature.outputs],
    )
    assert program is not None, "only the older exporter returns nothing"
    graph = program.model.graph
    values, ports = [*graph.inputs, *graph.outputs], [*signature.inputs, *signature.outputs]
    for value, port in zip(values, ports, strict=True):
        value.shape = onnx_ir.Shape(port.shape)  # tracing gives the free sizes names of its own
    for node in graph.all_nodes():
        node.metadata_props.clear()  # the machine's paths among them
    program.save(path)


def _open_onnx(path: Path, signature: Signature) -> Run:
    session = open_session(path)
    names = [port.name for port in signature.inputs]

    def run(inputs: Sequence[np.ndarray]) -> np.ndarray:
        (output,) = session.run(None, dict(zip(names, inputs, strict=True)))
        made: np.ndarray = output
        return made

    return run


def _write_torch(trained: Trained, path: Path) -> None:
    torch.export.save(trained.program, path)


def _open_torch(path: Path, signature: Signature) -> Run:
    return by_torch(torch.export.load(path).module())


def _write_safetensors(trained: Trained, path: Path) -> None:
    for name in (path.name, "config.json"):
        shutil.copyfile(trained.folder / name, path.with_name(name))


def _open_safetensors(path: Path, signature: Signature) -> Run:
    return by_torch(load_trained(path.parent).graph)


# torch.export and not TorchScript, which torch has deprecated.
FORMATS = {
    "onnx": Format("generator.onnx", _write_onnx, _open_onnx),
    "torch": Format("generator.pt2", _write_torch, _open_torch),
    "safetensors": Format("generator.safetensors", _write_safetensors, _open_safetensors),
}
