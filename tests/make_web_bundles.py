"""Bundles of frames of the studio's test clip, and what `splitmask decode` makes of clicks on them:

    python tests/make_web_bundles.py OUT_FOLDER

OUT_FOLDER holds what `make_web_clips.py` has written.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import splitmask
from make_web_clips import CLICKED, SCENE, counts
from splitmask.bundle import Bundle, answer
from splitmask.cli import main as command
from splitmask.demo.scene import BALL, BALLOON
from splitmask.demo.truth import click_on
from splitmask.engine import Engine
from splitmask.result import ObjectInfo
from splitmask.session.tracker import answer_clicks
from splitmask.types import Mask, Prompt

TRACKED = CLICKED + 6
OURS = ("--engine", "ort", "--threads", "1")
Point = tuple[float, float, int]


def run(*words: object) -> None:
    code = command([str(word) for word in words])
    if code:
        raise SystemExit(code)


def encode(out: Path, clicks: Mapping[int, tuple[float, float]]) -> None:
    """demo/000008.zip, of the frame that is clicked, and demo/000014.zip, of one that is tracked."""
    said = [{"frame": CLICKED, "object": key, "points": [at], "labels": [1]} for key, at in clicks.items()]
    prompts = out / "prompts.json"
    prompts.write_text(json.dumps({"version": 1, "prompts": said}), encoding="utf-8")
    words = ("--frames", f"{CLICKED},{TRACKED}", "--prompts", prompts, "--zip", "--overwrite")
    run("encode", out / "demo.mp4", *words, "-o", out, *OURS)


def decode(bundle: Path, out: Path, key: int, points: list[Point]) -> str:
    words = [word for x, y, label in points for word in ("--point", f"{x},{y},{label}")]
    run("decode", bundle, "--object", key, *words, "--save", "rle_json", "--overwrite", "-o", out, *OURS)
    result = json.loads((out / bundle.stem / "result.json").read_text(encoding="utf-8"))
    (mask,) = result["frames"][0]["objects"]
    return str(mask["rle"]["counts"])


def answers(engine: Engine, bundle: Bundle, key: int, points: list[Point]) -> list[str]:
    """The masks after one point more and more."""
    known = bundle.object(key)
    info = ObjectInfo(key, "new", "#ff0000") if known is None else known.info
    found = []
    for point in points:
        bundle = answer(engine, bundle, info, prompt_of([point]), clear_old=False)
        found.append(counts(bundle.mask(key)))
    return found


def prompt_of(points: list[Point]) -> Prompt:
    at, labels = [point[:2] for point in points], [point[2] for point in points]
    return Prompt(np.array(at, np.float32), np.array(labels, np.int32))


def plain(engine: Engine, bundle: Bundle, points: list[Point]) -> str:
    """What the frame's own features give, for whoever takes no notice of the object's past."""
    features = engine.from_arrays(bundle.features)
    output = answer_clicks(engine, features, prompt_of(points), bundle.size, None)
    return counts(Mask(output.logits, output.score, output.presence, bundle.size))


def cases(out: Path, clicks: Mapping[int, tuple[float, float]]) -> list[dict[str, Any]]:
    engine = splitmask.load("nano", engine="ort", threads=1)
    later = next(islice(SCENE.shots(), TRACKED, None)).labels
    (x, y), (there_x, there_y) = clicks[BALL], click_on(later == BALL)
    wanted: list[tuple[int, int, list[Point]]] = [
        (CLICKED, BALL, [(x + 12, y, 1), (x + 60, y, 0)]),
        (TRACKED, BALL, [(there_x + 60, there_y, 0), (there_x, there_y, 1)]),
        (TRACKED, BALLOON, [(*click_on(later == BALLOON), 1)]),
        (TRACKED, 7, [(there_x, there_y, 1), (there_x - 50, there_y, 0)]),
    ]
    made = []
    for frame, key, points in wanted:
        path = out / "demo" / f"{frame:06d}.zip"
        bundle = Bundle.load(path)
        mask = bundle.mask(key)
        made.append(
            {
                "bundle": path.name,
                "object": key,
                "points": points,
                "before": None if mask is None else counts(mask),
                "said": 0 if frame == TRACKED else 1,
                "decoded": decode(path, out, key, points),
                "after": answers(engine, bundle, key, points),
                "plain": plain(engine, bundle, points[:1]),
            }
        )
    return made


def main(out: Path) -> None:
    labels = next(islice(SCENE.shots(), CLICKED, None)).labels
    clicks = {key: click_on(labels == key) for key in (BALL, BALLOON)}
    encode(out, clicks)
    (out / "bundles.json").write_text(json.dumps(cases(out, clicks)), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
