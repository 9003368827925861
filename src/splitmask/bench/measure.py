"""Timing against the yardstick: every sample stands between two runs of the matrix product."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from splitmask.bench.matmul import Matmul


@dataclass(slots=True)
class Samples:
    """Milliseconds of one thing, and of the matrix product around each."""

    ms: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)

    @property
    def median_ms(self) -> float:
        return statistics.median(self.ms)

    @property
    def ratio(self) -> float:
        """Median of time over yardstick, each with its own neighbours: a busy moment slows both."""
        return statistics.median(self.ratios)


@dataclass(slots=True)
class Yardstick:
    """The matrix product, and what it has taken so far."""

    matmul: Matmul
    ms: list[float] = field(default_factory=list)

    def warm_up(self, runs: int = 3) -> None:
        for _ in range(runs):
            self.matmul()

    def run(self) -> float:
        self.ms.append(self.matmul())
        return self.ms[-1]

    def sample(self, samples: Samples, action: Callable[[], object], repeats: int = 1) -> None:
        """One sample: the mean of `repeats` calls between two runs of the product."""
        before = self.run()
        start = time.perf_counter()
        for _ in range(repeats):
            action()
        elapsed = (time.perf_counter() - start) * 1000 / repeats
        samples.ms.append(elapsed)
        samples.ratios.append(elapsed / ((before + self.run()) / 2))
