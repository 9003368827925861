"""Which kind of step comes next; all processes draw it alike."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from splitmask.train.recipe import Phase, Recipe
from splitmask.train.rollout import Plan


def draw_plan(phase: Phase, rng: np.random.Generator) -> Plan:
    start = phase.starts[int(rng.integers(len(phase.starts)))]
    rounds = int(phase.rounds[int(rng.integers(len(phase.rounds)))])
    return _plan(phase, start, rounds, rng)


def _plan(phase: Phase, start: str, rounds: int, rng: np.random.Generator) -> Plan:
    later = np.arange(1, phase.scene.frames)
    count = int(rng.integers(0, phase.corrections + 1)) if len(later) else 0
    correct = tuple(int(x) for x in rng.permutation(later)[:count])
    keep = bool(rng.random() < 0.8)
    return Plan(start, rounds, correct, keep)  # type: ignore[arg-type]


def spread_plans(phase: Phase, count: int, rng: np.random.Generator) -> list[Plan]:
    """`count` plans in which starts and rounds come as evenly as they would be drawn."""
    starts = [phase.starts[int(i)] for i in rng.permutation(len(phase.starts))]
    rounds = [phase.rounds[int(i)] for i in rng.permutation(len(phase.rounds))]
    cycle = math.lcm(len(starts), len(rounds))
    pairs = [(starts[i % len(starts)], rounds[(i + i // cycle) % len(rounds)]) for i in range(count)]
    return [_plan(phase, start, number, rng) for start, number in pairs]


class Plans:
    """Draws phases by their shares, and plans: any, or of a few that are there to be recorded."""

    def __init__(self, recipe: Recipe) -> None:
        self.phases = recipe.phases
        self.rng = np.random.default_rng([recipe.seed, 1])
        shares = np.array([phase.share for phase in recipe.phases])
        self.chances = shares / shares.sum()
        fixed = np.random.default_rng([recipe.seed, 2])
        self.few = [spread_plans(phase, recipe.recorded, fixed) for phase in recipe.phases]

    def draw(self) -> tuple[int, Plan]:
        """The number of a phase, and what happens in its step."""
        which = int(self.rng.choice(len(self.chances), p=self.chances))
        if self.few[which]:
            return which, self.few[which][int(self.rng.integers(len(self.few[which])))]
        return which, draw_plan(self.phases[which], self.rng)

    def warm(self, which: int) -> list[Plan]:
        """Plans that show the compiler all there is of a phase."""
        if self.few[which]:
            return self.few[which]
        phase = self.phases[which]
        correct = tuple(range(1, phase.scene.frames))[: phase.corrections]
        rounds = min(2, max(phase.rounds))
        return [Plan(start, rounds, correct) for start in sorted(set(phase.starts))]  # type: ignore[arg-type]

    def state(self) -> dict[str, Any]:
        return dict(self.rng.bit_generator.state)

    def set_state(self, state: dict[str, Any]) -> None:
        self.rng.bit_generator.state = state
