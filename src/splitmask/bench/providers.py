"""A provider of ONNX Runtime beside its CPU: what each verb takes, and how far each graph is off."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from splitmask.bench.matmul import Matmul
from splitmask.bench.measure import Samples, Yardstick
from splitmask.bench.pairs import Ratio
from splitmask.bench.stages import Times, steps
from splitmask.bench.stages import measure as measure_stages
from splitmask.engine.ort import OrtEngine
from splitmask.engine.providers import LOG, Provider

_SIDE = 64  # of the matrix product between samples: ratios to it are not asked for here

Tick = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`ours` of the ratios is the provider, `theirs` the CPU. A passed-over provider has its reason."""

    engine: str  # its description
    provider: str
    passed_over: tuple[str, ...]
    start_s: float  # until all graphs are loaded and have answered their golden input
    ratios: tuple[Ratio, ...]
    differences: dict[str, float]  # graph → part of an output's largest value

    def lines(self) -> Iterator[str]:
        yield from self.passed_over
        yield f"{self.engine}, ready after {self.start_s:.1f} s"
        yield ""
        yield f"{'':<46} {'CPU':>12} {self.provider:>12}"
        yield from (row.line() for row in self.ratios)
        yield ""
        yield "largest difference to the CPU, of an output's largest value"
        yield from (f"{name:<46} {value:>12.2e}" for name, value in self.differences.items())

    def to_json(self) -> dict[str, Any]:
        return {
            "engine": self.engine,
            "provider": self.provider,
            "passedOver": list(self.passed_over),
            "startSeconds": self.start_s,
            "rows": [row.to_json() for row in self.ratios],
            "differences": self.differences,
        }


def ticks(rounds: int) -> int:
    """How often `measure` ticks."""
    return 2 * steps(rounds)


def measure(
    folder: Path, threads: int, provider: str | Provider | None, rounds: int, tick: Tick
) -> Comparison:
    """folder: of a model's graphs; provider: as `OrtEngine` takes it. Raises ModelError."""
    with _reasons() as passed_over:
        start = time.perf_counter()
        ours = OrtEngine(folder, threads, provider)
        ours.warm_up()
        start_s = time.perf_counter() - start
    cpu = OrtEngine(folder, threads, "cpu")
    times, plain = (
        measure_stages(engine, Yardstick(Matmul(threads, _SIDE)), rounds, tick) for engine in (ours, cpu)
    )
    return Comparison(
        ours.description,
        ours.provider.label,
        tuple(passed_over),
        start_s,
        tuple(_rows(plain, times)),
        ours.differences(),
    )


def _rows(plain: Times, times: Times) -> Iterator[Ratio]:
    yield _ratio("encode a 720p frame", plain.encode, times.encode)
    yield _ratio("click", plain.click, times.click)
    yield _ratio("track a 720p frame, one object", plain.frame, times.frame)
    yield _ratio("each further object", plain.extra, times.extra)


def _ratio(name: str, cpu: Samples, ours: Samples) -> Ratio:
    before, after = median(cpu.ms), median(ours.ms)
    return Ratio(name, before, after, before / after)


@contextmanager
def _reasons() -> Iterator[list[str]]:
    """Gathers why providers are passed over."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    LOG.addHandler(handler)
    try:
        yield said
    finally:
        LOG.removeHandler(handler)
