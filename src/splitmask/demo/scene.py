"""A clip made on the spot whose truth is known: a meadow, a rolling ball, a balloon, a tree.

The ball passes behind the tree, wholly hidden for some frames; the balloon drifts out of the frame
and comes back. Everything is drawn from a seed, so that every machine tracks the same clip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import cos, pi, sin

import numpy as np

from splitmask.demo import layers, sprites
from splitmask.demo.texture import over
from splitmask.types import ByteArray, FloatArray

BALL, BALLOON = 1, 2
NAMES = {BALL: "ball", BALLOON: "balloon"}

_SWEEP = 46.0  # of the camera, for the nearest layer, in units of a 640×360 frame
_BALL_RADIUS, _BALLOON_RADIUS = 33.0, 46.0
_GROUND = 322.0  # where the ball touches the meadow
_BOUNCES = 5
_SHADE = np.array([0.07, 0.11, 0.06], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A frame of the clip with its truth."""

    index: int
    image: ByteArray  # (H, W, 3) RGB
    labels: ByteArray  # (H, W): 0 background, 1 ball, 2 balloon


class _Canvas:
    """A picture in the making, and how much of each object still shows in every pixel."""

    def __init__(self, width: int, height: int) -> None:
        self.colour: FloatArray = np.zeros((height, width, 3), np.float32)
        self.shows: FloatArray = np.zeros((1 + len(NAMES), height, width), np.float32)
        self.shows[0] = 0.5  # a pixel is an object's when more than half of its light is

    def lay(self, colour: FloatArray, alpha: FloatArray, at: tuple[slice, slice] = np.s_[:, :]) -> None:
        over(self.colour[at], colour, alpha)
        self.shows[1:, *at] *= 1 - alpha

    def shot(self, index: int) -> Shot:
        image = (np.clip(self.colour, 0, 1) * 255 + 0.5).astype(np.uint8)
        return Shot(index, image, self.shows.argmax(0).astype(np.uint8))


@dataclass(frozen=True)
class Scene:
    """What to render. Motion is in parts of the width and of the length, so any size shows the same story."""

    width: int = 640
    height: int = 360
    length: int = 96
    fps: int = 24
    seed: int = 11

    def shots(self) -> Iterator[Shot]:
        """The frames, one at a time, in order."""
        return (self._shot(index) for index in range(self.length))

    def _shot(self, index: int) -> Shot:
        time = index / max(1, self.length - 1)
        camera = _SWEEP * (0.5 - 0.5 * cos(2 * pi * time))
        canvas = _Canvas(self.width, self.height)
        sky, mountains, hills, meadow, tree = self._layers
        self._lay(canvas, camera, sky, mountains)
        self._lay_balloon(canvas, time)
        self._lay(canvas, camera, hills, meadow)
        self._lay_ball(canvas, time)
        self._lay(canvas, camera, tree)
        return canvas.shot(index)

    @property
    def _unit(self) -> float:
        return self.width / 640

    @cached_property
    def _layers(self) -> tuple[layers.Layer, ...]:
        columns = self.width + int(np.ceil(_SWEEP * self._unit)) + 2
        x, y = self._grid(columns)
        paper = layers.Paper(x, y, self._unit, np.random.default_rng(self.seed))
        return tuple(paint(paper) for paint in layers.LAYERS)

    def _grid(self, columns: int) -> tuple[FloatArray, FloatArray]:
        """Pixel centres in units of a 640×360 frame."""
        x = (np.arange(columns, dtype=np.float32) + 0.5) / self._unit
        y = (np.arange(self.height, dtype=np.float32) + 0.5) * (360 / self.height)
        grid_x, grid_y = np.meshgrid(x, y)
        return grid_x, grid_y

    def _lay(self, canvas: _Canvas, camera: float, *still: layers.Layer) -> None:
        for layer in still:
            canvas.lay(*layer.window(camera * self._unit, self.width))

    def _lay_balloon(self, canvas: _Canvas, time: float) -> None:
        """It drifts out over the left edge in the middle of the clip, and comes back lower."""
        away = 0.5 - 0.5 * cos(2 * pi * min(1.0, max(0.0, (time - 0.12) / 0.80)))
        x, y = 150 - 232 * away, 92 + 34 * time + 5 * sin(9 * time)
        patch = self._patch(x, y, _BALLOON_RADIUS, reach=1.8)
        if patch is not None:
            at, u, v = patch
            pixel = 1 / (_BALLOON_RADIUS * self._unit)
            colour, alpha = sprites.balloon(u, v, 0.1 * time, pixel)
            canvas.lay(colour, alpha, at)
            canvas.shows[BALLOON, *at] = alpha

    def _lay_ball(self, canvas: _Canvas, time: float) -> None:
        """It bounces lower and lower from left to right, and passes behind the tree."""
        x = 66 + 516 * time
        height = 74 * (1 - time) ** 1.5 * abs(cos(pi * _BOUNCES * time))
        self._lay_shadow(canvas, x, height)
        patch = self._patch(x, _GROUND - _BALL_RADIUS - height, _BALL_RADIUS, reach=1.1)
        if patch is not None:
            at, u, v = patch
            pixel = 1 / (_BALL_RADIUS * self._unit)
            colour, alpha = sprites.ball(u, v, x / _BALL_RADIUS, 0.5 + time, pixel)
            canvas.lay(colour, alpha, at)
            canvas.shows[BALL, *at] = alpha

    def _lay_shadow(self, canvas: _Canvas, x: float, height: float) -> None:
        patch = self._patch(x + 0.3 * height, _GROUND, _BALL_RADIUS, reach=1.6)
        if patch is not None:
            at, u, v = patch
            alpha = 0.55 / (1 + height / 40) * np.clip(1 - np.hypot(u / 1.25, v / 0.3), 0, 1) ** 0.7
            canvas.lay(np.broadcast_to(_SHADE, (*u.shape, 3)), alpha, at)

    def _patch(
        self, x: float, y: float, radius: float, reach: float
    ) -> tuple[tuple[slice, slice], FloatArray, FloatArray] | None:
        """Where a sprite falls, and its pixel centres from (x, y) in radii; None outside the frame."""
        grid_x, grid_y = self._grid(self.width)
        columns = np.flatnonzero(np.abs(grid_x[0] - x) < radius * reach)
        rows = np.flatnonzero(np.abs(grid_y[:, 0] - y) < radius * reach)
        if not len(columns) or not len(rows):
            return None
        at = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        return at, (grid_x[at] - x) / radius, (grid_y[at] - y) / radius
