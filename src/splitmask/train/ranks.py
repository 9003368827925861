"""One process or several: what they have to tell each other. With one, nothing is said.

torchrun sets RANK and WORLD_SIZE. All processes take the same kind of step at the same time, each on
scenes of its own, and average their gradients (data parallelism); the first one writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Ranks:
    rank: int = 0
    world: int = 1

    @classmethod
    def join(cls, device: torch.device) -> Ranks:
        """As the environment says; connects the processes where there are several."""
        ranks = cls(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))
        if ranks.world > 1 and not dist.is_initialized():
            # what is decided on the host is exchanged there, without waiting for the GPU
            dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
        return ranks

    @property
    def first(self) -> bool:
        return self.rank == 0

    def leave(self) -> None:
        if self.world > 1 and dist.is_initialized():
            dist.destroy_process_group()

    def agree(self, value: float) -> float:
        """What the first process says."""
        if self.world == 1:
            return value
        said = torch.tensor([value], dtype=torch.float64)
        dist.broadcast(said, src=0)
        return float(said)

    def gather(self, value: Any) -> list[Any]:
        """Every process's value, in order of rank."""
        if self.world == 1:
            return [value]
        values: list[Any] = [None] * self.world
        dist.all_gather_object(values, value)
        return values

    def average(self, gradients: Iterable[Tensor]) -> None:
        """Replaces gradients by their mean over the processes, all of them in one message."""
        if self.world == 1:
            return
        each = list(gradients)
        flat = torch.cat([gradient.flatten() for gradient in each])
        dist.all_reduce(flat)
        flat /= self.world
        parts = torch.split_with_sizes(flat, [gradient.numel() for gradient in each])
        for gradient, part in zip(each, parts, strict=True):
            gradient.copy_(part.view_as(gradient))
