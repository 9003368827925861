"""A video session: say what an object is on any frame, get its mask on all of them.

The policy is that of SAM 2's official video predictor (Ravi et al. 2024) with three differences: a
corrected frame becomes a prompted one, only what is new or stale is worked on, and all objects that
need a frame share each call of the engine.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from splitmask.engine.base import Engine
from splitmask.errors import PromptError
from splitmask.session.memory_bank import Limits
from splitmask.session.prompts import check_alone, check_prompt, merge_prompts
from splitmask.session.run import FrameResult, RunOptions, frame_result, run_bounds, run_step, to_mask
from splitmask.session.source import FrameSource, open_reader
from splitmask.session.stale import to_ranges
from splitmask.session.store import DEFAULT_CAP, ResultStore
from splitmask.session.track import Track
from splitmask.session.tracker import Tracker
from splitmask.types import Features, Frame, Mask, Prompt


class VideoSession:
    """Any number of objects in one clip or stream.

    source: a `splitmask.media.Clip`, any other `FrameSource` (an `ImageStack`), or an iterator of
    frames of unknown length, which can only be run forward. max_prompted: how many prompted frames
    are attended to at most, −1 for all; by default as many as the engine takes. stride: of the memory's
    recent frames. store: where to make the folder of results, and store_cap how many bytes of logits it
    may hold.

    Every method may be called from any thread; a run lets go of the session between frames. Sessions
    share an engine freely. Use it in a `with` block, or `close` it.
    """

    def __init__(
        self,
        engine: Engine,
        source: FrameSource | Iterable[Frame],
        *,
        max_prompted: int | None = None,
        stride: int = 1,
        store: Path | None = None,
        store_cap: int = DEFAULT_CAP,
    ) -> None:
        self._reader = open_reader(source)
        most = engine.max_prompted if max_prompted is None else max_prompted
        limits = Limits.of(engine.preset, most, stride)
        self._tracker = Tracker(engine, self._reader, limits)
        self._store = ResultStore(store, store_cap)
        self._tracks: dict[int, Track] = {}
        self._lock = threading.RLock()
        self._run: object | None = None  # of the run under way, its token

    @property
    def engine(self) -> Engine:
        return self._tracker.engine

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the frames."""
        return self._reader.size

    @property
    def object_ids(self) -> list[int]:
        """In the order in which they were first prompted."""
        return list(self._tracks)

    @property
    def prompts(self) -> dict[tuple[int, int], Prompt]:
        """(object id, frame) → all that has been said of the object there."""
        with self._lock:
            return {
                (object_id, frame): track.prompted[frame].prompt
                for object_id, track in self._tracks.items()
                for frame in sorted(track.prompted)
            }

    def frame(self, index: int) -> Frame:
        """A picture of the clip. Raises PromptError if there is no such frame."""
        with self._lock:
            return self._reader.at(index)

    def add_prompt(
        self, object_id: int, frame: int, prompt: Prompt, *, clear_old: bool = True, refine: bool = True
    ) -> Mask:
        """Says what an object is on a frame, and gives its mask there.

        The frame becomes one of the object's prompted frames. Where the object has been tracked
        already, the masks from here to its next prompted frame become stale, in either direction,
        until they are run again. clear_old: the prompt replaces what has been said on this frame,
        else it is added to that. refine: the decoder also gets the object's mask on this frame as it
        was so far, as in the official predictor; say False where points have been taken back.

        Raises PromptError if the frame does not exist or the prompt does not fit it.
        """
        with self._lock:
            track = self._tracks.get(object_id) or Track(object_id, self._store)
            where = f"frame {frame}, object {object_id}: "
            checked = check_alone(check_prompt(prompt, self.size, where), where)
            features = self._tracker.edit(frame, self._tracks.values())
            old = track.prompted.get(frame)
            if old is not None and not clear_old:
                checked = merge_prompts(old.prompt, checked)
            output = self._tracker.answer(track, frame, features, checked, refine)
            track.set_prompt(frame, checked, output)
            self._tracks[object_id] = track
            return to_mask(output, self.size)

    def remove_prompt(self, object_id: int, frame: int) -> None:
        """Takes back all that was said of an object on a frame; without any prompt left it has no
        masks. Raises PromptError if nothing was said there."""
        with self._lock:
            track = self._track(object_id)
            if frame not in track.prompted:
                known = ", ".join(map(str, sorted(track.prompted))) or "none"
                raise PromptError(f"object {object_id} has no prompt on frame {frame}: it has on {known}")
            track.remove_prompt(frame)

    def remove_object(self, object_id: int) -> None:
        """Forgets an object. Raises PromptError if there is none of that id."""
        with self._lock:
            self._track(object_id)
            del self._tracks[object_id]
            self._store.drop(object_id)

    def clear(self) -> None:
        """Forgets all objects, and ends the run under way."""
        self.stop()
        with self._lock:
            for object_id in self.object_ids:
                self.remove_object(object_id)

    def propagate(
        self,
        start: int | None = None,
        stop: int | None = None,
        *,
        max_frames: int | None = None,
        reverse: bool = False,
        redo: bool = False,
        replay: bool = True,
        lead_in: bool = False,
    ) -> Iterator[FrameResult]:
        """Tracks all objects from frame to frame, and gives each frame's masks as they come.

        start: the first frame of the run; by default the first prompted frame, in reverse the last
        one, of a stream the newest. stop: where it ends, itself left out (so in reverse, the frame
        below the last one run; None runs to the clip's end, in reverse to its beginning).
        max_frames: how many frames at most. See `RunOptions` for the rest. Frames on which no object
        has a mask are left out. Ends when the iterator is closed, `stop` is called or another run
        begins; what is done is kept.

        Raises PromptError if there is no prompt, or no frame `start`.
        """
        if max_frames is not None and max_frames < 0:
            raise PromptError(f"max_frames is {max_frames}: give 0 or more")
        options = RunOptions(reverse, redo, replay, lead_in)
        with self._lock:
            first, end = run_bounds(start, stop, reverse, self._prompted(), self._reader)
            token = self._run = object()
        return self._results(first, end, max_frames, options, token)

    def stop(self) -> None:
        """Ends the run under way after the frame it is on. From any thread, without waiting."""
        self._run = None

    def result(self, frame: int) -> FrameResult | None:
        """The masks that a frame has so far; None if it has none."""
        with self._lock:
            return frame_result(self._tracks, self._tracker, frame, {})

    def results(self) -> Iterator[FrameResult]:
        """All frames that have masks, in order; nothing is computed."""
        with self._lock:
            tracks = self._tracks.values()
            frames = sorted({t for track in tracks for t in (*track.prompted, *track.tracked)})
        for frame in frames:
            result = self.result(frame)
            if result is not None:
                yield result

    def is_prompted(self, object_id: int, frame: int) -> bool:
        track = self._tracks.get(object_id)
        return track is not None and frame in track.prompted

    def stale(self, object_id: int, reverse: bool | None = None) -> list[tuple[int, int]]:
        """Half-open ranges of frames whose masks a changed prompt has overtaken. reverse: instead,
        the frames that a run in that direction would do again."""
        with self._lock:
            track = self._track(object_id)
            if reverse is None:
                return to_ranges(t for t in track.tracked if track.is_outdated(t))
            return to_ranges(t for t in track.tracked if t in track.stale[reverse] or track.is_outdated(t))

    def features(self, object_id: int | None, frame: int) -> Features:
        """What a click on the object is decoded from on that frame: the frame's features, conditioned
        on the object's past where it has been tracked. None: the frame's features as they are."""
        with self._lock:
            features = self._tracker.edit(frame, self._tracks.values())
            if object_id is None:
                return features
            return self._tracker.conditioned(self._track(object_id), frame, features)

    def close(self) -> None:
        """Ends the run under way and removes the results on disk. The source stays open."""
        self.stop()
        with self._lock:
            self._reader.close()
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _track(self, object_id: int) -> Track:
        try:
            return self._tracks[object_id]
        except KeyError:
            known = ", ".join(map(str, self._tracks)) or "none"
            raise PromptError(f"there is no object {object_id}: known objects are {known}") from None

    def _results(
        self, start: int, end: int | None, max_frames: int | None, options: RunOptions, token: object
    ) -> Iterator[FrameResult]:
        frame, given, onward = start, 0, -1 if options.reverse else 1
        while (end is None or (end - frame) * onward > 0) and given != max_frames:
            self._reader.wait_for(frame)
            with self._lock:
                if self._run is not token or not self._prompted():
                    return
                step = run_step(self._tracks, self._tracker, frame, options)
            if step is None:
                return
            frame = step.frame + onward
            if step.result is not None:
                given += 1
                yield step.result

    def _prompted(self) -> set[int]:
        return {frame for track in self._tracks.values() for frame in track.prompted}
