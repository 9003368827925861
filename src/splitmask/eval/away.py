"""Clips made of labelled pictures, in which a thing goes away for eight frames and comes back.

Real clips seldom say when an object is out of view. Here it is known: a thing cut out of one picture moves
over another, and leaves the frame, goes behind a wall (a piece of a third picture), or is covered by a piece
that comes, goes along with it and leaves it, which is the hardest. Frames on which it is only partly to be
seen are not labelled, as nobody could say what is right on them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from splitmask.errors import DataError
from splitmask.masks.boxes import mask_to_box
from splitmask.train.readers import (
    ClipSample,
    ImageSample,
    LabelMap,
    LoadedImage,
    Problems,
    load,
    object_mask,
    objects_in,
)
from splitmask.types import BoolArray, ByteArray

How = Literal["leaves", "behind", "covered"]
WAYS: tuple[How, ...] = ("leaves", "behind", "covered")
KIND = "away"
FRAMES = 20
AWAY = range(6, 14)
_RAMP = 2  # frames on the way out, and on the way back
_LEAST = 0.02  # of a picture: smaller things are not cut out


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """thing (h, w, 4) with its shape as alpha, wall (h', w', 3), at (FRAMES, 2) and wall_at: top left."""

    ground: ByteArray  # (H, W, 3)
    thing: ByteArray
    wall: ByteArray
    at: npt.NDArray[np.int64]
    wall_at: npt.NDArray[np.int64]

    def frame(self, index: int) -> ByteArray:
        picture = Image.fromarray(self.ground)
        thing = Image.fromarray(self.thing)
        picture.paste(thing.convert("RGB"), tuple(self.at[index].tolist()), thing.getchannel("A"))
        picture.paste(Image.fromarray(self.wall), tuple(self.wall_at[index].tolist()))
        return np.array(picture)

    def seen(self, index: int) -> BoolArray:
        """(H, W) where the thing is to be seen."""
        h, w = self.ground.shape[:2]
        mask = Image.new("L", (w, h))
        mask.paste(Image.fromarray(self.thing).getchannel("A"), tuple(self.at[index].tolist()))
        wall = self.wall.shape[1::-1]
        mask.paste(Image.new("L", wall), tuple(self.wall_at[index].tolist()))
        return np.asarray(mask) > 127

    def labelled(self) -> tuple[int, ...]:
        """Frames on which the thing is out of view, or at least half as much in view as on the first."""
        areas = [int(np.count_nonzero(self.seen(index))) for index in range(FRAMES)]
        return tuple(i for i, area in enumerate(areas) if area == 0 or 2 * area >= areas[0])


def away_clips(samples: Sequence[ImageSample], count: int, problems: Problems) -> list[ClipSample]:
    """`count` clips, or fewer if there are fewer pictures that show a thing; the same for the same names.

    Pictures that cannot be read go to `problems`.
    """
    found: list[tuple[LoadedImage, BoolArray]] = []
    for sample in sorted(samples, key=lambda sample: _digest(sample.name)):
        if len(found) == count:
            break
        try:
            picture = load(sample)
        except DataError as error:
            problems.report(error)
            continue
        if (mask := _largest(picture.labels)) is not None:
            found.append((picture, mask))
    return [
        _clip(*found[i], found[i - 1][0].image, found[i - 2][0].image, WAYS[i % len(WAYS)])
        for i in range(len(found) if len(found) > 2 else 0)
    ]


def _digest(name: str) -> bytes:
    return hashlib.sha1(name.encode(), usedforsecurity=False).digest()


def _largest(labels: Sequence[LabelMap]) -> BoolArray | None:
    """The largest thing of the last map, which is of whole things where there are several; not the ground."""
    masks = [object_mask(labels, key) for key in objects_in(labels) if key.map == len(labels) - 1]
    areas = [float(mask.mean()) for mask in masks]
    fitting = [i for i, area in enumerate(areas) if _LEAST <= area <= 0.5]
    return masks[max(fitting, key=areas.__getitem__)] if fitting else None


def _clip(picture: LoadedImage, mask: BoolArray, ground: ByteArray, wall: ByteArray, how: How) -> ClipSample:
    rng = np.random.default_rng(list(_digest(picture.sample.name)[:8]))
    scene = _compose(_cut(picture.image, mask, min(ground.shape[:2]), rng), ground, wall, how, rng)
    name = f"{KIND}_{how}_{picture.sample.name}"
    return ClipSample(
        name=name,
        kind=KIND,
        where=f"a clip made of {picture.sample.where}",
        frames=FRAMES,
        annotated=scene.labelled(),
        load_frame=scene.frame,
        load_labels=lambda index: [scene.seen(index).astype(np.uint8)],
    )


def _cut(image: ByteArray, mask: BoolArray, room: int, rng: np.random.Generator) -> ByteArray:
    """The thing (h, w, 4), its larger side a fifth to a third of `room`."""
    x0, y0, x1, y1 = (int(v) for v in mask_to_box(mask))
    alpha = Image.fromarray(mask[y0:y1, x0:x1].astype(np.uint8) * 255)
    cut = Image.fromarray(image[y0:y1, x0:x1])
    scale = float(rng.uniform(0.2, 0.32)) * room / max(x1 - x0, y1 - y0)
    size = (max(8, round((x1 - x0) * scale)), max(8, round((y1 - y0) * scale)))
    cut = cut.resize(size, Image.Resampling.BILINEAR)
    cut.putalpha(alpha.resize(size, Image.Resampling.BILINEAR).filter(ImageFilter.BoxBlur(0.5)))
    return np.array(cut)


def _compose(
    thing: ByteArray, ground: ByteArray, wall: ByteArray, how: How, rng: np.random.Generator
) -> Scene:
    height, width = ground.shape[:2]
    size = np.array(thing.shape[1::-1])
    room = np.array([width, height]) - size
    start, end = room * rng.uniform(0.1, 0.9, (2, 2))
    away = _share()[:, None]
    beyond = np.array([1.2 * width if rng.random() < 0.5 else -1.2 * width, 0.0])
    cover = np.array([1.2, 1.4]) * size + 4
    if how == "behind":
        start[0], end[0] = (0.0, room[0]) if beyond[0] > 0 else (room[0], 0.0)
        at = start + (end - start) * _pausing()[:, None]
        wall_at = np.repeat((at[AWAY.start] - (cover - size) / 2)[None], FRAMES, axis=0)
    else:
        at = start + (end - start) * 0.4 * np.arange(FRAMES)[:, None] / (FRAMES - 1)
        wall_at = at - (cover - size) / 2 + beyond * (10 if how == "leaves" else 1 - away)
        at = at + away * beyond * (how == "leaves")
    patch = _patch(wall, (int(cover[0]), int(cover[1])), rng)
    return Scene(ground, thing, patch, at.round().astype(np.int64), wall_at.round().astype(np.int64))


def _patch(image: ByteArray, size: tuple[int, int], rng: np.random.Generator) -> ByteArray:
    """A piece of a picture, (w, h) large, from anywhere in it."""
    h, w = image.shape[:2]
    wide, high = min(size[0], w), min(size[1], h)
    x, y = int(rng.integers(0, w - wide + 1)), int(rng.integers(0, h - high + 1))
    piece = Image.fromarray(image[y : y + high, x : x + wide])
    return np.array(piece.resize(size, Image.Resampling.BILINEAR))


def _pausing() -> npt.NDArray[np.float64]:
    """(FRAMES,) half the way by the first frame away, the other half after the last."""
    index, last = np.arange(FRAMES), AWAY.stop - 1
    return 0.5 * np.minimum(index / AWAY.start, 1) + 0.5 * np.maximum(index - last, 0) / (FRAMES - 1 - last)


def _share() -> npt.NDArray[np.float64]:
    """(FRAMES,) 0 in view, 1 away, between on the way."""
    index = np.arange(FRAMES)
    distance = np.maximum(AWAY.start - index, index - (AWAY.stop - 1))
    return np.clip(1 - distance / (_RAMP + 1), 0.0, 1.0)
