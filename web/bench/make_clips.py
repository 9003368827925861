"""Renders the clips that the page is measured with: python make_clips.py FOLDER"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import chain, islice, repeat
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from media_helpers import write_video
from splitmask.demo.scene import Scene
from splitmask.types import ByteArray

LENGTHS = {"short": (1920, 1080, 60), "long": (480, 270, 1100)}  # width, height, frames


def back_and_forth(width: int, height: int, frames: int) -> Iterator[ByteArray]:
    """The demo's scene as long as it is wanted, without a cut."""
    shots = [shot.image for shot in Scene(width=width, height=height).shots()]
    return islice(chain.from_iterable(repeat(shots + shots[-2:0:-1])), frames)


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, (width, height, frames) in LENGTHS.items():
        write_video(out / f"{name}.mp4", back_and_forth(width, height, frames), options={"crf": "20"})
    Image.fromarray(next(back_and_forth(1280, 720, 1))).save(out / "photo.jpg", quality=92)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
