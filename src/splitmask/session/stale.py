"""Which results a changed prompt makes stale, and which frames a run has to work on.

Plain functions of frame numbers. "Behind" and "ahead" are meant in the run's direction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable


def stale_frames(frame: int, reverse: bool, prompted: Collection[int], tracked: Iterable[int]) -> set[int]:
    """Tracked frames that a change of the prompt on `frame` makes stale for a run in one direction.

    From `frame` on to the object's next prompted frame, or to the end of what is tracked; beyond, the
    masks stand until they are run again. prompted: the prompted frames after the change; `frame`
    itself is stale only if it is no longer one of them.
    """
    if reverse:
        end = max((p for p in prompted if p < frame), default=None)
        return {t for t in tracked if t <= frame and (end is None or t > end) and t not in prompted}
    end = min((p for p in prompted if p > frame), default=None)
    return {t for t in tracked if t >= frame and (end is None or t < end) and t not in prompted}


def is_reached(frame: int, reverse: bool, prompted: Collection[int], is_fresh: Callable[[int], bool]) -> bool:
    """Whether a run carries the object to `frame`: a prompted frame lies behind it, or the frame just
    behind holds a fresh result. (Tracking towards the first prompt would guess what has not been
    shown yet; the run in the other direction does that better.)"""
    if not prompted:
        return False
    if reverse:
        return max(prompted) >= frame or is_fresh(frame + 1)
    return min(prompted) <= frame or is_fresh(frame - 1)


def to_ranges(frames: Iterable[int]) -> list[tuple[int, int]]:
    """Frame numbers → ascending half-open ranges."""
    ranges: list[tuple[int, int]] = []
    for t in sorted(frames):
        if ranges and ranges[-1][1] == t:
            ranges[-1] = (ranges[-1][0], t + 1)
        else:
            ranges.append((t, t + 1))
    return ranges
