"""How much a long clip adds to the memory of the process."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

from splitmask.demo.scene import BALLOON, Scene, Shot
from splitmask.demo.truth import click_on
from splitmask.engine import Engine
from splitmask.export.video import VideoWriter
from splitmask.masks import rle
from splitmask.masks.resize import logits_to_mask
from splitmask.media import open_clip
from splitmask.session import VideoSession
from splitmask.types import Prompt

FIRST, LAST = 200, 5000
_SCENE = Scene(width=320, height=180)


def resident_mb() -> float:
    """Resident memory of this process in MB; where the system does not tell, its peak so far."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    return peak_mb()


def peak_mb() -> float:
    """The most resident memory that this process has held, in MB.

    Linux: not `ru_maxrss`, which in a child begins at what its parent held when it was started.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes, on macOS


def growth_mb(
    engine: Engine, folder: Path, tick: Callable[[], object], first: int = FIRST, last: int = LAST
) -> float:
    """Tracks one object through a clip of last + 1 frames; MB between frame `first` and frame `last`."""
    path = folder / "long.mp4"
    shot = _write(path, last + 1)
    x, y = click_on(shot.labels == BALLOON)
    marks: dict[int, float] = {}
    with open_clip(path) as clip, VideoSession(engine, clip) as session:
        session.add_prompt(1, 0, Prompt(np.array([[x, y]], np.float32), np.ones(1, np.int32)))
        kept = []  # run-length codes stay, as in result.json
        for result in session.propagate():
            mask = result.masks[1]
            kept.append(rle.encode(logits_to_mask(mask.logits, mask.size)))
            if result.index in (first, last):
                marks[result.index] = resident_mb()
            tick()
    return marks[last] - marks[first]


def _write(path: Path, length: int) -> Shot:
    """The demo's scene there and back again until the clip is long enough; gives its first frame."""
    shots = list(_SCENE.shots())
    there_and_back = shots + shots[-2:0:-1]
    rate = Fraction(_SCENE.fps)
    with VideoWriter(path, (_SCENE.height, _SCENE.width), rate, 1 / rate) as video:
        for index in range(length):
            video.write(there_and_back[index % len(there_and_back)].image)
    return shots[0]
