"""Calls the engine as the policy says: one answer to a prompt, one step of a run.

Features of two frames are held: the one under edit and the one a run is on. Whatever objects need
the same verb on the same frame go into one call.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np

from splitmask.engine.base import Engine
from splitmask.errors import PromptError
from splitmask.session.choice import (
    Output,
    clamp_feedback,
    is_ambiguous,
    mask_prompt_output,
    pointer_mask_input,
    square_mask,
    video_outputs,
)
from splitmask.session.memory_bank import Limits, Selection
from splitmask.session.prompts import no_points, prompt_tokens
from splitmask.session.source import Reader
from splitmask.session.track import Track
from splitmask.types import BoolArray, Features, FloatArray, Frame, Prompt, Recollection


class Tracker:
    """The engine's side of a video session. Not locked: the session is."""

    def __init__(self, engine: Engine, reader: Reader, limits: Limits) -> None:
        self.engine = engine
        self.reader = reader
        self.limits = limits
        self.pts: dict[int, Fraction | None] = {}
        self._edited: tuple[int, Features] | None = None
        self._current: tuple[int, Features] | None = None

    def cached(self, frame: int) -> Features | None:
        for held in (self._edited, self._current):
            if held is not None and held[0] == frame:
                return held[1]
        return None

    def features(self, frame: int, picture: Frame | None = None) -> Features:
        """Of a frame, encoded unless held. picture: the frame, where it has been read already."""
        features = self.cached(frame)
        if features is None:
            picture = picture or self.reader.at(frame)
            self.pts[frame] = picture.pts
            features = self.engine.encode(picture.image)
            self._current = (frame, features)
        return features

    def edit(self, frame: int, tracks: Iterable[Track]) -> Features:
        """Features of a frame that is being prompted; they stay until another frame is.

        The memories of the frame edited before are made while its features are still at hand.
        """
        if self._edited is not None and self._edited[0] != frame:
            before = self._edited[0]
            pending = [t for t in tracks if before in t.prompted and t.memory(before) is None]
            self._remember(pending, before)
        features = self.features(frame)
        self._edited = (frame, features)
        return features

    def answer(self, track: Track, frame: int, features: Features, prompt: Prompt, refine: bool) -> Output:
        """What the object is on a frame, given a prompt. refine: fed with what it was before."""
        if prompt.mask is not None:
            return answer_mask(self.engine, features, prompt.mask)
        before = track.output(frame) if refine else None
        conditioned = self.conditioned(track, frame, features)
        logits = None if before is None else before.logits
        return answer_clicks(self.engine, conditioned, prompt, self.reader.size, logits)

    def conditioned(self, track: Track, frame: int, features: Features) -> Features:
        """What a click on the frame is decoded from: features conditioned on the object's past where
        a run has been at the frame and another frame is prompted, else the features themselves."""
        direction = track.direction(frame)
        if direction is None or not any(t != frame for t in track.prompted):
            return features
        selection = track.select(frame, direction, self.reader.count, self.limits)
        self._complete([(track, selection)])
        return self.engine.recall(features, [_recollection(track, selection)])

    def step(self, tracks: Sequence[Track], frame: int, reverse: bool, picture: Frame) -> dict[int, Output]:
        """Tracks objects onto one frame of a run, all in one call of each verb → {object id: output}.

        Results are kept once all of them are there.
        """
        count = self.reader.count
        wanted = [(t, t.select(frame, reverse, count, self.limits)) for t in tracks]
        self._complete(wanted)
        features = self.features(frame, picture)
        recalled = self.engine.recall(features, [_recollection(t, s) for t, s in wanted])
        decoded = self.engine.decode(recalled, *no_points(len(tracks)))
        outputs = video_outputs(decoded, is_ambiguous(0), self.engine.constants.no_obj_ptr)
        memories = self.engine.remember(
            features,
            np.stack([output.logits for output in outputs])[:, None],
            np.zeros(len(outputs), np.float32),
            np.array([output.presence for output in outputs], np.float32),
        )
        for track, output, memory in zip(tracks, outputs, memories, strict=True):
            track.commit(frame, reverse, output, memory, self.limits)
        return {track.object_id: output for track, output in zip(tracks, outputs, strict=True)}

    def _complete(self, wanted: Sequence[tuple[Track, Selection]]) -> None:
        """Rebuilds whatever selected memories are missing, frame by frame, by encode and remember."""
        missing: dict[int, list[Track]] = {}
        for track, selection in wanted:
            for frame, _ in selection.memories:
                if track.memory(frame) is None:
                    missing.setdefault(frame, []).append(track)
        for frame in sorted(missing):
            try:
                self._remember(missing[frame], frame)
            except PromptError:
                continue  # a stream that has moved on: the memory is gone, as if never kept

    def _remember(self, tracks: Sequence[Track], frame: int) -> None:
        """Makes the memories of objects on a frame from their results there. Masks that a person
        prompted are binarised: they are remembered exactly as they were seen."""
        outputs = [(track, track.output(frame)) for track in tracks]
        known = [(track, output) for track, output in outputs if output is not None]
        if not known:
            return
        memories = self.engine.remember(
            self.features(frame),
            np.stack([output.logits for _, output in known])[:, None],
            np.array([frame in track.prompted for track, _ in known], np.float32),
            np.array([output.presence for _, output in known], np.float32),
        )
        for (track, _), memory in zip(known, memories, strict=True):
            track.hold_memory(frame, memory)


def answer_clicks(
    engine: Engine, features: Features, prompt: Prompt, size: tuple[int, int], before: FloatArray | None
) -> Output:
    """What points and a box on a frame of (H, W) give. features: conditioned on the object's past;
    before: logits (M, M) of its mask so far."""
    points, labels = prompt_tokens(prompt, size, engine.preset.image_size)
    decoded = engine.decode(features, points, labels, None if before is None else clamp_feedback(before))
    return video_outputs(decoded, is_ambiguous(labels.shape[1]), engine.constants.no_obj_ptr)[0]


def answer_mask(engine: Engine, features: Features, mask: BoolArray) -> Output:
    """What a mask (H, W) on a frame gives. features: the frame's own, from `encode`."""
    constants = engine.constants
    square = square_mask(mask, engine.preset.image_size)
    decoded = engine.decode(
        engine.unconditioned(features), *no_points(1), pointer_mask_input(square, constants)
    )
    return mask_prompt_output(square, decoded, constants.no_obj_ptr)


def _recollection(track: Track, selection: Selection) -> Recollection:
    memories = [(track.memory(frame), slot) for frame, slot in selection.memories]
    pointers = [(track.pointer(frame), dt) for frame, dt in selection.pointers]
    return Recollection(
        tuple((memory, slot) for memory, slot in memories if memory is not None),
        tuple((pointer, dt) for pointer, dt in pointers if pointer is not None),
    )
