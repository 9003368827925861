"""memory.json: what an object attends to."""

from __future__ import annotations

import random
from typing import Any

from policy_reference.common import Case, camel, ranges


def nearest(frame: int, prompted: list[int], most: int) -> list[int]:
    """The prompted frame before, the one at or after, then the closest others."""
    chosen = []
    if any(p < frame for p in prompted):
        chosen.append(max(p for p in prompted if p < frame))
    if any(p >= frame for p in prompted):
        chosen.append(min(p for p in prompted if p >= frame))
    others = [p for p in sorted(prompted) if p not in chosen]
    others.sort(key=lambda p: abs(p - frame))  # stable: of two equally far, the earlier
    while len(chosen) < most:
        chosen.append(others.pop(0))
    return chosen


def kept(frame: int, back: int, reverse: bool, stride: int) -> int:
    """The frame that was kept `back` frames ago: the one just passed, then every stride-th."""
    step = 1 if reverse else -1
    if back == 1:
        return frame + step
    t = frame + 2 * step
    while t % stride:
        t += step
    return t + (back - 2) * stride * step


def attended(
    frame: int,
    reverse: bool,
    prompted: list[int],
    tracked: set[int],
    frames: int | None,
    num_memories: int = 7,
    max_pointers: int = 16,
    max_prompted: int = -1,
    stride: int = 1,
) -> Case:
    """What SAM 2 attends to, told as one would explain it."""
    limited = max_prompted != -1 and len(prompted) > max_prompted
    chosen = sorted(nearest(frame, prompted, max_prompted) if limited else prompted)
    # a prompted frame that was not chosen is attended to like any tracked one
    others_known = (set(tracked) | set(prompted)) - set(chosen)

    memories = [[p, 0] for p in chosen]
    for back in range(num_memories - 1, 0, -1):  # 6, 5, … 1 kept frames ago
        t = kept(frame, back, reverse, stride)
        if t in others_known:
            memories.append([t, back])

    most = max_pointers if frames is None else min(frames, max_pointers)
    divisor = max(most - 1, 1)
    pointers = []
    for p in chosen:
        passed = p - frame if reverse else frame - p
        if passed >= 0:
            pointers.append([p, passed / divisor])
    for passed in range(1, most):
        t = frame + passed if reverse else frame - passed
        if t in others_known:
            pointers.append([t, passed / divisor])
    return {"memories": memories, "pointers": pointers}


def memory_case(
    name: str,
    frame: int,
    prompted: list[int],
    tracked: list[tuple[int, int]],
    frames: int | None,
    **more: Any,
) -> Case:
    limits = {"num_memories": 7, "max_pointers": 16, "max_prompted": -1, "stride": 1}
    reverse = more.pop("reverse", False)
    limits.update(more)
    known = {t for a, b in tracked for t in range(a, b)} - set(prompted)
    return {
        "name": name,
        "frame": frame,
        "reverse": reverse,
        "prompted": prompted,
        "tracked": ranges(known),
        "frames": frames,
        "limits": {camel(key): value for key, value in limits.items()},
        **attended(frame, reverse, prompted, known, frames, **limits),
    }


def memory_cases() -> list[Case]:
    case = memory_case
    cases = [
        case("first frame after the prompt", 1, [0], [], 100),
        case("ring still filling", 4, [0], [(1, 4)], 100),
        case("ring full, the prompted frame outside it", 20, [0], [(1, 20)], 100),
        case("pointers reach 15 frames back", 40, [0], [(1, 40)], 100),
        case("pointers of a prompted frame beyond 15 frames", 90, [3], [(4, 90)], 100),
        case("short clip: pointers reach frames − 1 back", 4, [0], [(1, 4)], 5),
        case("two frames: divisor 1", 1, [0], [], 2),
        case("one frame: divisor at least 1", 0, [0], [], 1),
        case("unknown length: divisor 15", 3, [0], [(1, 3)], None),
        case("unknown length, far on", 5000, [0], [(1, 5000)], None),
        case("length 16: divisor 15", 10, [0], [(1, 10)], 16),
        case("length 15: divisor 14", 10, [0], [(1, 10)], 15),
        case("reverse: right after the prompt", 49, [50], [], 100, reverse=True),
        case("reverse: ring full", 30, [50], [(31, 50)], 100, reverse=True),
        case("reverse: towards the first frame", 0, [50], [(1, 50)], 100, reverse=True),
        case(
            "reverse after forward: the forward results count as recent",
            49,
            [50],
            [(51, 90)],
            100,
            reverse=True,
        ),
        case("reverse at the end of the clip", 98, [99], [], 100, reverse=True),
        case("a prompted frame ahead gives a memory but no pointer", 10, [0, 30], [(1, 10)], 100),
        case(
            "a prompted frame behind in reverse is the later one", 20, [0, 30], [(21, 30)], 100, reverse=True
        ),
        case("prompted frames among the recent ones are not counted twice", 12, [0, 8, 10], [(1, 12)], 100),
        case("correcting a frame between prompted ones", 20, [0, 40], [(1, 60)], 100),
        case("a frame that is prompted itself: distance 0", 20, [0, 20], [(1, 20)], 100),
        case("a gap in what is tracked", 30, [0], [(1, 25), (28, 30)], 100),
        case("nothing tracked nearby", 70, [0, 3], [(1, 10)], 100),
        case("only every other frame tracked", 31, [0], [(t, t + 1) for t in range(1, 31, 2)], 100),
    ]
    return cases + limit_cases() + drawn_cases()


def limit_cases() -> list[Case]:
    """More prompted frames than may be attended to, and memories that are further apart."""
    case = memory_case
    return [
        case("many prompted frames, no limit", 33, [0, 5, 9, 14, 20, 31, 40, 77], [(1, 60)], 100),
        case("limit not reached", 33, [0, 40], [(1, 33)], 100, max_prompted=4),
        case("limit 4 of 8", 33, [0, 5, 9, 14, 20, 31, 40, 77], [(1, 60)], 100, max_prompted=4),
        case("limit 4, all before", 90, [0, 5, 9, 14, 20, 31], [(1, 90)], 100, max_prompted=4),
        case("limit 4, all after", 2, [10, 20, 30, 40, 50, 60], [], 100, max_prompted=4, reverse=True),
        case(
            "limit 4, the frame itself prompted", 20, [0, 5, 14, 20, 31, 40], [(1, 50)], 100, max_prompted=4
        ),
        case(
            "limit 3, equally far: the earlier", 30, [10, 20, 29, 31, 40, 50], [(11, 30)], 100, max_prompted=3
        ),
        case("limit 2: before and after", 30, [10, 20, 29, 31, 40, 50], [(11, 30)], 100, max_prompted=2),
        case(
            "a prompted frame left out counts as recent",
            30,
            [0, 25, 27, 28, 29, 33],
            [(1, 30)],
            100,
            max_prompted=2,
        ),
        case(
            "left out, in reverse",
            30,
            [27, 31, 32, 33, 35, 60],
            [(31, 60)],
            100,
            max_prompted=2,
            reverse=True,
        ),
        case("stride 3", 40, [0], [(1, 40)], 100, stride=3),
        case("stride 3, on a multiple", 42, [0], [(1, 42)], 100, stride=3),
        case("stride 5, ring still filling", 12, [0], [(1, 12)], 100, stride=5),
        case("stride 5, reverse", 41, [90], [(42, 90)], 100, stride=5, reverse=True),
        case("stride 2, reverse, at the start", 0, [50], [(1, 50)], 100, stride=2, reverse=True),
        case("four memories, four pointers", 20, [0], [(1, 20)], 100, num_memories=4, max_pointers=4),
    ]


def drawn_cases() -> list[Case]:
    case, cases = memory_case, list[Case]()
    rng = random.Random(1)
    for i in range(40):
        frames = rng.choice([None, 8, 30, 60])
        last = (frames or 60) - 1
        prompted = sorted(rng.sample(range(last + 1), rng.randint(1, min(7, last))))
        tracked = [t for t in range(last + 1) if rng.random() < 0.8]
        cases.append(
            case(
                f"drawn {i}",
                rng.randint(0, last),
                prompted,
                [(t, t + 1) for t in tracked],
                frames,
                reverse=rng.random() < 0.5,
                max_prompted=rng.choice([-1, 2, 4]),
                stride=rng.choice([1, 1, 2, 4]),
            )
        )
    return cases
