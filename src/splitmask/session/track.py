"""What a session knows of one object: its prompts, which frames hold results, what is stale.

Numbers and arrays only; the engine is called elsewhere. Memories and pointers are held for prompted
frames and for the few frames that a run can still attend to.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from splitmask.session.choice import Output
from splitmask.session.memory_bank import Limits, Selection, live_window, select
from splitmask.session.stale import is_reached, stale_frames
from splitmask.session.store import ResultStore
from splitmask.types import FloatArray, Memory, Prompt

# Made anew for a click far from where a run stands: two windows of each, so that the run's stay too.
HELD_MEMORIES = 16
HELD_POINTERS = 64


@dataclass(slots=True)
class Prompted:
    """A prompted frame. direction: of the run that has passed it (True: reverse), None if none has."""

    prompt: Prompt
    output: Output
    direction: bool | None
    memory: Memory | None = None  # made once it is needed, or the session turns to another frame


@dataclass(slots=True)
class Track:
    """One object's. `tracked` maps a frame that a run gave a result to the run's direction."""

    object_id: int
    store: ResultStore
    prompted: dict[int, Prompted] = field(default_factory=dict)
    tracked: dict[int, bool] = field(default_factory=dict)
    stale: dict[bool, set[int]] = field(default_factory=lambda: {False: set(), True: set()})
    memories: dict[int, Memory] = field(default_factory=dict)
    pointers: dict[int, FloatArray] = field(default_factory=dict)

    def is_outdated(self, frame: int) -> bool:
        """Whether the frame's mask comes from a run that a changed prompt has overtaken."""
        direction = self.tracked.get(frame)
        return direction is not None and frame in self.stale[direction]

    def is_fresh(self, frame: int) -> bool:
        """Whether the frame has a result that may be attended to."""
        return frame in self.tracked and not self.is_outdated(frame)

    def has_result(self, frame: int) -> bool:
        return frame in self.prompted or frame in self.tracked

    def output(self, frame: int) -> Output | None:
        """The object on that frame, from a prompt or from the store."""
        if frame in self.prompted:
            return self.prompted[frame].output
        return self.store.get(self.object_id, frame) if frame in self.tracked else None

    def direction(self, frame: int) -> bool | None:
        """Of the run that has been at the frame; None if none has."""
        prompted = self.prompted.get(frame)
        return self.tracked.get(frame) if prompted is None else prompted.direction

    def needs_run(self, frame: int, reverse: bool, redo: bool, lead_in: bool) -> bool:
        """Whether a run has to work on the frame. redo: also where the result is fresh; lead_in: also
        before the object's first prompted frame."""
        if not self.prompted or frame in self.prompted:
            return False
        if frame in self.tracked and not redo:
            stale = frame in self.stale[reverse] or self.is_outdated(frame)
            return stale and self._is_run(frame, reverse, lead_in)
        return self._is_run(frame, reverse, lead_in)

    def _is_run(self, frame: int, reverse: bool, lead_in: bool) -> bool:
        return lead_in or is_reached(frame, reverse, self.prompted, self.is_fresh)

    def select(self, frame: int, reverse: bool, frames: int | None, limits: Limits) -> Selection:
        """What is attended to on the frame. A frame never attends to itself."""
        others = [t for t in self.prompted if t != frame]
        return select(frame, reverse, others, self.is_fresh, frames, limits)

    def memory(self, frame: int) -> Memory | None:
        prompted = self.prompted.get(frame)
        return self.memories.get(frame) if prompted is None else prompted.memory

    def hold_memory(self, frame: int, memory: Memory) -> None:
        """Keeps a memory that was made anew; of tracked frames only the latest few such."""
        if frame in self.prompted:
            self.prompted[frame].memory = memory
            return
        self.memories[frame] = memory
        while len(self.memories) > HELD_MEMORIES:
            del self.memories[next(iter(self.memories))]

    def pointer(self, frame: int) -> FloatArray | None:
        if frame in self.prompted:
            return self.prompted[frame].output.pointer
        if frame not in self.pointers:
            pointer = self.store.pointer(self.object_id, frame)
            if pointer is None:
                return None
            self.pointers[frame] = pointer
            while len(self.pointers) > HELD_POINTERS:
                del self.pointers[next(iter(self.pointers))]
        return self.pointers[frame]

    def set_prompt(self, frame: int, prompt: Prompt, output: Output) -> None:
        """Makes the frame a prompted one, with that result; what follows from it becomes stale."""
        direction = self.direction(frame)
        self.prompted[frame] = Prompted(prompt, output, direction)
        if self.tracked.pop(frame, None) is not None:
            self.store.drop(self.object_id, frame)
        self._forget(frame)
        self._mark_stale(frame)

    def remove_prompt(self, frame: int) -> None:
        """Takes the prompt away. A frame that a run has passed keeps its mask, stale, until it is run
        again; without any prompt left, the object has no masks."""
        removed = self.prompted.pop(frame)
        self._forget(frame)
        if not self.prompted:
            self._clear_results()
            return
        if removed.direction is not None:
            self.store.put(self.object_id, frame, removed.output)
            self.tracked[frame] = removed.direction
        self._mark_stale(frame)

    def commit(self, frame: int, reverse: bool, output: Output, memory: Memory, limits: Limits) -> None:
        """Keeps a run's result, and lets go of what the run will not attend to any more."""
        self.store.put(self.object_id, frame, output)
        self.memories[frame], self.pointers[frame] = memory, output.pointer
        self.tracked[frame] = reverse
        for stale in self.stale.values():
            stale.discard(frame)
        if self._is_lead_in(frame, reverse):
            self.stale[not reverse].add(frame)  # a guess: a run from the prompt does it better
        self._trim(frame, reverse, limits)

    def pass_prompted(self, frame: int, reverse: bool) -> None:
        """Notes that a run has been at a prompted frame: a later click there corrects, in its direction."""
        if frame in self.prompted:
            self.prompted[frame].direction = reverse

    def _is_lead_in(self, frame: int, reverse: bool) -> bool:
        behind = frame + 1 if reverse else frame - 1
        carried = self.is_fresh(behind) and behind not in self.stale[not reverse]
        return not (carried or is_reached(frame, reverse, self.prompted, lambda _: False))

    def _trim(self, frame: int, reverse: bool, limits: Limits) -> None:
        window = live_window(frame, reverse, limits)
        self.memories = {t: memory for t, memory in self.memories.items() if t in window}
        near = [t for t in self.pointers if 0 <= (t - frame if reverse else frame - t) < limits.max_pointers]
        self.pointers = {t: self.pointers[t] for t in near}

    def _mark_stale(self, frame: int) -> None:
        for reverse, stale in self.stale.items():
            stale.discard(frame)
            stale |= stale_frames(frame, reverse, self.prompted, self.tracked)

    def _forget(self, frame: int) -> None:
        self.memories.pop(frame, None)
        self.pointers.pop(frame, None)

    def _clear_results(self) -> None:
        self.store.drop(self.object_id)
        self.tracked.clear()
        self.memories.clear()
        self.pointers.clear()
        self.stale = {False: set(), True: set()}
