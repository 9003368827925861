"""Clips made of labelled pictures, in which a thing goes away for eight frames and comes back.

Real clips seldom say when an object is out of view. Here it is known: a thing cut out of one picture moves
over another, and either leaves the frame or is covered by a piece of a third. Frames on which it is only
partly to be seen are not labelled, as nobody could say what is right on them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

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
        _clip(*found[i], found[i - 1][0].image, found[i - 2][0].image, i % 2 == 0)
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


def _clip(
    picture: LoadedImage, mask: BoolArray, ground: ByteArray, wall: ByteArray, leaves: bool
) -> ClipSample:
    rng = np.random.default_rng(list(_digest(picture.sample.name)[:8]))
    scene = _compose(_cut(picture.image, mask, min(ground.shape[:2]), rng), ground, wall, leaves, rng)
    name = f"{KIND}_{'leaves' if leaves else 'covered'}_{picture.sample.name}"
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
    """The thing (h, w, 4), its larger side a quarter to two fifths of `room`."""
    x0, y0, x1, y1 = (int(v) for v in mask_to_box(mask))
    alpha = Image.fromarray(mask[y0:y1, x0:x1].astype(np.uint8) * 255)
    cut = Image.fromarray(image[y0:y1, x0:x1])
    scale = float(rng.uniform(0.25, 0.4)) * room / max(x1 - x0, y1 - y0)
    size = (max(8, round((x1 - x0) * scale)), max(8, round((y1 - y0) * scale)))
    cut = cut.resize(size, Image.Resampling.BILINEAR)
    cut.putalpha(alpha.resize(size, Image.Resampling.BILINEAR).filter(ImageFilter.BoxBlur(0.5)))
    return np.array(cut)


def _compose(
    thing: ByteArray, ground: ByteArray, wall: ByteArray, leaves: bool, rng: np.random.Generator
) -> Scene:
    height, width = ground.shape[:2]
    size = np.array(thing.shape[1::-1])
    room = np.array([width, height]) - size
    start, end = room * rng.uniform(0.1, 0.9, (2, 2))
    at = start + (end - start) * 0.4 * np.arange(FRAMES)[:, None] / (FRAMES - 1)
    beyond = np.array([1.2 * width if rng.random() < 0.5 else -1.2 * width, 0.0])
    away = _share()[:, None]
    cover = (1.4 * size).astype(np.int64) + 4
    patch = np.array(Image.fromarray(wall).resize(tuple(cover.tolist()), Image.Resampling.BILINEAR))
    over = at - (cover - size) / 2
    thing_at, wall_at = (
        (at + away * beyond, over + 10 * beyond) if leaves else (at, over + (1 - away) * beyond)
    )
    return Scene(ground, thing, patch, thing_at.round().astype(np.int64), wall_at.round().astype(np.int64))


def _share() -> npt.NDArray[np.float64]:
    """(FRAMES,) 0 in view, 1 away, between on the way."""
    index = np.arange(FRAMES)
    distance = np.maximum(AWAY.start - index, index - (AWAY.stop - 1))
    return np.clip(1 - distance / (_RAMP + 1), 0.0, 1.0)
