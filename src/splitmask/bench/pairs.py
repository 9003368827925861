"""Graphs timed in turn, so that a busy moment slows all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Feed = Mapping[str, FloatArray]


@dataclass(slots=True)
class Contender:
    """A graph with its input, and what its runs took."""

    name: str
    session: Any
    feed: Feed
    ms: list[float] = field(default_factory=list)

    def run(self) -> list[FloatArray]:
        outputs: list[FloatArray] = self.session.run(None, self.feed)
        return outputs

    def sample(self, repeats: int) -> None:
        start = time.perf_counter()
        for _ in range(repeats):
            self.session.run(None, self.feed)
        self.ms.append((time.perf_counter() - start) * 1000 / repeats)


def session_of(path_or_bytes: str | bytes, threads: int) -> Any:
    """On the CPU, with the options of `OrtEngine`."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # workers of one graph must not spin while the next one runs
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return ort.InferenceSession(path_or_bytes, options, providers=["CPUExecutionProvider"])


def in_turn(contenders: Sequence[Contender], rounds: int, repeats: int, tick: Callable[[], object]) -> None:
    """One run of each to warm up, then so many rounds of all of them."""
    for each in contenders:
        each.run()
    for _ in range(rounds):
        for each in contenders:
            each.sample(repeats)
        tick()


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as fast `ours` is as `theirs`; target: the least that it has to be."""

    name: str
    theirs_ms: float
    ours_ms: float
    value: float
    target: float | None = None

    @classmethod
    def of(cls, name: str, theirs: Contender, ours: Contender, target: float | None = None) -> Ratio:
        """The median of the rounds' ratios."""
        ratios = [a / b for a, b in zip(theirs.ms, ours.ms, strict=True)]
        medians = statistics.median(theirs.ms), statistics.median(ours.ms)
        return cls(name, *medians, statistics.median(ratios), target)

    @property
    def passed(self) -> bool | None:
        return None if self.target is None else self.value >= self.target

    def line(self) -> str:
        target = "" if self.target is None else f"≥ {self.target:g}×"
        mark = {None: "", True: "✓", False: "✗ missed"}[self.passed]
        times = f"{self.theirs_ms:>9.1f} ms {self.ours_ms:>9.1f} ms"
        return f"{self.name:<46} {times} {self.value:>6.2f}× {target:>7}  {mark}".rstrip()

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "theirsMs": self.theirs_ms,
            "oursMs": self.ours_ms,
            "ratio": self.value,
            "target": self.target,
            "passed": self.passed,
        }
