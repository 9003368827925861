"""Writes fixtures/masks/resize.json: what the studio's masks have to be, pixel for pixel."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

from splitmask.masks import rle
from splitmask.masks.feather import feather
from splitmask.masks.resize import logits_to_mask, mask_to_square
from splitmask.types import FloatArray

OUT = Path(__file__).parent.parent / "fixtures" / "masks" / "resize.json"

# (side of the logits, height, width): larger, smaller, odd, portrait, a factor that rounds badly
SIZES = ((16, 54, 96), (16, 9, 7), (32, 101, 67), (8, 8, 8), (24, 1, 40), (32, 270, 480), (20, 333, 111))
FEATHERS = ((40, 60, 1.0), (40, 60, 4.0), (33, 21, 7.5), (50, 50, 30.0), (8, 90, 50.0))
SQUARES = ((54, 96, 16), (9, 7, 16), (101, 67, 24), (16, 16, 16), (3, 200, 8))


def blobs(side: int, seed: int) -> FloatArray:
    """Smooth logits with some noise, so that outlines cross pixels at all angles."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] / side
    centre = generator.uniform(0.2, 0.8, (3, 2))
    near = np.max([0.25 - np.hypot(x - cx, y - cy) for cx, cy in centre], axis=0)
    noisy: FloatArray = (near * 20 + generator.normal(0, 0.4, (side, side))).astype(np.float32)
    return noisy


def mask_case(number: int, side: int, height: int, width: int) -> dict[str, Any]:
    logits = blobs(side, number)
    return {
        "name": f"{side} to {height}x{width}",
        "side": side,
        "logits": base64.b64encode(logits.astype("<f4").tobytes()).decode("ascii"),
        "size": [height, width],
        "counts": rle.encode(logits_to_mask(logits, (height, width))).counts,
    }


def square_case(number: int, height: int, width: int, side: int) -> dict[str, Any]:
    mask = logits_to_mask(blobs(16, 100 + number), (height, width))
    return {
        "name": f"{height}x{width} to {side}",
        "size": [height, width],
        "counts": rle.encode(mask).counts,
        "side": side,
        "square": [round(float(value), 7) for value in mask_to_square(mask, side).ravel()],
    }


def feather_case(number: int, height: int, width: int, radius: float) -> dict[str, Any]:
    mask = logits_to_mask(blobs(16, 200 + number), (height, width))
    alpha = np.round(feather(mask, radius) * 255).astype(np.uint8)
    return {
        "name": f"{height}x{width} over {radius} px",
        "size": [height, width],
        "counts": rle.encode(mask).counts,
        "radius": radius,
        "alpha": base64.b64encode(alpha.tobytes()).decode("ascii"),
    }


def fixtures() -> str:
    cases = {
        "masks": [mask_case(i, *each) for i, each in enumerate(SIZES)],
        "squares": [square_case(i, *each) for i, each in enumerate(SQUARES)],
        "feathers": [feather_case(i, *each) for i, each in enumerate(FEATHERS)],
    }
    return json.dumps(cases, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(fixtures(), encoding="utf-8")
