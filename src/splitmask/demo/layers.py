"""The still parts of the demo's scene, each a wide picture that the camera pans over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from splitmask.demo.texture import noise, over, ramp, smoothstep
from splitmask.types import FloatArray

HORIZON = 236.0  # where the meadow begins, in a frame 360 high
TREE_X, TREE_WIDTH = 352.0, 86.0  # of the trunk, in a frame 640 wide with the camera at rest


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Colour (H, W + margin, 3) and alpha (H, W + margin); `depth` 1 moves fully with the camera."""

    colour: FloatArray
    alpha: FloatArray
    depth: float

    def window(self, camera: float, width: int) -> tuple[FloatArray, FloatArray]:
        """Colour (H, width, 3) and alpha (H, width) from `camera` · depth pixels on, between pixels too."""
        whole, part = divmod(camera * self.depth, 1.0)
        near, far = slice(int(whole), int(whole) + width), slice(int(whole) + 1, int(whole) + 1 + width)
        colour = self.colour[:, near] * (1 - part) + self.colour[:, far] * part
        return colour, self.alpha[:, near] * (1 - part) + self.alpha[:, far] * part


@dataclass(frozen=True, slots=True, eq=False)
class Paper:
    """What a layer is painted on: pixel centres in units of a 640×360 frame, and seeded chance."""

    x: FloatArray  # (H, W + margin)
    y: FloatArray  # (H, W + margin)
    unit: float  # pixels of a unit
    rng: np.random.Generator

    def noise(self, height: float, width: float, octaves: int = 4) -> FloatArray:
        """Fractal noise whose largest blobs are `height` × `width` units."""
        return noise(self.x.shape, (height * self.unit, width * self.unit), self.rng, octaves)

    def ridge(self, base: float, swing: float, width: float) -> FloatArray:
        """(H, W + margin) a hilly line's y above `base`, the same in every row."""
        line = noise((1, self.x.shape[1]), (1, width * self.unit), self.rng, 5)
        return np.broadcast_to(base - swing * line, self.x.shape)


def sky(paper: Paper) -> Layer:
    blue = ramp(paper.y / HORIZON, (58, 116, 186), (132, 178, 220), (238, 216, 186))
    cloud = smoothstep(0.50, 0.82, paper.noise(52, 150, 5)) * (1 - smoothstep(150, 230, paper.y))
    shade = ramp(paper.noise(30, 60), (206, 208, 222), (255, 252, 246))
    over(blue, shade, cloud * 0.9)
    return Layer(blue, np.ones_like(paper.x), 0.12)


def mountains(paper: Paper) -> Layer:
    line = paper.ridge(222, 96, 170)
    rock = ramp(paper.noise(34, 22, 5), (84, 98, 132), (132, 142, 168), (176, 180, 196))
    snow = smoothstep(-6, 10, 128 + 26 * paper.noise(18, 14) - paper.y) * smoothstep(0, 10, paper.y - line)
    over(rock, ramp(paper.noise(16, 10), (206, 214, 230), (250, 250, 252)), snow)
    haze = smoothstep(130, 246, paper.y) * 0.7
    over(rock, ramp(haze, (190, 200, 214), (214, 208, 196)), haze)
    return Layer(rock, smoothstep(-0.8, 0.8, paper.y - line), 0.28)


def hills(paper: Paper) -> Layer:
    line = paper.ridge(246, 46, 110) - 7 * paper.noise(6, 7, 3)
    leaves = ramp(paper.noise(9, 8, 4), (34, 62, 40), (62, 96, 52), (110, 136, 74))
    return Layer(leaves, smoothstep(-1.2, 1.2, paper.y - line), 0.55)


def meadow(paper: Paper) -> Layer:
    near = np.clip((paper.y - HORIZON) / (360 - HORIZON), 0, 1)
    blades = 0.55 * paper.noise(5, 2.2, 2) + 0.45 * paper.noise(26, 70, 3)
    grass = ramp(blades, (52, 88, 34), (98, 138, 50), (158, 182, 82))
    grass *= (0.80 + 0.26 * near)[..., None]
    flowers = smoothstep(0.80, 0.86, paper.noise(3.2, 3.2, 1)) * smoothstep(0.45, 0.7, paper.noise(30, 60, 2))
    over(
        grass,
        ramp(paper.noise(4, 4, 1), (240, 214, 92), (246, 240, 232)),
        flowers * smoothstep(0.1, 0.4, near),
    )
    edge = paper.y - HORIZON - 3 * paper.noise(8, 24, 3)
    return Layer(grass, smoothstep(-1, 1, edge), 0.8)


def tree(paper: Paper) -> Layer:
    """A trunk that the ball passes behind, flaring to its roots, with a crown above the frame."""
    flare = 1 + 0.35 * smoothstep(270, 340, paper.y) + 0.25 * (1 - smoothstep(0, 90, paper.y))
    half = TREE_WIDTH / 2 * flare + 3 * (paper.noise(60, 400, 3) - 0.5)
    across = (paper.x - TREE_X - 0.8 * _REST) / half
    bark = ramp(
        0.6 * paper.noise(46, 6, 3) + 0.4 * paper.noise(14, 4, 3),
        (50, 36, 28),
        (104, 80, 60),
        (158, 132, 104),
    )
    bark *= (0.42 + 0.78 * np.clip(0.75 - 0.6 * across, 0, 1) * np.sqrt(np.clip(1 - across**2, 0, 1)))[
        ..., None
    ]
    bottom = smoothstep(-1.5, 1.5, 338 + 8 * paper.noise(9, 6, 2) - paper.y)
    trunk = smoothstep(-1.0 / TREE_WIDTH, 1.0 / TREE_WIDTH, 1 - np.abs(across)) * bottom
    leaves = ramp(paper.noise(12, 12, 4), (24, 52, 26), (64, 104, 40), (138, 168, 70))
    reach = 1 - np.abs(paper.x - TREE_X - 0.8 * _REST) / 190
    crown = smoothstep(-0.05, 0.05, 0.9 * reach - paper.y / 78 + 0.75 * (paper.noise(17, 17, 4) - 0.5))
    over(bark, leaves, crown)
    return Layer(bark, np.maximum(trunk, crown), 1.0)


_REST = 23.0  # where the camera rests, in the middle of its sweep

LAYERS = (sky, mountains, hills, meadow, tree)
