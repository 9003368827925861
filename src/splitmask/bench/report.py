"""Measurements beside what they have to reach."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from splitmask.bench.matmul import SIDE
from splitmask.bench.measure import Samples, Yardstick
from splitmask.bench.stages import Times


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement; `target` is the most it may be, in the unit of `value`, or the least if `at_least`.
    None: for information."""

    name: str
    value: float
    unit: str  # "×" is a ratio to the matrix product
    ms: float | None = None
    target: float | None = None
    at_least: bool = False

    @property
    def passed(self) -> bool | None:
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target

    def line(self) -> str:
        ms = "" if self.ms is None else f"{self.ms:.1f} ms"
        target = (
            "" if self.target is None else f"{'≥' if self.at_least else '≤'} {self.target:.3g} {self.unit}"
        )
        mark = {None: "", True: "✓", False: "✗ missed"}[self.passed]
        return f"{self.name:<34} {ms:>10} {self.value:>9.3f} {self.unit:<2} {target:>10}  {mark}".rstrip()


def rows(times: Times, yardstick: Yardstick) -> list[Row]:
    """Everything that was timed; the targets are those of 2 processor cores."""
    product = median(yardstick.ms)
    return [
        Row(f"matrix product {SIDE}³, float32", 1.0, "×", product),
        _timed("encode a frame", times.encode, 1.05),
        _timed("click", times.click, 0.053),
        _timed("track a 720p frame, one object", times.frame, 1.75),
        _timed("each further object", times.extra, 0.42),
        _timed("write its mask as PNG", times.png),
        _timed("write it into the overlay video", times.overlay),
    ]


def _timed(name: str, samples: Samples, target: float | None = None) -> Row:
    return Row(name, samples.ratio, "×", samples.median_ms, target)
