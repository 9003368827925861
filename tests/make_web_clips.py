"""Renders what the studio's browser tests open, and tracks one of the clips as Python does:

    python tests/make_web_clips.py OUT_FOLDER

Nothing of it is kept: every run makes it anew, from a seed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import splitmask
from media_helpers import numbered, write_numbered, write_video
from splitmask.bundle import Bundle
from splitmask.bundle.make import of_image
from splitmask.demo.scene import BALL, BALLOON, Scene
from splitmask.demo.truth import click_on
from splitmask.masks import rle
from splitmask.masks.resize import logits_to_mask
from splitmask.media import open_clip
from splitmask.session import FrameResult, ImageSession, VideoSession
from splitmask.types import ByteArray, Mask, Prompt

SCENE = Scene(width=480, height=270)
FRAMES = 20  # of its beginning
CLICKED = 8  # the frame that is clicked
BT709 = 1


def write_clips(out: Path) -> None:
    write_numbered(out / "numbered.mp4", 40, audio=True)
    write_numbered(out / "rotated.mp4", 14, rotation=90)
    times = [0, 40, 80, 200, 230, 300, 420, 460, 500, 900]
    write_numbered(out / "variable.webm", 10, codec="libvpx-vp9", options={"g": "5"}, times=times)
    write_numbered(out / "mpeg4.mp4", 8, codec="mpeg4", options={})
    write_video(out / "colours.mp4", colours(), options={"qp": "0"}, colourspace=BT709)
    (out / "empty.mp4").write_bytes(b"")
    (out / "cut.mp4").write_bytes((out / "numbered.mp4").read_bytes()[:900])
    (out / "words.mp4").write_text("this is no video at all\n" * 40, encoding="utf-8")
    photo = Image.fromarray(numbered(5, 60, 120))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90° clockwise
    photo.save(out / "photo.jpg", exif=exif, quality=95)
    (out / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))


def colours() -> Iterator[ByteArray]:
    """One frame of flat patches, well apart from each other."""
    steps = np.array([16, 96, 176, 240], np.uint8)
    patches = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(8, 8, 3)
    yield np.repeat(np.repeat(patches, 32, axis=0), 32, axis=1)


def pixels(out: Path) -> dict[str, Any]:
    """What Python reads of a clip: the colour in the middle of each patch."""
    with open_clip(out / "colours.mp4") as clip:
        return {"patches": clip.frame(0).image[16::32, 16::32].reshape(-1, 3).tolist()}


def track(out: Path) -> dict[str, Any]:
    """One click an object in the middle of the clip, forward to its end, backward to its beginning."""
    shots = list(islice(SCENE.shots(), FRAMES))
    write_video(
        out / "demo.mp4",
        (shot.image for shot in shots),
        rate=SCENE.fps,
        colourspace=BT709,
        options={"crf": "16"},
    )
    clicks = {key: click_on(shots[CLICKED].labels == key) for key in (BALL, BALLOON)}
    found: dict[int, FrameResult] = {}
    engine = splitmask.load("nano", engine="ort", threads=1)
    with open_clip(out / "demo.mp4") as clip, VideoSession(engine, clip, max_prompted=4) as session:
        for key, (x, y) in clicks.items():
            session.add_prompt(key, CLICKED, Prompt(np.array([[x, y]], np.float32), np.array([1], np.int32)))
        for reverse in (False, True):
            found |= {each.index: each for each in session.propagate(reverse=reverse)}
    return {
        "weights": engine.weights_sha256,
        "clicked": CLICKED,
        "clicks": [{"object": key, "x": x, "y": y} for key, (x, y) in clicks.items()],
        "frames": [masks_of(found[index]) for index in sorted(found)],
    }


def still(out: Path) -> dict[str, Any]:
    """A photo and a bundle of it: what a first click and a second one, outside the object, give."""
    shot = next(islice(SCENE.shots(), CLICKED, None))
    Image.fromarray(shot.image).save(out / "still.png")
    Image.new("RGB", (17_000, 4)).save(out / "wide.png")
    Image.fromarray(shot.image).resize((4800, 2700)).save(out / "large.jpg", quality=90)
    engine = splitmask.load("nano", engine="ort", threads=1)
    of_image(engine, shot.image).save(out / "still.zip")
    x, y = click_on(shot.labels == BALL)
    points = [(x, y, 1), (x + 60, y, 0)]
    photo, travelled = ImageSession(engine), ImageSession(engine)
    photo.set_image(shot.image)
    travelled.set_features(engine.from_arrays(Bundle.load(out / "still.zip").features), shot.image.shape[:2])
    return {
        "points": points,
        "large": [(10 * x, 10 * y, 1)],
        "photo": [counts(photo.add_point(*point)) for point in points],
        "bundle": [counts(travelled.add_point(*point)) for point in points],
    }


def counts(mask: Mask | None) -> str:
    return "" if mask is None else rle.encode(logits_to_mask(mask.logits, mask.size)).counts


def masks_of(result: FrameResult) -> dict[str, Any]:
    codes = {key: counts(mask) for key, mask in result.masks.items()}
    return {"frame": result.index, "masks": codes}


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    write_clips(out)
    expected = {**pixels(out), "size": [SCENE.height, SCENE.width], **track(out), "still": still(out)}
    (out / "expected.json").write_text(json.dumps(expected), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
