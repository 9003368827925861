"""What an object attends to on a frame: which memories, which pointers, at which temporal distance.

Plain functions of frame numbers; nothing here holds a tensor. The rules are those of SAM 2's memory
bank (Ravi et al. 2024, and the inference code of its release).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from splitmask.errors import PromptError
from splitmask.presets import Preset

PROMPTED_SLOT = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is attended to.

    max_prompted: prompted frames, the closest in time first; −1 for all, else at least 2.
    stride: of the recent memories all but the latest are taken at every stride-th frame.
    """

    num_memories: int = 7
    max_pointers: int = 16
    max_prompted: int = -1
    stride: int = 1

    def __post_init__(self) -> None:
        if self.max_prompted != -1 and self.max_prompted < 2:
            raise PromptError(f"max_prompted is {self.max_prompted}: give −1 for all, or 2 or more")
        if self.stride < 1:
            raise PromptError(f"the memory stride is {self.stride}: give 1 or more")

    @classmethod
    def of(cls, preset: Preset, max_prompted: int = -1, stride: int = 1) -> Limits:
        return cls(preset.num_memories, preset.max_pointers, max_prompted, stride)


@dataclass(frozen=True, slots=True)
class Selection:
    """memories: (frame, slot), slot 0 for a prompted frame, else 1…6 how many kept frames ago.
    pointers: (frame, dt), dt ≥ 0 the divided time between the frames."""

    memories: tuple[tuple[int, int], ...]
    pointers: tuple[tuple[int, float], ...]


def closest_prompted(frame: int, prompted: Collection[int], limit: int) -> list[int]:
    """Up to `limit` prompted frames: the closest before, the closest at or after, then whatever is
    closest, the earlier of equals. Ascending. −1: all."""
    if limit == -1 or len(prompted) <= limit:
        return sorted(prompted)
    before = [t for t in prompted if t < frame]
    after = [t for t in prompted if t >= frame]
    chosen = ([max(before)] if before else []) + ([min(after)] if after else [])
    rest = sorted((t for t in prompted if t not in chosen), key=lambda t: (abs(t - frame), t))
    return sorted(chosen + rest[: limit - len(chosen)])


def recent_frames(frame: int, reverse: bool, limits: Limits) -> list[tuple[int, int]]:
    """(frame, slot) of the recent memories that could be attended to, the earliest passed first.

    Slot 1 is the frame just passed; the others lie on every stride-th frame before it.
    """
    r, slots = limits.stride, range(limits.num_memories - 1, 1, -1)
    if reverse:
        nearest = -(-(frame + 2) // r) * r
        return [(nearest + (slot - 2) * r, slot) for slot in slots] + [(frame + 1, 1)]
    nearest = (frame - 2) // r * r
    return [(nearest - (slot - 2) * r, slot) for slot in slots] + [(frame - 1, 1)]


def pointer_divisor(frames: int | None, max_pointers: int) -> int:
    """What temporal distances are divided by: `min(frames, 16) − 1`, at least 1; 15 if unknown."""
    return max(1, (max_pointers if frames is None else min(frames, max_pointers)) - 1)


def select(
    frame: int,
    reverse: bool,
    prompted: Collection[int],
    is_tracked: Callable[[int], bool],
    frames: int | None,
    limits: Limits,
) -> Selection:
    """What an object attends to on `frame` in a run forward or in reverse.

    prompted: its prompted frames; is_tracked: whether a frame, not prompted, has a result that may be
    attended to; frames: the clip's length, None if unknown. A prompted frame that the limit leaves
    out still counts as a tracked one. Pointers of prompted frames come only from the frames that the
    run has passed, and the frame itself.
    """
    chosen = closest_prompted(frame, prompted, limits.max_prompted)
    left_out = set(prompted) - set(chosen)

    def has(t: int) -> bool:
        return t in left_out or (t not in chosen and is_tracked(t))

    memories = [(t, PROMPTED_SLOT) for t in chosen]
    memories += [(t, slot) for t, slot in recent_frames(frame, reverse, limits) if has(t)]
    sign = -1 if reverse else 1
    times = [(t, (frame - t) * sign) for t in chosen if (frame - t) * sign >= 0]
    reach = limits.max_pointers if frames is None else min(frames, limits.max_pointers)
    times += [(frame - dt * sign, dt) for dt in range(1, reach) if has(frame - dt * sign)]
    divisor = pointer_divisor(frames, limits.max_pointers)
    return Selection(tuple(memories), tuple((t, dt / divisor) for t, dt in times))


def live_window(frame: int, reverse: bool, limits: Limits) -> set[int]:
    """Frames up to `frame` whose memories a run may still attend to after it: what to hold in RAM."""
    ahead = frame - 1 if reverse else frame + 1
    later = ahead - 1 if reverse else ahead + 1
    candidates = recent_frames(ahead, reverse, limits) + recent_frames(later, reverse, limits)
    return {t for t, _ in candidates if (t >= frame if reverse else t <= frame)}
