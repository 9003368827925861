"""Tracking on labelled clips: J, F and J&F from a mask, a click, three clicks or a box.

Each object is prompted on the first labelled frame that shows it; all are tracked together. Objects of
one label map cannot overlap, so where their masks do, the stronger logit takes the pixel, as in the
official evaluation of such data; objects with label maps of their own are left as they are (SA-V).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from splitmask.engine.base import Engine
from splitmask.errors import DataError
from splitmask.eval.clicks import next_click
from splitmask.eval.metrics import (
    ObjectScore,
    boundary_accuracy,
    region_similarity,
    score_object,
    scored_frames,
)
from splitmask.masks.boxes import mask_to_box
from splitmask.masks.resize import logits_to_mask, upsample_logits
from splitmask.session import FrameResult, VideoSession
from splitmask.train.readers import ClipSample, LabelMap, ObjectKey, frame_labels, object_mask, objects_in
from splitmask.types import BoolArray, ByteArray, Frame, Mask, Prompt

VideoPrompt = Literal["mask", "click", "3clicks", "box"]
VIDEO_PROMPTS: tuple[VideoPrompt, ...] = ("mask", "click", "3clicks", "box")
_CLICKS: dict[VideoPrompt, int] = {"click": 1, "3clicks": 3}


@dataclass(frozen=True, slots=True)
class Presence:
    """Labelled frames after the prompt: how many show the object, and on how many the model is right."""

    in_view: int = 0
    said_present: int = 0  # of those in view
    out_of_view: int = 0
    said_absent: int = 0  # of those out of view

    def __add__(self, other: Presence) -> Presence:
        return Presence(
            self.in_view + other.in_view,
            self.said_present + other.said_present,
            self.out_of_view + other.out_of_view,
            self.said_absent + other.said_absent,
        )


@dataclass(frozen=True, slots=True)
class VideoCase:
    """One object of one clip, from one kind of prompt."""

    name: str  # of the clip
    kind: str
    key: ObjectKey
    prompt: VideoPrompt
    prompted: int  # frame index
    score: ObjectScore
    presence: Presence


@dataclass(frozen=True, slots=True, eq=False)
class VideoPicture:
    """A case with its worst scored frame."""

    case: VideoCase
    frame: int
    image: ByteArray  # (H, W, 3)
    truth: BoolArray  # (H, W)
    mask: BoolArray  # (H, W)


class Target(NamedTuple):
    """One object that is tracked from one kind of prompt on one frame."""

    prompt: VideoPrompt
    key: ObjectKey
    frame: int


class ClipFrames:
    """A labelled clip as a session's `FrameSource`: frames load as they are asked for.

    Raises DataError where a frame is broken or of another size than the first.
    """

    def __init__(self, clip: ClipSample) -> None:
        self._clip = clip
        self.height, self.width = clip.load_frame(0).shape[:2]

    def count(self) -> int:
        return self._clip.frames

    def frame(self, index: int) -> Frame:
        image = self._clip.load_frame(index)
        if image.shape[:2] != (self.height, self.width):
            h, w = image.shape[:2]
            raise DataError(
                f"{self._clip.where}, frame {index} is {w}×{h} pixels, the first {self.width}×{self.height}"
            )
        return Frame(index, image)

    def frames(self, start: int | None = None, stop: int | None = None) -> Iterator[Frame]:
        return (self.frame(index) for index in range(self.count())[start:stop])

    def frames_reversed(self, start: int | None = None, stop: int | None = None) -> Iterator[Frame]:
        return (self.frame(index) for index in reversed(range(self.count())[start:stop]))


def run_clip(engine: Engine, clip: ClipSample, prompts: Sequence[VideoPrompt]) -> list[VideoPicture]:
    """Tracks a clip's objects from every kind of prompt; objects that no scored frame shows are left out.

    Objects know nothing of each other, so one session tracks those of all prompts and encodes each
    frame once. Raises DataError where a frame or label map is broken, or nothing is labelled.
    """
    source = ClipFrames(clip)
    size = (source.height, source.width)
    first = first_frames(clip, size)
    targets = [Target(prompt, key, frame) for prompt in prompts for key, frame in first.items()]
    tallies = {target: _Tally() for target in targets}
    with VideoSession(engine, source) as session:
        for number, target in enumerate(targets):
            labels = frame_labels(clip, target.frame, size)
            _say(session, number, target.frame, object_mask(labels, target.key), target.prompt)
        for frame, found in _on_labelled_frames(session.propagate(), clip.annotated):
            answers = {targets[number]: mask for number, mask in found.items()}
            _compare(clip, frame, frame_labels(clip, frame, size), answers, tallies)
    return [_picture(clip, target, tally, source) for target, tally in tallies.items() if tally.counts]


def _on_labelled_frames(
    results: Iterator[FrameResult], annotated: Sequence[int]
) -> Iterator[tuple[int, dict[int, Mask]]]:
    """Each labelled frame with the masks that a run gives for it, if any."""
    result = next(results, None)
    for frame in annotated:
        while result and result.index < frame:
            result = next(results, None)
        yield frame, (result.masks if result and result.index == frame else {})


def first_frames(clip: ClipSample, size: tuple[int, int]) -> dict[ObjectKey, int]:
    """Object → the labelled frame on which it is prompted, in order of appearance.

    By DAVIS' rule only the objects of the first labelled frame count. Raises DataError if none is.
    """
    found: dict[ObjectKey, int] = {}
    for frame in clip.annotated:
        for key in objects_in(frame_labels(clip, frame, size)):
            found.setdefault(key, frame)
        if clip.rule == "davis" and found:
            break
    if not found:
        raise DataError(f"{clip.where}: the annotation is empty on every frame; remove the clip")
    return found


@dataclass(slots=True)
class _Tally:
    """One object's values so far, frame by frame."""

    j: list[float] = field(default_factory=list)
    f: list[float] = field(default_factory=list)
    presence: Presence = Presence()
    in_truth: bool = False  # on some scored frame
    worst: tuple[float, int, BoolArray, BoolArray] | None = None  # J, frame, truth, mask

    @property
    def counts(self) -> bool:
        """Objects that no scored frame shows are left out, as by the official evaluators."""
        return bool(self.j) and self.in_truth

    def add(self, rule: str, frame: int, truth: BoolArray, mask: BoolArray) -> None:
        self.in_truth |= bool(truth.any())
        if rule == "sav" and not self.j and not truth.any() and not mask.any():
            return  # not yet there for either
        self.j.append(region_similarity(mask, truth))
        self.f.append(boundary_accuracy(mask, truth))
        if self.worst is None or self.j[-1] < self.worst[0]:
            self.worst = (self.j[-1], frame, truth, mask)


def _say(session: VideoSession, number: int, frame: int, truth: BoolArray, prompt: VideoPrompt) -> None:
    """Prompts an object on a frame with its true mask, its box, or clicks on what is still wrong."""
    if prompt == "mask":
        session.add_prompt(number, frame, Prompt(mask=truth))
        return
    if prompt == "box":
        session.add_prompt(number, frame, Prompt(box=mask_to_box(truth)))
        return
    mask = np.zeros_like(truth)
    for _ in range(_CLICKS[prompt]):
        click = next_click(truth, mask)
        if click is None:
            return
        point = Prompt(np.array([[click.x, click.y]], np.float32), np.array([click.label], np.int32))
        answer = session.add_prompt(number, frame, point, clear_old=False)
        mask = logits_to_mask(answer.logits, answer.size)


def _compare(
    clip: ClipSample,
    frame: int,
    labels: Sequence[LabelMap],
    answers: Mapping[Target, Mask],
    tallies: Mapping[Target, _Tally],
) -> None:
    """Adds one labelled frame to what is known of every object."""
    masks = separate(answers)
    scored = frame in scored_frames(clip.annotated)
    for target, tally in tallies.items():
        truth = object_mask(labels, target.key)
        if frame > target.frame and target in answers:
            tally.presence += _presence(bool(truth.any()), answers[target].presence > 0)
        if scored:
            tally.add(clip.rule, frame, truth, masks.get(target, np.zeros_like(truth)))


def _presence(in_view: bool, present: bool) -> Presence:
    if in_view:
        return Presence(in_view=1, said_present=int(present))
    return Presence(out_of_view=1, said_absent=int(not present))


def separate(answers: Mapping[Target, Mask]) -> dict[Target, BoolArray]:
    """(H, W) bool per object; where objects of one label map overlap, the stronger logit has the pixel."""
    together: dict[tuple[str, int], list[Target]] = defaultdict(list)
    for target in answers:
        together[target.prompt, target.key.map].append(target)
    masks: dict[Target, BoolArray] = {}
    for targets in together.values():
        masks.update(zip(targets, _separate([answers[target] for target in targets]), strict=True))
    return masks


def _separate(answers: Sequence[Mask]) -> list[BoolArray]:
    if len(answers) == 1:
        return [logits_to_mask(answers[0].logits, answers[0].size)]
    logits = np.stack([upsample_logits(answer.logits, answer.size) for answer in answers])
    winner = logits.argmax(axis=0)
    return [(winner == n) & (each > 0) for n, each in enumerate(logits)]


def _picture(clip: ClipSample, target: Target, tally: _Tally, source: ClipFrames) -> VideoPicture:
    assert tally.worst is not None
    _, frame, truth, mask = tally.worst
    score = score_object(tally.j, tally.f)
    case = VideoCase(clip.name, clip.kind, target.key, target.prompt, target.frame, score, tally.presence)
    return VideoPicture(case, frame, source.frame(frame).image, truth, mask)
