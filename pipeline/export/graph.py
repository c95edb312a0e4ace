"""A generator as a graph without randomness: what it would draw comes as further inputs."""

from collections.abc import Iterator
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.overrides import TorchFunctionMode

from models.components.generators import Completer, Sampler
from models.components.latent_search import LatentSearch
from models.components.masked_input import MaskedInput
from models.networks.enhanced_completer import EnhancedCompleter
from models.networks.layered_generator import LayeredGenerator
from pipeline.export.signature import (
    BATCH,
    HEIGHT,
    MIN_MULTIPLES,
    WIDTH,
    Port,
    Signature,
    completion_signature,
    sampling_signature,
)


class CompletionGraph(nn.Module):
    """image, mask and noise -> output; see models.components.generators.Completer."""

    def __init__(self, generator: Completer) -> None:
        super().__init__()
        self.generator = generator
        inputs = (module for module in generator.modules() if isinstance(module, MaskedInput))
        self.noise_channels = sum(module.noise_channels for module in inputs)

    def forward(self, image: Tensor, mask: Tensor, *noise: Tensor) -> Tensor:
        """`noise`: what the masked input takes, where it takes any, then that of each dropout."""
        num = int(self.noise_channels > 0)
        with _Given(iter(noise[num:])):
            output: Tensor = self.generator(image, mask, *noise[:num])
        return output


class SamplingGraph(nn.Module):
    """latents -> output; see models.components.generators.Sampler."""

    def __init__(self, generator: Sampler) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latents: Tensor) -> Tensor:
        """Nothing else is drawn."""
        return self.generator.sample(latents)


class _Given(TorchFunctionMode):
    """torch.rand gives what stands in `values` instead of drawing."""

    def __init__(self, values: Iterator[Tensor]) -> None:
        super().__init__()
        self.values = values

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return next(self.values) if func is torch.rand else func(*args, **(kwargs or {}))


class _Noted(TorchFunctionMode):
    """Notes the shape of what torch.rand draws."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func is torch.rand:
            self.shapes.append(tuple(result.shape))
        return result


def graph_of(generator: nn.Module, image_size: int) -> tuple[nn.Module, Signature]:
    """What is exported of `generator`.

    One that completes by a search for latents takes gradients, which an exported graph cannot: of
    it there is the network that makes up images.
    """
    if isinstance(generator, Completer) and not searches(generator):
        graph = CompletionGraph(generator)
        noise = _noise_ports(graph, image_size)
        multiple = None if len(noise) > bool(graph.noise_channels) else size_multiple(generator)
        return graph, completion_signature(image_size, multiple, noise)
    assert isinstance(generator, Sampler), f"{type(generator).__name__} can do nothing"
    return SamplingGraph(generator), sampling_signature(image_size, generator.latent_size)


def searches(generator: nn.Module) -> bool:
    """Whether it completes by looking for latents."""
    return any(isinstance(value, LatentSearch) for value in vars(generator).values())


def size_multiple(generator: nn.Module) -> int | None:
    """What heights and widths must be a multiple of; None where the size is fixed."""
    if not isinstance(generator, LayeredGenerator | EnhancedCompleter):
        return None
    convolutions = (module for module in generator.modules() if isinstance(module, nn.Conv2d))
    return prod(convolution.stride[0] for convolution in convolutions)


@torch.no_grad()
def _noise_ports(graph: CompletionGraph, image_size: int) -> tuple[Port, ...]:
    ports = []
    if graph.noise_channels:
        shape = (BATCH, graph.noise_channels, 1, 1)
        meaning = "what tells one completion of a hole from another; 0 everywhere: a plain one"
        ports.append(Port("noise", shape, meaning, distribution="standard_normal"))
    image, mask = (torch.zeros(1, channels, image_size, image_size) for channels in (3, 1))
    with _Noted() as noted:
        graph.generator(image, mask)
    for number, (_, *rest) in enumerate(noted.shapes):
        meaning = "dropout: a value is dropped where this is below the dropout's share"
        shape = (BATCH, *rest)
        ports.append(Port(f"dropout_{number}", shape, meaning, distribution="uniform"))
    return tuple(ports)


@torch.no_grad()
def traced(graph: nn.Module, signature: Signature) -> ExportedProgram:
    """The graph for every batch and size that the signature allows."""
    dims = _dims(signature)
    examples = [
        torch.zeros(signature.shape_of(port, 2, signature.image_size, signature.image_size))
        for port in signature.inputs
    ]
    shapes: list[Any] = [
        {axis: dims[name] for axis, name in enumerate(port.shape) if isinstance(name, str)}
        for port in signature.inputs
    ]
    if signature.completes and signature.noise:  # it comes as *noise
        shapes = [*shapes[:2], tuple(shapes[2:])]
    program = torch.export.export(graph, tuple(examples), dynamic_shapes=tuple(shapes))
    _forget_origin(program)
    return program


def _dims(signature: Signature) -> dict[str, Any]:
    multiple = signature.size_multiple or 1
    return {
        BATCH: Dim(BATCH, min=1),
        HEIGHT: multiple * Dim(HEIGHT, min=MIN_MULTIPLES),
        WIDTH: multiple * Dim(WIDTH, min=MIN_MULTIPLES),
    }


def _forget_origin(program: ExportedProgram) -> None:
    """Takes out the source lines and paths of the machine that it was made on."""
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                for name in ("stack_trace", "nn_module_stack", "source_fn_stack"):
                    node.meta.pop(name, None)
