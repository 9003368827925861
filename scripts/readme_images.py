"""Makes the README's moving picture: the demo's clip with what was tracked, names and clicks on it.

Run it as `make readme-images` after a change of the model; the folder to write to is its argument.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from splitmask.demo.run import CLIP, render, run
from splitmask.demo.scene import Scene
from splitmask.effects import Layer, labelled, rgb
from splitmask.effects.marks import prompt_marks
from splitmask.engine import load
from splitmask.jobs.outputs import RESULT
from splitmask.masks import rle
from splitmask.media import open_clip
from splitmask.result import Result, load_result
from splitmask.types import ByteArray

WIDTH = 560
QUALITY = 62
HOLD = 1200  # milliseconds for which the first frame, with the clicks on it, stays in view


def main() -> int:
    target = Path(sys.argv[1]) / "demo.webp"
    target.parent.mkdir(parents=True, exist_ok=True)
    scene = Scene()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truth = render(scene, folder / CLIP, lambda: None)
        report = run(load("nano"), scene, truth, folder, lambda: True)
        pictures = [_small(picture) for picture in _pictures(folder)]
    first, *rest = pictures
    durations = [HOLD, *[round(1000 / scene.fps)] * len(rest)]
    how = {"quality": QUALITY, "method": 6, "loop": 0, "duration": durations}
    first.save(target, save_all=True, append_images=rest, **how)
    scores = ", ".join(f"{name} {score.jf:.3f}" for name, score in report.scores.items())
    print(f"{target}: {target.stat().st_size / 1e3:.0f} kB; J&F {scores}")
    return 0


def _pictures(folder: Path) -> Iterator[ByteArray]:
    result = load_result(folder / RESULT)
    with open_clip(folder / CLIP) as clip:
        for frame, record in zip(clip, result.frames, strict=True):
            masks = {mask.id: rle.decode(mask.rle) for mask in record.objects if mask.presence > 0}
            layers = [
                Layer(masks[info.id], rgb(info.color), info.name)
                for info in result.objects
                if info.id in masks
            ]
            picture = labelled(frame.image, layers)
            yield picture if frame.index else _clicks(picture, result)


def _clicks(picture: ByteArray, result: Result) -> ByteArray:
    colors = {info.id: rgb(info.color) for info in result.objects}
    for record in result.prompts:
        picture = prompt_marks(picture, record.to_prompt(), colors[record.object_id])
    return picture


def _small(picture: ByteArray) -> Image.Image:
    height = round(picture.shape[0] * WIDTH / picture.shape[1])
    return Image.fromarray(picture).resize((WIDTH, height), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    sys.exit(main())
