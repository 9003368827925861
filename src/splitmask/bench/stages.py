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
    return 2 * rounds + _WARM_UP


def measure(engine: Engine, yardstick: Yardstick, rounds: int, tick: Tick) -> Times:
    """Every stage `rounds` times, in turn with the yardstick."""
    times = Times()
    shots = list(Scene(WIDTH, HEIGHT, length=_WARM_UP + rounds).shots())
    yardstick.warm_up()
    _image(engine, yardstick, shots[0], times, rounds, tick)
    with tempfile.TemporaryDirectory() as folder:
        _video(engine, yardstick, shots, Path(folder), times, tick)
    return times


def _image(engine: Engine, yardstick: Yardstick, shot: Shot, times: Times, rounds: int, tick: Tick) -> None:
    session = ImageSession(engine)
    session.set_image(shot.image)
    click = _click(WIDTH // 3, HEIGHT // 3)
    session.predict(click)
    for _ in range(rounds):
        yardstick.sample(times.encode, lambda: engine.encode(shot.image))
        yardstick.sample(times.click, lambda: session.predict(click), repeats=4)
        tick()


def _video(
    engine: Engine, yardstick: Yardstick, shots: list[Shot], folder: Path, times: Times, tick: Tick
) -> None:
    _write(folder / _CLIP, shots)
    clicks = [_click(*click_on(shots[0].labels == key)) for key in (BALLOON, BALL)]
    clicks.append(_click(WIDTH // 2, HEIGHT // 2))  # the tree
    with ExitStack() as stack:
        one = _tracked(engine, folder / _CLIP, clicks[:1], stack)
        many = _tracked(engine, folder / _CLIP, clicks, stack)
        png, overlay = _writer("png", folder, stack), _writer("overlay_mp4", folder, stack)
        for shot in shots:
            if shot.index < _WARM_UP:
                _ = next(one), next(many)
            else:
                frame = Frame(shot.index, shot.image, Fraction(shot.index, _RATE))
                masks = {1: shot.labels > 0}
                yardstick.sample(times.frame, partial(next, one))
                yardstick.sample(times.frame_many, partial(next, many))
                yardstick.sample(times.png, partial(png.add, frame, masks))
                yardstick.sample(times.overlay, partial(overlay.add, frame, masks))
            tick()


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
