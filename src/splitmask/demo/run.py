"""Render the clip, click each object once on its first frame, track, and score against the truth."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from splitmask.cli import outputs, tracking
from splitmask.cli.said import Said, Script
from splitmask.demo.scene import NAMES, Scene
from splitmask.effects import Layer, color_of, overlay, rgb
from splitmask.effects.sheet import contact_sheet
from splitmask.engine import Engine
from splitmask.eval.metrics import (
    ObjectScore,
    boundary_accuracy,
    region_similarity,
    score_object,
    scored_frames,
)
from splitmask.export import EXPORTERS, prepare_out_dir
from splitmask.export.video import VideoWriter
from splitmask.files import replacing, write_bytes
from splitmask.masks.resize import logits_to_mask
from splitmask.media import open_clip
from splitmask.result import ObjectInfo
from splitmask.session import FrameResult, VideoSession
from splitmask.types import BoolArray, ByteArray, Frame

CLIP, SHEET = "clip.mp4", "contact-sheet.png"
_CELLS, _COLUMNS, _CELL_WIDTH = 12, 4, 320  # of the contact sheet

Labels = dict[int, ByteArray]  # frame → (H, W) object numbers


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


def prepare(folder: Path, overwrite: bool) -> None:
    """Raises OutputError where the demo could not write."""
    targets = (exporter.target for exporter in _EXPORTS)
    prepare_out_dir(folder, (*targets, outputs.RESULT, CLIP, SHEET), overwrite)


def render(scene: Scene, path: Path, tick: Callable[[], object]) -> Labels:
    """Writes the clip as H.264 and gives its truth. Raises OutputError."""
    truth: Labels = {}
    size, rate = (scene.height, scene.width), Fraction(scene.fps)
    with replacing(path) as temporary, VideoWriter(temporary, size, rate, 1 / rate) as video:
        for shot in scene.shots():
            video.write(shot.image)
            truth[shot.index] = shot.labels
            tick()
    return truth


def click_on(mask: BoolArray) -> tuple[int, int]:
    """(x, y) of the pixel deepest inside a mask: where a person would click."""
    inside, core = np.asarray(mask), np.asarray(mask)
    while inside.any():
        core = inside
        inside = (
            inside
            & np.roll(inside, 1, 0)
            & np.roll(inside, -1, 0)
            & np.roll(inside, 1, 1)
            & np.roll(inside, -1, 1)
        )
    rows, columns = np.nonzero(core)
    middle = len(rows) // 2
    return int(columns[middle]), int(rows[middle])


def run(engine: Engine, scene: Scene, truth: Labels, folder: Path, tick: Callable[[], bool]) -> Report:
    """Tracks the rendered clip from one click an object. Raises OutputError."""
    clicks = {key: click_on(truth[0] == key) for key in NAMES}
    script = _script(clicks)
    scorer = _Scorer(truth, script.objects, scene.fps)
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
    sheet = contact_sheet(scorer.pictures, _COLUMNS, scorer.captions, _CELL_WIDTH)
    write_bytes(folder / SHEET, _png(sheet))
    named = {NAMES[key]: click for key, click in clicks.items()}
    return Report(folder, named, scorer.scores(), len(writing.frames), seconds)


_EXPORTS = (EXPORTERS["rle_json"], EXPORTERS["overlay_mp4"])


def _script(clicks: dict[int, tuple[int, int]]) -> Script:
    objects = tuple(ObjectInfo(key, NAMES[key], color_of(at)) for at, key in enumerate(clicks))
    said = tuple(Said(0, key, [(float(x), float(y))], [1]) for key, (x, y) in clicks.items())
    return Script(objects, said)


class _Scorer:
    """J and F frame by frame, and the pictures of the contact sheet. Its own time is counted apart."""

    def __init__(self, truth: Labels, objects: tuple[ObjectInfo, ...], fps: int) -> None:
        self.pictures: list[ByteArray] = []
        self.captions: list[str] = []
        self.seconds = 0.0
        self._truth, self._objects, self._fps = truth, objects, fps
        self._shown = {round(at) for at in np.linspace(0, len(truth) - 1, _CELLS)}
        self._scored = set(scored_frames(list(truth)))
        self._j: dict[int, list[float]] = {info.id: [] for info in objects}
        self._f: dict[int, list[float]] = {info.id: [] for info in objects}

    def add(self, frame: Frame, result: FrameResult | None) -> None:
        start = time.perf_counter()
        masks = (
            {key: logits_to_mask(mask.logits, mask.size) for key, mask in result.masks.items()}
            if result
            else {}
        )
        for info in self._objects:
            if frame.index in self._scored:
                found = masks.get(info.id, np.zeros(frame.size, np.bool_))
                right = self._truth[frame.index] == info.id
                self._j[info.id].append(region_similarity(found, right))
                self._f[info.id].append(boundary_accuracy(found, right))
        if frame.index in self._shown:
            layers = [Layer(masks[info.id], rgb(info.color)) for info in self._objects if info.id in masks]
            self.pictures.append(overlay(frame.image, layers))
            self.captions.append(f"frame {frame.index}, {frame.index / self._fps:.1f} s")
        self.seconds += time.perf_counter() - start

    def scores(self) -> dict[str, ObjectScore]:
        return {
            info.name: score_object(self._j[info.id], self._f[info.id])
            for info in self._objects
            if self._j[info.id]
        }


def _png(image: ByteArray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()
