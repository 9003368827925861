"""`sam2.sam2_video_predictor`: prompt objects on any frames of a video, track them through it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from splitmask.compat.sam2.base import SAM2Base
from splitmask.compat.sam2.exceptions import NoSuchFrameError
from splitmask.compat.sam2.frames import open_frames
from splitmask.compat.sam2.tracking import Tracker
from splitmask.compat.sam2.video_prompts import mask_square, merged_points, prompt_points
from splitmask.compat.sam2.video_state import FrameOutput, InferenceState, ObjectState
from splitmask.errors import PromptError
from splitmask.session.choice import MASK_PROMPT_LOGIT, NO_OBJECT_LOGIT

Answer = tuple[int, list[Any], Tensor]


class SAM2VideoPredictor(SAM2Base):
    """A model and its policy; what is known of a video is in the state that `init_state` returns.

    Any number of states, in any number of threads, may share one predictor. Frames are decoded as they
    are needed, results are kept on disk, and objects are tracked together: a video's length and the
    number of objects are not limited by memory. Frame indices are 0-based; object ids are any hashable
    values; masks come as logits (objects, 1, H, W) float32 of the video's size, an object that has
    none on a frame at −1024.
    """

    @classmethod
    def from_pretrained(cls, model_id: str, **kwargs: Any) -> SAM2VideoPredictor:
        """A predictor with the weights of a hub repository."""
        from splitmask.compat.sam2.build_sam import build_sam2_video_predictor_hf

        return build_sam2_video_predictor_hf(model_id, **kwargs)

    @torch.inference_mode()
    def init_state(
        self,
        video_path: str | Path,
        offload_video_to_cpu: bool = False,
        offload_state_to_cpu: bool = False,
        async_loading_frames: bool = False,
    ) -> InferenceState:
        """Opens a folder of `<number>.jpg` frames or a video file.

        offload_video_to_cpu: frames stay on the CPU until they are encoded; offload_state_to_cpu: so do
        memories until they are attended to; async_loading_frames: decode the next frame while one is
        worked on. Raises MediaError.
        """
        device = torch.device("cpu") if offload_video_to_cpu else self.device
        frames = open_frames(video_path, self.image_size, device, async_loading_frames)
        state = InferenceState(frames, self.device, offload_video_to_cpu, offload_state_to_cpu)
        Tracker(self, state).features(0)
        return state

    @torch.inference_mode()
    def add_new_points_or_box(
        self,
        inference_state: InferenceState,
        frame_idx: int,
        obj_id: Any,
        points: Any = None,
        labels: Any = None,
        clear_old_points: bool = True,
        normalize_coords: bool = True,
        box: Any = None,
    ) -> Answer:
        """Says what an object is on a frame → frame, object ids, their masks there.

        points (n, 2) x, y in pixels of the video, or in 0…1 if not `normalize_coords`; labels (n,) 1 in,
        0 out; box (4,) x0, y0, x1, y1; clear_old_points: in place of the points so far. On a frame that
        has been tracked, the object is corrected there. Raises ValueError for what does not fit.
        """
        state = _checked(inference_state, frame_idx)
        scale = (state.video_width, state.video_height) if normalize_coords else (1, 1)
        new = prompt_points(points, labels, box, clear_old_points, scale, self.image_size, self.device)
        with state.lock:
            track = state.objects.setdefault(obj_id, ObjectState())
            old = None if clear_old_points else track.points.get(frame_idx)
            coords, marks = track.points[frame_idx] = merged_points(old, new)
            track.masks.pop(frame_idx, None)
            tracker = Tracker(self, state)
            is_cond = tracker.is_first(track, frame_idx) or self.add_all_frames_to_correct_as_cond
            before = track.output(frame_idx, is_cond)
            output = tracker.answer_points(track, frame_idx, coords, marks, before)
            track.pending(is_cond)[frame_idx] = output
            return self._answer(state, frame_idx, is_cond)

    def add_new_points(self, *args: Any, **kwargs: Any) -> Answer:
        """The former name of `add_new_points_or_box`."""
        return self.add_new_points_or_box(*args, **kwargs)

    @torch.inference_mode()
    def add_new_mask(self, inference_state: InferenceState, frame_idx: int, obj_id: Any, mask: Any) -> Answer:
        """Gives an object's mask on a frame, (h, w) bool of any size → as `add_new_points_or_box`."""
        state = _checked(inference_state, frame_idx)
        square = mask_square(mask, self.image_size, self.device)
        with state.lock:
            track = state.objects.setdefault(obj_id, ObjectState())
            track.masks[frame_idx] = square
            track.points.pop(frame_idx, None)
            tracker = Tracker(self, state)
            is_cond = tracker.is_first(track, frame_idx) or self.add_all_frames_to_correct_as_cond
            track.pending(is_cond)[frame_idx] = tracker.answer_mask(frame_idx, square)
            return self._answer(state, frame_idx, is_cond)

    @torch.inference_mode()
    def propagate_in_video_preflight(self, inference_state: InferenceState) -> None:
        """Takes what was said since the last run into account. Raises RuntimeError if an object has no
        prompt."""
        state = _checked(inference_state)
        with state.lock:
            if not state.objects:
                raise RuntimeError(
                    "No input points or masks are provided for any object; please add inputs first."
                )
            tracker = Tracker(self, state)
            for obj_id, track in state.objects.items():
                tracker.commit(track)
                if not track.cond:
                    raise RuntimeError(
                        f"No input points or masks are provided for object id {obj_id}; "
                        "please add inputs first."
                    )

    def propagate_in_video(
        self,
        inference_state: InferenceState,
        start_frame_idx: int | None = None,
        max_frame_num_to_track: int | None = None,
        reverse: bool = False,
    ) -> Iterator[Answer]:
        """Tracks all objects from frame to frame → frame, object ids and masks of each, as they come.

        start_frame_idx: by default the first prompted frame; max_frame_num_to_track: how many frames
        after it. There are none after the last. A reset of the state ends the run.
        """
        self.propagate_in_video_preflight(inference_state)
        state, resets = inference_state, inference_state.resets
        for frame in _order(state, start_frame_idx, max_frame_num_to_track, reverse):
            with state.lock, torch.inference_mode():
                if state.resets != resets:
                    return
                answer = self._step(state, frame, reverse)
            yield answer

    def _step(self, state: InferenceState, frame: int, reverse: bool) -> Answer:
        tracker = Tracker(self, state)
        # an object added during a run takes part from the next one on
        tracks = {obj_id: track for obj_id, track in state.objects.items() if track.cond}
        unknown = [track for track in tracks.values() if frame not in track.cond]
        found = iter(tracker.step(unknown, frame, reverse)) if unknown else iter(())
        masks = []
        for track in tracks.values():
            if frame in track.cond:
                masks.append(track.cond[frame].logits.read().to(self.device)[0])
                if self.clear_non_cond_mem_around_input:
                    tracker.clear_around(track, frame)
            else:
                masks.append(next(found))
            track.tracked[frame] = reverse
        return frame, list(tracks), self._at_video_size(state, torch.stack(masks))

    @torch.inference_mode()
    def clear_all_prompts_in_frame(
        self, inference_state: InferenceState, frame_idx: int, obj_id: Any, need_output: bool = True
    ) -> Answer | None:
        """Takes back all that was said of an object on a frame; its mask there stays, as if tracked."""
        state = _checked(inference_state, frame_idx)
        with state.lock:
            track = state.objects.setdefault(obj_id, ObjectState())
            for each in (track.points, track.masks, track.pending_cond, track.pending_non_cond):
                each.pop(frame_idx, None)
            output = track.cond.pop(frame_idx, None)
            if output is not None:
                track.non_cond[frame_idx] = output
                track.tracked.pop(frame_idx, None)
            return self._answer(state, frame_idx, _is_pending(state, frame_idx)) if need_output else None

    @torch.inference_mode()
    def reset_state(self, inference_state: InferenceState) -> None:
        """Forgets all objects, and ends the run under way."""
        state = _checked(inference_state)
        with state.lock:
            state.objects = {}
            state.resets += 1

    @torch.inference_mode()
    def remove_object(
        self, inference_state: InferenceState, obj_id: Any, strict: bool = False, need_output: bool = True
    ) -> tuple[list[Any], list[tuple[int, Tensor]]]:
        """Forgets an object → remaining ids, and the masks of the frames on which it had prompts.

        Raises RuntimeError for an unknown id if `strict`.
        """
        state = _checked(inference_state)
        with state.lock:
            track = state.objects.get(obj_id)
            if track is None:
                if strict:
                    raise RuntimeError(
                        f"Cannot remove object id {obj_id} as it doesn't exist. "
                        f"All existing object ids: {state.obj_ids}."
                    )
                return state.obj_ids, []
            if len(state.objects) == 1:
                self.reset_state(state)
                return [], []
            state.objects = {key: value for key, value in state.objects.items() if key != obj_id}
            frames = sorted({*track.points, *track.masks}) if need_output else []
            updated = [(t, self._answer(state, t, _is_pending(state, t))[2]) for t in frames]
            return state.obj_ids, updated

    def _answer(self, state: InferenceState, frame: int, is_cond: bool) -> Answer:
        """All objects as they are on a frame now."""
        masks = [self._latest(state, track.output(frame, is_cond)) for track in state.objects.values()]
        return frame, state.obj_ids, self._at_video_size(state, torch.cat(masks))

    def _latest(self, state: InferenceState, output: FrameOutput | None) -> Tensor:
        """(1, 1, H, W), at the video's size or without a mask."""
        if output is None:
            return torch.full((1, 1, *state.size()), NO_OBJECT_LOGIT, device=self.device)
        return _resized(output.logits.read().to(self.device), state.size())

    def _at_video_size(self, state: InferenceState, masks: Tensor) -> Tensor:
        masks = _resized(masks, state.size())
        return without_overlaps(masks) if self.non_overlap_masks else masks


def without_overlaps(masks: Tensor) -> Tensor:
    """(b, 1, H, W) logits: where another object is surer, at most −10."""
    if len(masks) == 1:
        return masks
    best = masks.argmax(dim=0, keepdim=True)
    own = torch.arange(len(masks), device=masks.device)[:, None, None, None]
    return torch.where(best == own, masks, masks.clamp(max=-MASK_PROMPT_LOGIT))


def _resized(masks: Tensor, size: tuple[int, int]) -> Tensor:
    if masks.shape[-2:] == size:
        return masks
    return F.interpolate(masks, size, mode="bilinear", align_corners=False)


def _checked(state: InferenceState, frame: int | None = None) -> InferenceState:
    if not isinstance(state, InferenceState):
        raise PromptError("there is no video yet: pass what init_state returns as inference_state")
    if frame is not None and not 0 <= frame < state.num_frames:
        raise NoSuchFrameError(f"frame {frame} does not exist: choose one of 0 to {state.num_frames - 1}")
    return state


def _is_pending(state: InferenceState, frame: int) -> bool:
    return any(frame in track.pending_cond for track in state.objects.values())


def _order(state: InferenceState, start: int | None, most: int | None, reverse: bool) -> range:
    """Frames of a run, as officially: `most` frames after the first, none beyond the end, none in reverse
    from frame 0."""
    if start is None:
        start = min(t for track in state.objects.values() for t in track.cond)
    if start >= state.num_frames and not reverse:
        return range(0)
    _checked(state, start)
    most = state.num_frames if most is None else most
    if reverse:
        return range(start, max(start - most, 0) - 1, -1) if start > 0 else range(0)
    return range(start, min(start + most, state.num_frames - 1) + 1)
