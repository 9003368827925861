"""A model small enough to reason about: it segments what has the colour that was pointed at.

Every verb does in numpy what its name says, so the masks mean something: `encode` averages colours,
`remember` keeps the mean colour under a mask, `recall` averages what is remembered, weighted by slot
and time, `decode` cuts at a distance from that colour. A session that attends to the wrong frames, or
forgets, gets other masks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest

from splitmask.engine.base import PolicyConstants
from splitmask.engine.preprocess import stretch
from splitmask.masks.resize import logits_to_mask
from splitmask.presets import TEST_CONV
from splitmask.session import FrameResult, ImageStack, VideoSession
from splitmask.types import (
    BoolArray,
    ByteArray,
    Decoded,
    Features,
    FloatArray,
    Frame,
    Mask,
    Memory,
    Prompt,
    Recollection,
)

TOY = replace(TEST_CONV, name="toy", image_size=128, dim=8, memory_dim=8)
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 230)}
RED, GREEN, BLUE = 1, 2, 3  # ids of the objects of those colours
REACH = (0.25, 0.12, 0.25, 0.45)  # how far from the colour each of the four masks goes


class ToyEngine:
    """`calls` lists each verb with the number of objects it was called for."""

    preset = TOY
    description = "toy · numpy"
    weights_sha256 = "0" * 64
    max_prompted = -1
    constants = PolicyConstants(
        no_obj_ptr=np.full(8, -1, np.float32),
        mask_downsample_weight=np.full((4, 4), 2.0, np.float32),
        mask_downsample_bias=-16.0,
    )

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []

    def count(self, verb: str) -> int:
        return sum(name == verb for name, _ in self.calls)

    def encode(self, image: ByteArray) -> Features:
        self.calls.append(("encode", 1))
        m = TOY.mask_size
        square = stretch(image, TOY.image_size).astype(np.float32) / 255
        colours = square.reshape(m, 4, m, 4, 3).mean((1, 3)).transpose(2, 0, 1)[None]
        embed = np.zeros((1, 8, TOY.grid, TOY.grid), np.float32)
        embed[:, 7] = 1  # "includes no_mem_embed"
        return Features(embed, colours, colours[:, :, ::2, ::2])

    def unconditioned(self, features: Features) -> Features:
        embed = features.image_embed.copy()
        embed[:, 7] = 0
        return Features(embed, features.high_res_feats_0, features.high_res_feats_1)

    def recall(self, features: Features, recollections: Sequence[Recollection]) -> Features:
        self.calls.append(("recall", len(recollections)))
        embed = np.repeat(features.image_embed, len(recollections), axis=0)
        for row, each in zip(embed, recollections, strict=True):
            assert each.memories
            told = [(m.map[:3], m.map[3] * (0.5 / slot if slot else 1.0)) for m, slot in each.memories]
            told += [(p[:3], 0.2 * np.exp(-dt) * (p[0] >= 0)) for p, dt in each.pointers]
            colour, weight = _mean(told)
            row[3:6], row[6], row[7] = colour[:, None, None], weight, 0.5
        return Features(embed, features.high_res_feats_0, features.high_res_feats_1)

    def decode(
        self, features: Features, points: FloatArray, labels: FloatArray, mask_input: FloatArray | None = None
    ) -> Decoded:
        b = len(points)
        self.calls.append(("decode", b))
        embed = np.broadcast_to(features.image_embed, (b, *features.image_embed.shape[1:]))
        fed = [None] * b if mask_input is None else list(mask_input[:, 0])
        colours = features.high_res_feats_0[0]
        each = [_decode(colours, embed[i, :, 0, 0], points[i], labels[i], fed[i]) for i in range(b)]
        masks, ious, presence, pointers = (np.stack(x).astype(np.float32) for x in zip(*each, strict=True))
        return Decoded(masks, ious, presence, pointers)

    def remember(
        self, features: Features, mask_logits: FloatArray, binarize: FloatArray, presence: FloatArray
    ) -> list[Memory]:
        self.calls.append(("remember", len(mask_logits)))
        colours = features.high_res_feats_0[0]
        memories = []
        for logits, hard, present in zip(mask_logits[:, 0], binarize, presence, strict=True):
            cover = (logits > 0).astype(np.float32) if hard else 1 / (1 + np.exp(-logits.clip(-50, 50)))
            colour = (colours * cover).sum((1, 2)) / max(float(cover.sum()), 1e-6)
            memory = np.zeros(8, np.float32)
            memory[:3], memory[3], memory[4] = colour, float(present > 0), cover.mean()
            memories.append(Memory(memory))
        return memories


def _mean(told: Sequence[tuple[FloatArray, float]]) -> tuple[FloatArray, float]:
    weight = float(sum(w for _, w in told))
    if weight <= 0:
        return np.zeros(3, np.float32), 0.0
    return np.sum([c * w for c, w in told], axis=0) / weight, weight


def _decode(
    colours: FloatArray, embed: FloatArray, points: FloatArray, labels: FloatArray, fed: FloatArray | None
) -> tuple[FloatArray, FloatArray, float, FloatArray]:
    m = TOY.mask_size
    at = np.clip((points / 4).astype(int), 0, m - 1)
    told = [(embed[3:6], float(embed[6]))]
    told += [(colours[:, y, x], 1.0) for (x, y), label in zip(at, labels, strict=True) if label == 1]
    inside = np.ones((m, m), bool)
    if 2 in labels:
        (x0, y0), (x1, y1) = at[labels == 2][0], at[labels == 3][0]
        inside[:] = False
        inside[y0 : y1 + 1, x0 : x1 + 1] = True
        told.append((colours[:, (y0 + y1) // 2, (x0 + x1) // 2], 1.0))
    if fed is not None and (fed > 0).any():
        told.append((colours[:, fed > 0].mean(1), 0.5))
    colour, weight = _mean(told)
    distance = np.abs(colours - colour[:, None, None]).sum(0)
    for (x, y), label in zip(at, labels, strict=True):
        if label == 0:
            distance = distance + (np.abs(colours - colours[:, y, x][:, None, None]).sum(0) < 0.2)
    masks = np.stack([(reach - distance) * 20 for reach in REACH])
    masks[:, ~inside] = -8
    area = (masks[0] > 0).mean()
    presence = 4.0 if weight > 0 and area > 0.002 else -4.0
    pointers = np.zeros((4, 8), np.float32)
    pointers[:, :3], pointers[:, 3], pointers[:, 4], pointers[:, 5] = colour, range(4), area, embed[7]
    return masks, np.array([0.8, 0.7, 0.9, 0.6]) + 0.01 * area, presence, pointers


@dataclass(frozen=True)
class Scene:
    """A clip of coloured squares on grey; `boxes[name][t]` is (x0, y0, x1, y1), None where hidden."""

    frames: list[ByteArray]
    boxes: dict[str, list[tuple[int, int, int, int] | None]]

    def centre(self, name: str, t: int) -> tuple[float, float]:
        box = self.boxes[name][t]
        assert box is not None
        return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2

    def truth(self, name: str, t: int) -> BoolArray:
        mask = np.zeros(self.frames[0].shape[:2], bool)
        box = self.boxes[name][t]
        if box is not None:
            mask[box[1] : box[3], box[0] : box[2]] = True
        return mask

    def click(self, name: str, t: int) -> Prompt:
        return click(*self.centre(name, t))


def squares(n: int, size: tuple[int, int] = (96, 160), hidden: range = range(0)) -> Scene:
    """Red goes right, green goes down, blue stands; red is hidden on the frames `hidden`. The light
    changes a little from frame to frame, so that what is remembered of a frame is its own."""
    h, w = size
    paths = {"red": [], "green": [], "blue": []}
    frames = []
    for t in range(n):
        image = np.full((h, w, 3), 110, np.int16)
        along = t / max(n - 1, 1)
        corners = {
            "green": (w // 2, round(along * (h - 28))),
            "blue": (w - 34, h - 34),
            "red": (round(along * (w - 70)), h // 3),
        }
        for name, (x, y) in corners.items():
            if name == "red" and t in hidden:
                paths[name].append(None)
                continue
            image[y : y + 24, x : x + 24] = COLOURS[name]
            paths[name].append((x, y, x + 24, y + 24))
        light = round(12 * np.sin(t * 0.7))
        frames.append(np.clip(image + light, 0, 255).astype(np.uint8))
    return Scene(frames, paths)


def stream(scene: Scene) -> Iterator[Frame]:
    """The clip as a camera would give it."""
    for t, image in enumerate(scene.frames):
        yield Frame(t, image, Fraction(t, 25))


def click(*xy: float, label: int = 1) -> Prompt:
    return Prompt(np.array([xy], np.float32), np.array([label], np.int32))


def box_prompt(box: Sequence[float]) -> Prompt:
    return Prompt(box=np.array(box, np.float32))


def to_bool(mask: Mask) -> BoolArray:
    return logits_to_mask(mask.logits, mask.size)


def iou(mask: Mask, truth: BoolArray) -> float:
    found = to_bool(mask)
    return float((found & truth).sum() / max((found | truth).sum(), 1))


SCENE = squares(40, hidden=range(20, 24))


def run(results: Iterator[FrameResult]) -> dict[int, FrameResult]:
    """A run to its end."""
    return {result.index: result for result in results}


def same(a: Mask, b: Mask, atol: float = 0.02) -> bool:
    """To what half precision leaves of a result that has been on disk."""
    return bool(np.allclose(a.logits, b.logits, rtol=2e-3, atol=atol))


@pytest.fixture
def toy_engine() -> ToyEngine:
    return ToyEngine()


@pytest.fixture
def toy_session(engine: ToyEngine) -> Iterator[VideoSession]:
    with VideoSession(engine, ImageStack(SCENE.frames)) as session:
        yield session
