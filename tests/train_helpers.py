"""Drawn pictures to train on: plain shapes on a plain ground, whose colour says which object they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from splitmask.train.corpus import Corpus, Source, pack
from splitmask.train.recipe import Phase, Recipe
from splitmask.train.scenes import SceneParams
from splitmask.types import ByteArray

GROUND = (20, 90, 40)
# one colour a label, far apart; channel 0 alone tells them from the ground
COLOURS = np.array([GROUND, (220, 40, 40), (140, 60, 220)], np.uint8)


def shapes(seed: int = 0, h: int = 72, w: int = 96) -> tuple[ByteArray, ByteArray]:
    """A picture (h, w, 3) of a disc (label 1) and a rectangle (2), and its label map (h, w)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:h, :w]
    labels = np.zeros((h, w), np.uint8)
    cx, cy, r = rng.uniform(0.2, 0.4) * w, rng.uniform(0.3, 0.7) * h, rng.uniform(0.14, 0.22) * h
    labels[np.hypot(x - cx, y - cy) < r] = 1
    x0, y0 = int(rng.uniform(0.6, 0.7) * w), int(rng.uniform(0.1, 0.5) * h)
    labels[y0 : y0 + int(0.4 * h), x0 : x0 + int(0.2 * w)] = 2
    return COLOURS[labels], labels


def source(name: str, image: ByteArray, *maps: ByteArray) -> Source:
    return name, lambda: (image, list(maps))


def drawn(count: int = 6, side: int = 96, clips: bool = False, first: int = 0) -> Corpus:
    """`count` pictures from the `first` on; with `clips` they are also the frames of two clips."""
    sources = [source(f"drawn_{i}", *shapes(i)) for i in range(first, first + count)]
    frames = {"a": list(range(count // 2)), "b": list(range(count // 2, count))} if clips else {}
    return pack(sources, frames, side=side, workers=1)


def recipe(phases: Sequence[Phase] = (), **changes: object) -> Recipe:
    """A short run of the smallest model on the CPU."""
    first = Phase("image", 1.0, batch=4, objects=2, scene=SceneParams(pastes=1), rounds=(1, 2))
    given = {"preset": "test-conv", "steps": 4, "warmup": 2, "compile": "none", "eval_minutes": 0.0}
    return Recipe(**{**given, "phases": tuple(phases) or (first,), **changes})  # type: ignore[arg-type]


CLIP_PHASE = Phase(
    "clip", 1.0, batch=2, objects=2, scene=SceneParams(frames=3, pastes=1), rounds=(1, 2),
    starts=("point", "box", "mask"), corrections=1,
)  # fmt: skip


def project(root: Path, count: int = 12) -> Path:
    """Drawn pictures in splitmask's own layout, some of them held out."""
    from readers_helpers import write_picture

    for i in range(count):
        image, labels = shapes(i)
        write_picture(root / "drawn" / f"drawn_{i}.webp", image)
        write_picture(root / "drawn" / f"drawn_{i}.0.png", labels)
    return root
