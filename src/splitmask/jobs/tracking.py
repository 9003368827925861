"""One clip and what was said of it → masks on every frame, in the order in which exports want them.

Where prompts are not on the first frame, the run goes backward first, then forward over the whole
range, so that every frame is given out once, in order, as soon as it is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from splitmask.errors import PromptError
from splitmask.jobs.script import Script
from splitmask.media import Clip
from splitmask.session import FrameResult, VideoSession
from splitmask.types import Frame

Direction = Literal["both", "forward", "reverse"]
Tick = Callable[[], bool]  # called after every frame that was worked on; False asks to stop


@dataclass(frozen=True, slots=True)
class Plan:
    """Which frames are worked on, in which direction."""

    span: range  # of the clip, in presentation order
    prompted: tuple[int, ...]
    direction: Direction

    @property
    def backward(self) -> range:
        """Frames that a run against time goes over, last first; the prompted one included."""
        last = max(self.prompted)
        first = self.span.start
        wanted = self.direction == "reverse" or (self.direction == "both" and last > first)
        return range(last, first - 1, -1) if wanted else range(0)

    @property
    def forward(self) -> range:
        """Frames that are given out; beyond the backward run's they are tracked in time's direction."""
        if self.direction == "reverse":
            return range(self.span.start, max(self.prompted) + 1)
        return range(self.span.start if self.direction == "both" else min(self.prompted), self.span.stop)

    @property
    def steps(self) -> int:
        return len(self.backward) + len(self.forward)


def plan(span: range, script: Script, direction: Direction) -> Plan:
    """Raises PromptError where a prompt is outside the range."""
    for said in script.said:
        if said.frame not in span:
            raise PromptError(
                f"frame {said.frame} is outside what is tracked, frames {span.start} to {span.stop - 1}: "
                "prompt another frame or widen --frames"
            )
    return Plan(span, tuple(sorted({said.frame for said in script.said})), direction)


def prompt(session: VideoSession, script: Script) -> None:
    """Gives the session what was said, frame by frame. Raises PromptError or MediaError."""
    for said in sorted(script.said, key=lambda each: each.frame):
        for each in said.prompts(session.size):
            session.add_prompt(said.object_id, said.frame, each, clear_old=False)


def track(
    session: VideoSession, clip: Clip, plan: Plan, tick: Tick
) -> Iterator[tuple[Frame, FrameResult | None]]:
    """Every frame of the plan, in order, with its masks; ends early once `tick` says so."""
    if plan.backward:
        start, stop = plan.backward.start, plan.backward.stop
        for _ in session.propagate(start, stop, reverse=True):
            if not tick():
                yield from _done(session, clip, plan.backward)
                return
    if plan.direction == "reverse":
        results: Iterator[FrameResult] = (r for r in session.results() if r.index in plan.forward)
    else:
        results = session.propagate(plan.forward.start, plan.forward.stop)
    for frame, result in _filled(clip, results, plan.forward):
        yield frame, result
        if not tick():
            return


def _done(session: VideoSession, clip: Clip, run: range) -> Iterator[tuple[Frame, FrameResult | None]]:
    """What a stopped backward run leaves, in order."""
    results = [result.index for result in session.results() if result.index in run]
    yield from _filled(clip, session.results(), range(results[0], results[-1] + 1))


def _filled(
    clip: Clip, results: Iterator[FrameResult], span: range
) -> Iterator[tuple[Frame, FrameResult | None]]:
    """Every frame of the span with its result, or None where there is none."""
    expected = span.start
    for result in results:
        for index in range(expected, result.index):
            yield clip.frame(index), None
        yield result.frame or clip.frame(result.index), result
        expected = result.index + 1
    for index in range(expected, span.stop):
        yield clip.frame(index), None
