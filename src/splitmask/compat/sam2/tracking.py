"""The engine's side of the video predictor: one prompt answered, one frame of a run, memories made.

Objects that need the same frame share each call of the engine.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from splitmask.compat.sam2.base import SAM2Base
from splitmask.compat.sam2.choice import choose_for_video
from splitmask.compat.sam2.components import fill_holes
from splitmask.compat.sam2.video_state import FrameOutput, InferenceState, ObjectState
from splitmask.session.choice import FEEDBACK_LIMIT, MASK_PROMPT_LOGIT
from splitmask.session.memory_bank import Limits, live_window, select
from splitmask.types import Features, FloatArray, Memory, Recollection

_FEATURES_HELD = 2  # frames: the one being clicked on and the one that a run is at
_FILLED_HOLE = 0.1  # the official logit of a filled hole


class Tracker:
    """One model at work on one video. Not locked: the predictor is."""

    def __init__(self, model: SAM2Base, state: InferenceState) -> None:
        self.model = model
        self.state = state
        self.limits = Limits(
            model.num_maskmem,
            model.max_obj_ptrs_in_encoder,
            model.max_cond_frames_in_attn,
            model.memory_temporal_stride_for_eval,
        )

    def features(self, frame: int) -> Features:
        """Of a frame, encoded unless held."""
        held = self.state.features
        features = held.pop(frame, None)
        if features is None:
            features = self.model.engine.encode_batch(self.state.images[frame][None])[0]
        held[frame] = features
        while len(held) > _FEATURES_HELD:
            held.pop(next(iter(held)))
        return features

    def answer_points(
        self, track: ObjectState, frame: int, points: Tensor, labels: Tensor, before: FrameOutput | None
    ) -> FrameOutput:
        """points (1, n, 2) in S×S space, labels (1, n); before: what the object was on the frame so far."""
        features = self.features(frame)
        is_first = self.is_first(track, frame)
        if not is_first:
            features = self._recall(features, [(track, frame, track.tracked[frame])])
        feedback = None
        if before is not None:
            feedback = before.logits.read().to(self.model.device).clamp(-FEEDBACK_LIMIT, FEEDBACK_LIMIT)
        decoded = self.model.engine.decode_tensors(features, points, labels, feedback)
        logits, pointers = choose_for_video(self.model, decoded, points.shape[1], is_first)
        return self._output(self._filled(logits), pointers, float(decoded[2]), None)

    def is_first(self, track: ObjectState, frame: int) -> bool:
        """Whether a prompt there starts the object, rather than correct a run."""
        return frame not in track.tracked or not track.cond

    def answer_mask(self, frame: int, mask: Tensor) -> FrameOutput:
        """mask (1, 1, S, S) of 0 and 1: itself the output; only its pointer is decoded."""
        model = self.model
        down = model.mask_downsample
        small = F.conv2d(mask.to(down.weight.dtype), down.weight, down.bias, stride=4)
        plain = model.engine.unconditioned(self.features(frame))
        decoded = model.engine.decode_tensors(plain, *self._no_points(1), small)
        pointer = choose_for_video(model, decoded, -1, True)[1]
        given = bool(mask.any())
        full = mask * (2 * MASK_PROMPT_LOGIT) - MASK_PROMPT_LOGIT
        size = [side // 4 for side in mask.shape[-2:]]
        logits = F.interpolate(full, size, mode="bilinear", align_corners=False, antialias=True)
        presence = MASK_PROMPT_LOGIT if given else -MASK_PROMPT_LOGIT
        pointer = pointer if given else model.no_obj_ptr
        return self._output(self._filled(logits), pointer, presence, None)

    def step(self, tracks: Sequence[ObjectState], frame: int, reverse: bool) -> Tensor:
        """Tracks objects onto a frame and keeps the results → logits (b, 1, M, M)."""
        features = self.features(frame)
        recalled = self._recall(features, [(track, frame, reverse) for track in tracks])
        decoded = self.model.engine.decode_tensors(recalled, *self._no_points(len(tracks)), None)
        logits, pointers = choose_for_video(self.model, decoded, 0, False)
        presence = decoded[2].float()
        memories = self.model.engine.remember_tensors(features, logits, torch.zeros_like(presence), presence)
        logits = self._filled(logits)
        rows = zip(tracks, logits, pointers, presence.flatten().tolist(), memories, strict=True)
        for track, mask, pointer, present, memory in rows:
            track.non_cond[frame] = self._output(mask[None], pointer[None], present, memory)
            track.held.add(frame)
            self._trim(track, frame, reverse)
        return logits

    def commit(self, track: ObjectState) -> None:
        """What was said since the last run becomes what the next one goes by."""
        for is_cond in (False, True):
            pending = track.pending(is_cond)
            for frame, output in pending.items():
                self._memory(output, frame)
                (track.cond if is_cond else track.non_cond)[frame] = output
                if self.model.clear_non_cond_mem_around_input:
                    self.clear_around(track, frame)
            pending.clear()
        for frame in track.cond:
            track.non_cond.pop(frame, None)

    def clear_around(self, track: ObjectState, frame: int) -> None:
        """Forgets the results of runs around a prompted frame: they may show what was corrected."""
        reach = self.limits.stride * self.limits.num_memories
        for t in range(frame - reach, frame + reach + 1):
            track.non_cond.pop(t, None)

    def _no_points(self, b: int) -> tuple[Tensor, Tensor]:
        device = self.model.device
        return torch.zeros(b, 1, 2, device=device), -torch.ones(b, 1, device=device)

    def _filled(self, logits: Tensor) -> Tensor:
        area = self.model.fill_hole_area
        return fill_holes(logits, area, 0.0, _FILLED_HOLE) if area > 0 else logits

    def _output(self, logits: Tensor, pointer: Tensor, presence: float, memory: Memory | None) -> FrameOutput:
        numbers: FloatArray = pointer[0].detach().float().cpu().numpy()
        # a memory that is made at once is that of a run; those of prompts wait until the next one begins
        return self.state.keep(logits, numbers, presence, memory is None, memory)

    def _recall(self, features: Features, wanted: Sequence[tuple[ObjectState, int, bool]]) -> Features:
        return self.model.engine.recall(features, [self._recollection(*each) for each in wanted])

    def _recollection(self, track: ObjectState, frame: int, reverse: bool) -> Recollection:
        frames = self.state.num_frames
        selection = select(frame, reverse, track.cond, track.non_cond.__contains__, frames, self.limits)
        memories, pointers = [], []
        for t, slot in selection.memories:
            output = track.result(t)
            assert output is not None
            memories.append((self._memory(output, t), slot))
            if t not in track.cond:
                track.held.add(t)
        for t, dt in selection.pointers:
            output = track.result(t)
            assert output is not None
            pointers.append((output.pointer, dt))
        return Recollection(tuple(memories), tuple(pointers))

    def _memory(self, output: FrameOutput, frame: int) -> Memory:
        """The memory of a result: at hand, in the file, or made again from the frame."""
        if output.memory is None and output.stored_memory is not None:
            output.memory = Memory(output.stored_memory.read().to(self.state.storage_device))
        if output.memory is None:
            logits = output.logits.read().to(self.model.device)
            clicked = output.clicked and self.model.binarize_mask_from_pts_for_mem_enc
            memory = self.model.engine.remember_tensors(
                self.features(frame),
                logits,
                logits.new_full((1,), float(clicked)),
                logits.new_full((1, 1), output.presence),
            )[0]
            self.state.hold(output, memory)
        assert output.memory is not None
        return output.memory

    def _trim(self, track: ObjectState, frame: int, reverse: bool) -> None:
        """Lets go of memories that the run will not attend to any more."""
        window = live_window(frame, reverse, self.limits)
        for t in track.held - window:
            output = track.non_cond.get(t)
            if output is not None:
                output.memory = None
        track.held &= window
