"""Cases → rows of figures: per kind, and per group that is reported on across kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from splitmask.eval.clicks import ClickCase
from splitmask.eval.video import Presence, VideoCase

SMALL, LARGE = 32**2, 96**2  # pixels, as COCO has them
NOC_TARGETS = (0.85, 0.90)


@dataclass(frozen=True, slots=True)
class ClickRow:
    """Means over the objects of one group."""

    group: str
    objects: int
    ious: tuple[float, ...]  # after 1, 2, … clicks
    box_ious: tuple[float, ...]  # from the box, after 1, 2, … corrections
    noc: tuple[float, ...]  # clicks to each of NOC_TARGETS, the most clicks where it is not reached
    reached: tuple[float, ...]  # share of objects that reach it
    score_error: float  # mean |predicted IoU − IoU| over all clicks


@dataclass(frozen=True, slots=True)
class VideoRow:
    """Means over the objects of one group, from one kind of prompt. 0…1."""

    group: str
    prompt: str
    objects: int
    jf: float
    j: float
    j_recall: float
    j_decay: float
    f: float
    f_recall: float
    f_decay: float
    present_right: float | None  # share of the frames with the object in view that say so; None without such
    absent_right: float | None  # the same of those with the object out of view


def _kind(*names: str) -> Callable[[ClickCase], bool]:
    return lambda case: case.kind in names


# The second label map of the kind `ccp` is the person, the first clothes and parts.
GROUPS: tuple[tuple[str, Callable[[ClickCase], bool]], ...] = (
    ("pedestrians", lambda case: case.kind == "human" or (case.kind == "ccp" and case.key.map == 1)),
    ("everyday ≥ 32²", lambda case: case.kind == "coco" and case.area >= SMALL),
    ("small < 32²", lambda case: case.area < SMALL),
    ("medium", lambda case: SMALL <= case.area < LARGE),
    ("large ≥ 96²", lambda case: case.area >= LARGE),
    ("all", lambda case: True),
)


def click_rows(cases: Sequence[ClickCase]) -> list[ClickRow]:
    """A row per kind, then one per group; empty groups are left out."""
    kinds = [(kind, _kind(kind)) for kind in sorted({case.kind for case in cases})]
    groups = [(name, [case for case in cases if belongs(case)]) for name, belongs in (*kinds, *GROUPS)]
    return [_click_row(name, group) for name, group in groups if group]


def video_rows(cases: Sequence[VideoCase]) -> list[VideoRow]:
    """Per prompt a row per kind, and one of all if there are several kinds."""
    kinds = sorted({case.kind for case in cases})
    rows = []
    for prompt in dict.fromkeys(case.prompt for case in cases):
        said = [case for case in cases if case.prompt == prompt]
        for kind in kinds:
            rows += [_video_row(kind, of_kind)] if (of_kind := [c for c in said if c.kind == kind]) else []
        rows += [_video_row("all", said)] if len(kinds) > 1 else []
    return rows


def clip_rows(cases: Sequence[VideoCase]) -> list[VideoRow]:
    """A row per clip and prompt."""
    groups: dict[tuple[str, str], list[VideoCase]] = {}
    for case in cases:
        groups.setdefault((case.name, case.prompt), []).append(case)
    return [_video_row(name, group) for (name, _), group in groups.items()]


def _click_row(name: str, cases: Sequence[ClickCase]) -> ClickRow:
    ious = np.array([case.ious for case in cases])
    scores = np.array([case.scores for case in cases])
    return ClickRow(
        group=name,
        objects=len(cases),
        ious=_means(case.ious for case in cases),
        box_ious=_means(case.box_ious for case in cases),
        noc=_means([case.noc(target) for target in NOC_TARGETS] for case in cases),
        reached=_means([case.reached(target) for target in NOC_TARGETS] for case in cases),
        score_error=float(np.abs(ious - scores).mean()),
    )


def _video_row(name: str, cases: Sequence[VideoCase]) -> VideoRow:
    """Objects count alike, whatever the length of their clip, as in the official evaluators."""
    presence = sum((case.presence for case in cases), Presence())
    j, f = [case.score.j for case in cases], [case.score.f for case in cases]
    return VideoRow(
        group=name,
        prompt=cases[0].prompt,
        objects=len(cases),
        jf=_mean(case.score.jf for case in cases),
        j=_mean(each.mean for each in j),
        j_recall=_mean(each.recall for each in j),
        j_decay=_mean(each.decay for each in j),
        f=_mean(each.mean for each in f),
        f_recall=_mean(each.recall for each in f),
        f_decay=_mean(each.decay for each in f),
        present_right=_share(presence.said_present, presence.in_view),
        absent_right=_share(presence.said_absent, presence.out_of_view),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _means(rows: Iterable[Sequence[float]]) -> tuple[float, ...]:
    return tuple(float(value) for value in np.mean(list(rows), axis=0))
