"""What the examples share: options, a picture and a clip to try them on, overlays to look at."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from splitmask.demo.scene import BALL, BALLOON, Scene

CLICK = {BALL: (42, 240), BALLOON: (149, 95)}  # x, y on the first frame of the drawn clip
_SIZE = (640, 360)
_COLOURS = ((40, 110, 255), (255, 80, 60), (80, 220, 120), (250, 200, 50), (190, 100, 250))


def options(description: str, source: str) -> argparse.ArgumentParser:
    """The model, what to work on and where results go; source: the help of the first argument."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", nargs="?", type=Path, help=f"{source}; a drawn one by default")
    parser.add_argument("--config", default="nano", help="e.g. configs/sam2.1/sam2.1_hiera_l.yaml")
    parser.add_argument("--checkpoint", default="nano", help="e.g. checkpoints/sam2.1_hiera_large.pt")
    parser.add_argument("--device", default="cuda", help="another one is taken where there is no CUDA")
    parser.add_argument("-o", "--out", type=Path, default=Path("examples-out"))
    return parser


def picture(source: Path | None) -> npt.NDArray[np.uint8]:
    """(H, W, 3) RGB: a file, or the first frame of the drawn clip."""
    if source is None:
        return next(iter(Scene(*_SIZE, length=1).shots())).image
    with Image.open(source) as image:
        return np.array(image.convert("RGB"))


def frames(source: Path | None, folder: Path, length: int) -> Path:
    """A folder of JPEG frames: the one given, or the drawn clip written to `folder`."""
    if source is not None:
        return source
    folder.mkdir(parents=True, exist_ok=True)
    for shot in Scene(*_SIZE, length=length).shots():
        Image.fromarray(shot.image).save(folder / f"{shot.index:05d}.jpg", quality=95)
    return folder


def save(path: Path, image: npt.NDArray[np.uint8], masks: Sequence[npt.NDArray[np.bool_]]) -> None:
    """The picture with each mask, (H, W) bool, in a colour of its own."""
    shown = image.astype(np.float32)
    for i, mask in enumerate(masks):
        shown[mask] = 0.45 * shown[mask] + 0.55 * np.array(_COLOURS[i % len(_COLOURS)], np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(shown.round().astype(np.uint8)).save(path)
    print(f"→ {path}")
