"""One run over the clip: where it goes, and what is done on each frame."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction

from splitmask.errors import PromptError
from splitmask.session.choice import Output
from splitmask.session.source import Reader
from splitmask.session.track import Track
from splitmask.session.tracker import Tracker
from splitmask.types import Frame, Mask


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """All masks of one frame."""

    index: int
    pts: Fraction | None  # seconds from the clip's start
    masks: dict[int, Mask]  # object id → mask
    frame: Frame | None = None  # the picture, where this run has read it


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run goes.

    redo: work also on frames whose results are fresh. replay: give out the frames that need no work,
    from the store. lead_in: track objects also before their first prompted frame, as the official
    predictor does, until a run in the other direction does it better.
    """

    reverse: bool = False
    redo: bool = False
    replay: bool = True
    lead_in: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """frame: the one the run was on, which a stream that drops frames moves on; result: None where
    no object has a mask, or none that was asked for."""

    frame: int
    result: FrameResult | None


def run_bounds(
    start: int | None, stop: int | None, reverse: bool, prompted: Collection[int], reader: Reader
) -> tuple[int, int | None]:
    """First frame of a run, and the frame that ends it, left out; None: until the source ends.

    By default from the first prompted frame (in reverse the last, of a stream the newest) to the end
    of the clip's window. Raises PromptError if nothing is prompted or the start is outside the clip.
    """
    if not prompted:
        raise PromptError("there is nothing to track: prompt an object on some frame first")
    (first, last), count = reader.window, reader.count
    if start is None:
        start = max(prompted) if reverse else max(min(prompted), reader.position or 0)
    if start < 0 or (count is not None and start >= count):
        at_most = "" if count is None else f" to {count - 1}"
        raise PromptError(f"a run cannot start on frame {start}: choose one of 0{at_most}")
    if reverse:
        return start, first - 1 if stop is None else max(stop, -1)
    ends = [end for end in (last if stop is None else stop, count) if end is not None]
    return start, min(ends, default=None)


def run_step(tracks: Mapping[int, Track], tracker: Tracker, frame: int, options: RunOptions) -> Step | None:
    """What a run does on one frame; None if the source has ended."""
    picture, outputs = None, {}
    if _work(tracks, frame, options):
        picture = tracker.reader.next_in_run(frame, options.reverse)
        if picture is None:
            return None
        frame = picture.index
        work = _work(tracks, frame, options)
        outputs = tracker.step(work, frame, options.reverse, picture) if work else {}
    for track in tracks.values():
        track.pass_prompted(frame, options.reverse)
    if not outputs and not options.replay:
        return Step(frame, None)
    return Step(frame, frame_result(tracks, tracker, frame, outputs, picture))


def _work(tracks: Mapping[int, Track], frame: int, options: RunOptions) -> list[Track]:
    each = tracks.values()
    return [t for t in each if t.needs_run(frame, options.reverse, options.redo, options.lead_in)]


def frame_result(
    tracks: Mapping[int, Track],
    tracker: Tracker,
    frame: int,
    fresh: Mapping[int, Output],
    picture: Frame | None = None,
) -> FrameResult | None:
    """A frame's masks, `fresh` ones as they are and the others from the store; None if there is none."""
    size, masks = tracker.reader.size, {}
    for object_id, track in tracks.items():
        output = fresh.get(object_id) or track.output(frame)
        if output is not None:
            masks[object_id] = to_mask(output, size)
    return FrameResult(frame, tracker.pts.get(frame), masks, picture) if masks else None


def to_mask(output: Output, size: tuple[int, int]) -> Mask:
    return Mask(output.logits, output.score, output.presence, size)
