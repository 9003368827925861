"""Which kind of step comes next."""

from __future__ import annotations

from collections import Counter

import numpy as np

from splitmask.train.plans import Plans, draw_plan, spread_plans
from train_helpers import CLIP_PHASE, recipe


def test_any_plan_is_within_its_phase() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_plan(CLIP_PHASE, rng) for _ in range(200)]
    assert {plan.start for plan in drawn} == set(CLIP_PHASE.starts)
    assert {plan.rounds for plan in drawn} == set(CLIP_PHASE.rounds)
    assert {plan.correct for plan in drawn} == {(), (1,), (2,)}
    assert 0.7 < np.mean([plan.keep_mask for plan in drawn]) < 0.9


def test_a_few_plans_are_spread_evenly() -> None:
    plans = spread_plans(CLIP_PHASE, 6, np.random.default_rng(1))
    assert set(Counter(plan.start for plan in plans).values()) == {2}
    assert set(Counter(plan.rounds for plan in plans).values()) == {3}
    assert len({(plan.start, plan.rounds) for plan in plans}) == 6


def test_all_processes_draw_alike_and_go_on_alike() -> None:
    for recorded in (0, 4):
        one, other = (Plans(recipe((CLIP_PHASE, CLIP_PHASE), recorded=recorded)) for _ in range(2))
        first = [one.draw() for _ in range(20)]
        assert first == [other.draw() for _ in range(20)]
        state = one.state()
        later = [one.draw() for _ in range(20)]
        other.set_state(state)
        assert [other.draw() for _ in range(20)] == later
        if recorded:
            assert len({plan for which, plan in first + later if which == 0}) <= 4
            assert one.warm(0) == one.few[0]
