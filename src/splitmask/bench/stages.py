"""What is measured: the verbs on their own, a tracked 720p frame, what each further object adds, writing."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from splitmask.bench.measure import Samples, Yardstick
from splitmask.demo.scene import BALL, BALLOON, Scene, Shot
from splitmask.demo.truth import click_on
from splitmask.effects import color_of
from splitmask.engine import Engine
from splitmask.export import EXPORTERS, ClipInfo, Writer
from splitmask.export.video import VideoWriter
from splitmask.masks import rle
from splitmask.masks.resize import logits_to_mask
from splitmask.media import open_clip
from splitmask.result import ObjectInfo
from splitmask.session import ImageSession, VideoSession
from splitmask.types import Frame, Prompt

WIDTH, HEIGHT = 1280, 720
_CLIP, _RATE = "clip.mp4", 24
_OBJECTS = 3  # in the run that says what each further one costs
_WARM_UP = 20  # frames until memories and pointers are all in use

Tick = Callable[[], object]


@dataclass(slots=True)
class Times:
    """Samples of everything that is timed."""

    encode: Samples = field(default_factory=Samples)
    click: Samples = field(default_factory=Samples)
    frame: Samples = field(default_factory=Samples)
    frame_many: Samples = field(default_factory=Samples)
    png: Samples = field(default_factory=Samples)
    overlay: Samples = field(default_factory=Samples)

    @property
    def extra(self) -> Samples:
        """What each further object adds to a frame: the difference of two runs over the same frames."""
        pairs = zip(self.frame.ms, self.frame_many.ms, strict=True)
        ratios = zip(self.frame.ratios, self.frame_many.ratios, strict=True)
        more = _OBJECTS - 1
        return Samples([(b - a) / more for a, b in pairs], [(b - a) / more for a, b in ratios])


def steps(rounds: int) -> int:
    """How often `measure` ticks."""
    return _WARM_UP + rounds


def measure(engine: Engine, yardstick: Yardstick, rounds: int, tick: Tick) -> Times:
    """Every stage `rounds` times, all of them in every round and the yardstick between them."""
    times = Times()
    shots = list(Scene(WIDTH, HEIGHT, length=_WARM_UP + rounds).shots())
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        subjects = _Subjects.of(engine, shots, Path(folder), stack)
        yardstick.warm_up()
        for shot in shots[:_WARM_UP]:
            subjects.session.set_image(shot.image)
            _ = next(subjects.one), next(subjects.many)
            tick()
        for shot in shots[_WARM_UP:]:
            subjects.round(yardstick, times, shot)
            tick()
    return times


@dataclass(frozen=True, slots=True)
class _Subjects:
    """Everything that is measured, ready to go on."""

    session: ImageSession
    click: Prompt
    one: Iterator[list[rle.Rle]]  # a clip with one object
    many: Iterator[list[rle.Rle]]  # the same with _OBJECTS
    png: Writer
    overlay: Writer

    @classmethod
    def of(cls, engine: Engine, shots: Sequence[Shot], folder: Path, stack: ExitStack) -> _Subjects:
        path = folder / _CLIP
        _write(path, shots)
        clicks = [_click(*click_on(shots[0].labels == key)) for key in (BALLOON, BALL)]
        clicks.append(_click(WIDTH // 2, HEIGHT // 2))  # the tree
        return cls(
            ImageSession(engine),
            clicks[0],
            _tracked(engine, path, clicks[:1], stack),
            _tracked(engine, path, clicks, stack),
            _writer("png", folder, stack),
            _writer("overlay_mp4", folder, stack),
        )

    def round(self, yardstick: Yardstick, times: Times, shot: Shot) -> None:
        """One sample of each."""
        frame = Frame(shot.index, shot.image, Fraction(shot.index, _RATE))
        masks = {1: shot.labels > 0}
        yardstick.sample(times.encode, partial(self.session.set_image, shot.image))
        yardstick.sample(times.click, partial(self.session.predict, self.click), repeats=4)
        yardstick.sample(times.frame, partial(next, self.one))
        yardstick.sample(times.frame_many, partial(next, self.many))
        yardstick.sample(times.png, partial(self.png.add, frame, masks))
        yardstick.sample(times.overlay, partial(self.overlay.add, frame, masks))


def _tracked(
    engine: Engine, path: Path, clicks: Sequence[Prompt], stack: ExitStack
) -> Iterator[list[rle.Rle]]:
    """Frame after frame, the objects' run-length codes."""
    clip = stack.enter_context(open_clip(path))
    session = stack.enter_context(VideoSession(engine, clip))
    for object_id, click in enumerate(clicks, 1):
        session.add_prompt(object_id, 0, click)
    for result in session.propagate():
        masks = result.masks.values()
        yield [rle.encode(logits_to_mask(mask.logits, mask.size)) for mask in masks]


def _writer(name: str, folder: Path, stack: ExitStack) -> Writer:
    objects = [ObjectInfo(1, "object 1", color_of(0))]
    clip = ClipInfo(_CLIP, HEIGHT, WIDTH, Fraction(_RATE))
    return stack.enter_context(EXPORTERS[name].open(folder, clip, objects))


def _write(path: Path, shots: Sequence[Shot]) -> None:
    rate = Fraction(_RATE)
    with VideoWriter(path, (HEIGHT, WIDTH), rate, 1 / rate) as video:
        for shot in shots:
            video.write(shot.image)


def _click(x: int, y: int) -> Prompt:
    return Prompt(np.array([[x, y]], np.float32), np.ones(1, np.int32))


def import_seconds(rounds: int = 5) -> float:
    """Median seconds of `import splitmask` in fresh processes."""
    code = "import time; t = time.perf_counter(); import splitmask; print(time.perf_counter() - t)"
    runs = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True) for _ in range(rounds)
    )
    return statistics.median(float(run.stdout) for run in runs)
