"""A step's work on the GPU, recorded once for each kind and replayed (CUDA graphs).

A clip's step is tens of thousands of small operations; saying them one by one takes the host longer
than doing them takes the GPU. A replay is one word. What is recorded has fixed shapes, draws from the
GPU's own generator and never asks the host.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from splitmask.train.scenes import Layers

# Scenes → named scalars on the device; leaves gradients behind.
Work = Callable[[Layers], dict[str, Tensor]]


@dataclass(frozen=True, slots=True)
class _Record:
    graph: torch.cuda.CUDAGraph
    layers: Layers  # what a replay reads
    names: list[str]
    values: Tensor  # what a replay writes, in the order of names
    learns: list[nn.Parameter]


class Recorder:
    """Records work by its key and replays it. All records share memory, as they never run together."""

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self._gradients: dict[nn.Parameter, Tensor] = {}
        self._parameters = list(parameters)
        self._records: dict[Hashable, _Record] = {}
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def clear_gradients(self) -> None:
        """Instead of the optimiser's `zero_grad`: records write to where their gradients have always been."""
        for parameter in self._parameters:
            parameter.grad = None
        if self._gradients:
            torch._foreach_zero_(list(self._gradients.values()))

    def __call__(self, key: Hashable, work: Work, layers: Layers) -> dict[str, Tensor]:
        """Does the work, adding to gradients as `backward` does."""
        record = self._records.get(key)
        if record is None:
            record = self._records[key] = self._record(work, layers)
        for field in fields(Layers):
            getattr(record.layers, field.name).copy_(getattr(layers, field.name), non_blocking=True)
        for parameter in record.learns:
            parameter.grad = self._gradients[parameter]
        record.graph.replay()
        return dict(zip(record.names, record.values.clone().unbind(), strict=True))

    def _record(self, work: Work, layers: Layers) -> _Record:
        static = Layers(*(getattr(layers, field.name).clone() for field in fields(Layers)))
        before = [(parameter, parameter.grad) for parameter in self._parameters]
        learns = self._rehearse(work, static)
        for parameter in learns:
            if parameter not in self._gradients:
                self._gradients[parameter] = torch.zeros_like(parameter)
            parameter.grad = self._gradients[parameter]
        graph = torch.cuda.CUDAGraph()
        # threads of other libraries may speak to the driver meanwhile
        with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"):
            found = work(static)
            values = torch.stack([value.float() for value in found.values()])
        for parameter, gradient in before:
            parameter.grad = gradient
        return _Record(graph, static, list(found), values, learns)

    def _rehearse(self, work: Work, layers: Layers) -> list[nn.Parameter]:
        """Once for real, so that whatever compiles or chooses kernels has; → the parameters it teaches."""
        for parameter in self._parameters:
            parameter.grad = None
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            work(layers)
        torch.cuda.current_stream().wait_stream(self._stream)
        learns = [parameter for parameter in self._parameters if parameter.grad is not None]
        for parameter in self._parameters:
            parameter.grad = None
        return learns
