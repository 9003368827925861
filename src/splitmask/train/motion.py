"""How what is pasted moves over the frames of a clip, and how it is away for a while. On the host."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]  # (t, 2) in the frame's −1…1, x then y
BEYOND = 2.6  # so far off its place nothing of a thing is in the frame


def pose(cx: float, cy: float, sx: float, sy: float, angle: float, ox: float, oy: float) -> Array:
    """Source pixel = S·R·(output − (ox, oy)) + (cx, cy); s in source pixels per half frame."""
    c, s = math.cos(angle), math.sin(angle)
    linear = np.array([[sx * c, sx * s], [-sy * s, sy * c]], np.float32)
    offset = np.array([cx, cy], np.float32) - linear @ np.array([ox, oy], np.float32)
    return np.concatenate((linear, offset[:, None]), axis=1)


@dataclass(frozen=True, slots=True)
class Absence:
    """A span of a clip: fully away on frames first…last, on the way on `ramp` frames before and after."""

    first: int
    last: int
    ramp: int

    @classmethod
    def draw(cls, rng: np.random.Generator, frames: int) -> Absence:
        """A third of the clip or more, never the first frame; what is away late stays away."""
        ramp = int(rng.integers(1, 3))
        first = int(rng.integers(1 + ramp, max(2 + ramp, frames // 3 + 1)))
        length = int(rng.integers(max(2, frames // 3), max(3, 3 * frames // 4)))
        return cls(first, first + length - 1, ramp)

    def share(self, frames: int) -> npt.NDArray[np.float64]:
        """(t,) 0 in its place, 1 away."""
        i = np.arange(frames)
        distance = np.maximum(self.first - i, i - self.last)
        return np.clip(1 - distance / (self.ramp + 1), 0.0, 1.0)

    def warp(self, frames: int) -> npt.NDArray[np.float64]:
        """(t,) a time 0…1 that stands still in the span: who goes behind a wall comes out at its end."""
        i = np.arange(frames, dtype=np.float64)
        running = np.minimum(i, self.first) + np.maximum(i - self.last, 0)
        return running / max(frames - 1, 1)


def wander(rng: np.random.Generator, time: npt.NDArray[np.float64]) -> Points:
    """A path: a start, a velocity, and a swing about both."""
    start, velocity = rng.uniform(-0.9, 0.9, 2), rng.normal(size=2) * 0.6
    swing, phase, turns = rng.normal(size=2) * 0.2, rng.uniform(0, 6.28), rng.uniform(0.5, 2.0)
    return start + velocity * time[:, None] + swing * np.sin(phase + 6.28 * turns * time)[:, None]


def aside(rng: np.random.Generator, far: npt.NDArray[np.float64]) -> Points:
    """(t,) shares → offsets (t, 2) in one direction, at 1 beyond the frame from wherever it was."""
    angle = rng.uniform(0, 2 * math.pi)
    # most things leave sideways
    direction = np.array([math.cos(angle), 0.6 * math.sin(angle)])
    out: Points = BEYOND * far[:, None] * direction / np.abs(direction).max()
    return out


def seen_at(affine: Array, box: tuple[float, float, float, float]) -> tuple[Points, float]:
    """Where the views (t, 2, 3) show a box of their picture: its centre (t, 2), and on the first its
    larger half side, in the frame's −1…1."""
    x0, y0, x1, y1 = box
    centre = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    back = np.linalg.inv(affine[:, :, :2].astype(np.float64))
    at = np.einsum("tij,tj->ti", back, centre - affine[:, :, 2])
    half = np.abs(back[0]) @ np.array([(x1 - x0) / 2, (y1 - y0) / 2])
    return at, float(half.max())
