"""choice.json: which of the four masks is taken, and whose pointer."""

from __future__ import annotations

from typing import Any

from policy_reference.common import Case


def choose(mode: str, points: int, masks: list[Any], ious: list[float], presence: float) -> Case:
    best, best_iou = 1, ious[1]
    for token in (2, 3):
        if ious[token] > best_iou:
            best, best_iou = token, ious[token]
    inner = outer = 0
    for row in masks[0]:
        for value in row:
            inner += value > 0.05
            outer += value > -0.05
    steady = outer == 0 or inner / outer >= 0.98
    if mode == "video" and points <= 1:
        token = pointer = best
    else:
        token, pointer = (0 if steady else best), 0
    if mode == "image":
        return {"token": token}
    present = presence > 0
    return {"token": token, "pointerToken": pointer if present else None, "present": present}


def choice_case(
    name: str,
    points: int,
    steady: bool,
    ious: list[float],
    presence: float = 3.0,
    mode: str = "video",
    **more: int,
) -> Case:
    """Masks of 10×10: `inner` cells above the upper bound of token 0, `between` inside the two bounds."""
    inner, between = more.get("inner", 50), more.get("between", 0 if steady else 10)
    values = [1.0] * inner + [0.0] * between + [-1.0] * (100 - inner - between)
    first = [values[i : i + 10] for i in range(0, 100, 10)]
    others = [[[round(0.5 * k - 0.1 * (x + y), 2) for x in range(10)] for y in range(10)] for k in (1, 2, 3)]
    masks = [first, *others]
    case = {"name": name, "mode": mode, "points": points, "masks": masks, "ious": ious, "presence": presence}
    return {**case, **choose(mode, points, masks, ious, presence)}


def choice_cases() -> list[Case]:
    case, ious = choice_case, [0.9, 0.5, 0.7, 0.6]
    return [
        case("tracking, no point: the best of 1–3", 0, True, ious),
        case("one point: the best of 1–3, with its pointer", 1, True, ious),
        case("one point, token 0 is never asked however good", 1, True, [1.0, 0.1, 0.2, 0.3]),
        case("equal IoUs: the first", 1, True, [0.9, 0.6, 0.6, 0.6]),
        case("two points: token 0", 2, True, ious),
        case("a box counts as two points", 2, True, [0.1, 0.9, 0.9, 0.9]),
        case("two points, unstable: the best of 1–3, the pointer stays", 2, False, ious),
        case("stability exactly 0.98 is stable", 3, True, ious, inner=49, between=1),
        case("stability just below 0.98", 3, True, ious, inner=48, between=1),
        case("an empty mask is stable", 2, True, ious, inner=0),
        case("nothing above the upper bound: unstable", 2, True, ious, inner=0, between=3),
        case("absent, one point", 1, True, ious, presence=-2.0),
        case("absent, many points", 4, True, ious, presence=-0.5),
        case("presence 0 is absent", 0, True, ious, presence=0.0),
        case("image, single mask", 1, True, ious, mode="image"),
        case("image, single mask, unstable", 1, False, ious, mode="image"),
        case("image: presence is not asked", 3, True, ious, presence=-5.0, mode="image"),
    ]
