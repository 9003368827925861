"""Render the clip, click each object once on its first frame, track, and score against the truth."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from PIL import Image

from splitmask.demo.scene import NAMES, Scene
from splitmask.demo.truth import Scorer, Truth, click_on
from splitmask.effects import color_of
from splitmask.effects.sheet import contact_sheet
from splitmask.engine import Engine
from splitmask.eval.metrics import ObjectScore
from splitmask.export import EXPORTERS
from splitmask.export.video import VideoWriter
from splitmask.files import replacing, write_bytes
from splitmask.jobs import outputs, tracking
from splitmask.jobs.script import Said, Script
from splitmask.media import open_clip
from splitmask.result import ObjectInfo
from splitmask.session import VideoSession

CLIP, SHEET = "clip.mp4", "contact-sheet.png"

_EXPORTS = (EXPORTERS["rle_json"], EXPORTERS["overlay_mp4"])
TARGETS = (CLIP, SHEET, *outputs.targets(_EXPORTS))
_CELLS, _COLUMNS, _CELL_WIDTH = 12, 4, 320  # of the contact sheet


@dataclass(frozen=True, slots=True)
class Report:
    """What a demo run gives."""

    folder: Path
    clicks: dict[str, tuple[int, int]]  # name → (x, y) on frame 0
    scores: dict[str, ObjectScore]
    frames: int
    seconds: float  # of tracking and writing

    @property
    def rate(self) -> float:
        """Frames per second, all objects together."""
        return self.frames / self.seconds


def render(scene: Scene, path: Path, tick: Callable[[], object]) -> Truth:
    """Writes the clip as H.264 and gives its truth. Raises OutputError."""
    truth: Truth = {}
    size, rate = (scene.height, scene.width), Fraction(scene.fps)
    with replacing(path) as temporary, VideoWriter(temporary, size, rate, 1 / rate) as video:
        for shot in scene.shots():
            video.write(shot.image)
            truth[shot.index] = shot.labels
            tick()
    return truth


def run(engine: Engine, scene: Scene, truth: Truth, folder: Path, tick: Callable[[], bool]) -> Report:
    """Tracks the rendered clip from one click an object. Raises OutputError."""
    clicks = {key: click_on(truth[0] == key) for key in NAMES}
    script = _script(clicks)
    prompts = {said.object_id: said.prompts((scene.height, scene.width))[0] for said in script.said}
    scorer = Scorer(truth, script.objects, prompts, _CELLS)
    start = time.perf_counter()
    with open_clip(folder / CLIP) as clip, VideoSession(engine, clip) as session:
        tracking.prompt(session, script)
        plan = tracking.plan(clip.span(), script, "forward")
        writing = outputs.Outputs(folder, outputs.clip_info(clip), script.objects, _EXPORTS)
        with writing:
            for frame, result in tracking.track(session, clip, plan, tick):
                writing.add(frame, result, session)
                scorer.add(frame, result)
        seconds = time.perf_counter() - start - scorer.seconds
        outputs.save(writing, session, clip, complete=len(writing.frames) == len(plan.span))
    write_bytes(folder / SHEET, _sheet(scorer, scene.fps))
    named = {NAMES[key]: click for key, click in clicks.items()}
    return Report(folder, named, scorer.scores(), len(writing.frames), seconds)


def _script(clicks: dict[int, tuple[int, int]]) -> Script:
    objects = tuple(ObjectInfo(key, NAMES[key], color_of(at)) for at, key in enumerate(clicks))
    said = tuple(Said(0, key, [(float(x), float(y))], [1]) for key, (x, y) in clicks.items())
    return Script(objects, said)


def _sheet(scorer: Scorer, fps: int) -> bytes:
    captions = [f"frame {index}, {index / fps:.1f} s" for index, _ in scorer.pictures]
    pictures = [picture for _, picture in scorer.pictures]
    buffer = io.BytesIO()
    Image.fromarray(contact_sheet(pictures, _COLUMNS, captions, _CELL_WIDTH)).save(buffer, "PNG")
    return buffer.getvalue()
