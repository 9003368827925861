"""One evaluation from data paths to a report."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from splitmask.engine.base import Engine
from splitmask.errors import DataError
from splitmask.eval.away import away_clips
from splitmask.eval.clicks import ClickCase, ClickOptions, ClickRunner
from splitmask.eval.report import EvalReport
from splitmask.eval.video import VIDEO_PROMPTS, VideoCase, VideoPrompt, run_clip
from splitmask.eval.worst import Worst
from splitmask.train.readers import ClipSample, ImageSample, Problems, load, open_data, split

What = Literal["clicks", "video", "presence", "all"]
Part = Literal["held-out", "train", "all"]
Progress = Callable[[str, int, int], None]  # what, done, of how many
CLICKS_PICTURE, VIDEO_PICTURE = "worst-clicks.png", "worst-video.png"
_MADE = 24  # clips of things that go away, unless told
Sample = TypeVar("Sample", ImageSample, ClipSample)


@dataclass(frozen=True, slots=True)
class EvalOptions:
    """what: `presence` makes clips of the images, in which things go away; `all` is clicks and video;
    limit: images and clips of each kind at most, a selection that depends on their names alone;
    kinds: only these, () for all; prompts: of clips."""

    what: What = "all"
    part: Part = "held-out"
    limit: int | None = None
    kinds: tuple[str, ...] = ()
    prompts: tuple[VideoPrompt, ...] = VIDEO_PROMPTS
    clicks: ClickOptions = field(default_factory=ClickOptions)


@dataclass(frozen=True, slots=True)
class WorstCases:
    """The worst cases of clicks and of video, drawn."""

    clicks: Worst
    video: Worst

    def write(self, out: Path) -> list[Path]:
        """Writes DIR/worst-clicks.png and DIR/worst-video.png where there are cases. Raises OutputError."""
        pictures = {out / CLICKS_PICTURE: self.clicks, out / VIDEO_PICTURE: self.video}
        return [path for path, worst in pictures.items() if worst.write(path)]


def run_eval(
    engine: Engine,
    paths: Sequence[Path],
    options: EvalOptions,
    problems: Problems,
    progress: Progress = lambda what, done, total: None,
) -> tuple[EvalReport, WorstCases]:
    """Clicks on the images and tracking of the clips of every path, in any layout that is known.

    What cannot be read goes to `problems`. Raises DataError if there is nothing to evaluate.
    """
    start = time.perf_counter()
    images, clips = _gather(paths, options, problems)
    worst = WorstCases(Worst(), Worst())
    runner = ClickRunner(engine, options.clicks)
    click_cases = _clicks(runner, images, worst.clicks, problems, progress)
    video_cases = _video(engine, clips, options.prompts, worst.video, problems, progress)
    if not click_cases and not video_cases:
        raise DataError(_nothing(paths, options, problems))
    report = EvalReport(
        model=engine.description,
        weights_sha256=engine.weights_sha256,
        data=tuple(str(path) for path in paths),
        part=options.part,
        limit=options.limit,
        clicks=tuple(click_cases),
        video=tuple(video_cases),
        skipped=tuple(problems.lines),
        seconds={
            "encode": _mean(runner.timing.encode),
            "click": _mean(runner.timing.decode),
            "total": time.perf_counter() - start,
        },
    )
    return report, worst


def choose(samples: Iterable[Sample], options: EvalOptions) -> list[Sample]:
    """Of the wanted kinds and part, at most `limit` of each kind, in the order of a hash of their names."""
    kinds: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if options.part in ("all", split(sample.name)) and (
            not options.kinds or sample.kind in options.kinds
        ):
            kinds[sample.kind].append(sample)
    return [sample for kind in kinds.values() for sample in _limited(kind, options.limit)]


def _gather(
    paths: Sequence[Path], options: EvalOptions, problems: Problems
) -> tuple[list[ImageSample], list[ClipSample]]:
    found = [open_data(path) for path in paths]
    if options.what == "presence":
        every = choose((s for reader in found for s in reader.images(problems)), replace(options, limit=None))
        return [], away_clips(every, options.limit or _MADE, problems)
    images = (
        [sample for reader in found for sample in reader.images(problems)] if options.what != "video" else []
    )
    clips = [clip for reader in found for clip in reader.clips(problems)] if options.what != "clicks" else []
    return choose(images, options), choose(clips, options)


def _limited(samples: list[Sample], limit: int | None) -> list[Sample]:
    if limit is None:
        return samples
    return sorted(samples, key=lambda sample: hashlib.sha1(sample.name.encode()).digest())[:limit]


def _clicks(
    runner: ClickRunner, images: Sequence[ImageSample], worst: Worst, problems: Problems, progress: Progress
) -> list[ClickCase]:
    cases = []
    for done, sample in enumerate(images):
        progress("clicks", done, len(images))
        try:
            image = load(sample)
        except DataError as error:
            problems.report(error)
            continue
        for picture in runner.run(image):
            cases.append(picture.case)
            worst.add_click(picture)
    return cases


def _video(
    engine: Engine,
    clips: Sequence[ClipSample],
    prompts: Sequence[VideoPrompt],
    worst: Worst,
    problems: Problems,
    progress: Progress,
) -> list[VideoCase]:
    cases = []
    for done, clip in enumerate(clips):
        progress("video", done, len(clips))
        try:
            pictures = run_clip(engine, clip, prompts)
        except DataError as error:
            problems.report(error)
            continue
        for picture in pictures:
            cases.append(picture.case)
            worst.add_video(picture)
    return cases


def _nothing(paths: Sequence[Path], options: EvalOptions, problems: Problems) -> str:
    where = ", ".join(str(path) for path in paths)
    if problems.lines:
        return (
            f"nothing in {where} could be evaluated; first of {len(problems)} problems: {problems.lines[0]}"
        )
    hint = "give other data" if options.part == "all" else "choose another part, e.g. --split all"
    return f"{where}: no labelled object is among what was asked for ({options.what}, {options.part}); {hint}"


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
