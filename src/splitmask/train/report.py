"""What a run says of itself: a line now and then, a picture of its curves, TensorBoard where it is there."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

Row = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Status:
    """How far a run is. gpu: percent of the time that the GPU is busy, where the driver tells."""

    progress: float  # 0…1
    step: int
    images_per_second: float
    seconds_left: float
    gpu: int | None = None
    means: Row = field(default_factory=dict)  # PHASE/loss, PHASE/point1, …

    def line(self) -> str:
        busy = "" if self.gpu is None else f", GPU {self.gpu}%"
        means = " ".join(f"{key} {value:.3f}" for key, value in condensed(self.means).items())
        return (
            f"{self.progress:6.1%}  step {self.step}, {self.images_per_second:.0f} images/s{busy}, "
            f"{clock(self.seconds_left)} left  {means}"
        )


def condensed(means: Row) -> dict[str, float]:
    """One number for the tracked frames of a clip: PHASE/track1, PHASE/track2, … → PHASE/track."""
    groups: dict[str, list[float]] = {}
    for key, value in means.items():
        groups.setdefault(re.sub(r"/track\d+$", "/track", key), []).append(value)
    return {key: sum(values) / len(values) for key, values in groups.items()}


def clock(seconds: float) -> str:
    """`4:05`, `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def gpu_use(device: torch.device) -> int | None:
    """Percent, from the driver; None where there is no GPU or nothing to ask it with (nvidia-ml-py)."""
    if device.type != "cuda":
        return None
    try:
        return int(torch.cuda.utilization(device))
    except Exception:  # the driver's library has errors of its own; none is worth a run
        return None


def open_board(out: Path) -> Callable[[Row], None]:
    """Writes rows for TensorBoard into `out`/tensorboard if it is installed, else does nothing."""
    try:
        writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter(str(out / "tensorboard"))
    except ImportError:
        return lambda row: None

    def write(row: Row) -> None:
        for key, value in row.items():
            if "/" in key:
                writer.add_scalar(key, value, int(row["step"]))
        writer.flush()

    return write
