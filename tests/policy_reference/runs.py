"""stale.json and run.json: what a changed prompt overtakes, and what a run works on."""

from __future__ import annotations

from typing import Any

from policy_reference.common import Case, ranges, spread


def overtaken(frame: int, reverse: bool, prompted: list[int], tracked: set[int]) -> set[int]:
    """Walks from the changed frame to the next prompted one, or as far as anything is tracked."""
    stale, t, step = set(), frame, -1 if reverse else 1
    first, last = min([frame, *tracked]), max([frame, *tracked])
    while first <= t <= last:
        if t in prompted and t != frame:
            break
        if t in tracked and t not in prompted:
            stale.add(t)
        t += step
    return stale


def stale_cases() -> list[Case]:
    cases = []

    def case(name: str, frame: int, prompted: list[int], tracked: list[tuple[int, int]]) -> None:
        known = {t for a, b in tracked for t in range(a, b)} - set(prompted)
        both = {
            direction: ranges(overtaken(frame, direction == "reverse", prompted, known))
            for direction in ("forward", "reverse")
        }
        cases.append({"name": name, "frame": frame, "prompted": prompted, "tracked": ranges(known), **both})

    case("nothing tracked yet", 5, [5], [])
    case("a second click on the only prompted frame", 0, [0], [(0, 51)])
    case("a correction on a tracked frame", 20, [0, 20], [(0, 51)])
    case("up to the next prompted frame", 20, [0, 20, 40], [(0, 61)])
    case("the last prompted frame: to the end of what is tracked", 40, [0, 20, 40], [(0, 61)])
    case("the first prompted frame, tracked both ways", 30, [30, 60], [(0, 90)])
    case("a new prompt beyond what is tracked", 70, [0, 70], [(0, 51)])
    case("a new prompt before what is tracked", 2, [2, 10], [(10, 51)])
    case("over a gap in what is tracked", 10, [10], [(0, 20), (30, 40)])
    case("a removed prompt: its own frame is stale too", 20, [0, 40], [(0, 61)])
    case("the removed prompt was the first", 0, [20], [(0, 51)])
    case("the removed prompt was the last", 40, [0], [(0, 61)])
    case("prompted frames side by side", 20, [19, 20, 21], [(0, 51)])
    return cases


def worked_on(case: Case) -> Case:
    """Replays a run of one object frame by frame."""
    prompted = set(case["prompted"])
    direction = dict.fromkeys(spread(case["trackedForward"]), False)
    direction |= dict.fromkeys(spread(case["trackedReverse"]), True)
    stale = {False: spread(case["staleForward"]), True: spread(case["staleReverse"])}
    reverse, step = case["reverse"], -1 if case["reverse"] else 1

    def fresh(t: int) -> bool:
        return t in direction and t not in stale[direction[t]]

    worked = []
    for t in range(case["start"], case["stop"], step):
        if t in prompted:
            continue
        if fresh(t) and t not in stale[reverse] and not case["redo"]:
            continue
        passed_a_prompt = any((p >= t) if reverse else (p <= t) for p in prompted)
        if not (passed_a_prompt or fresh(t - step) or case["leadIn"]):
            continue
        worked.append(t)
        guess = not passed_a_prompt and (not fresh(t - step) or (t - step) in stale[not reverse])
        direction[t] = reverse
        stale[False].discard(t)
        stale[True].discard(t)
        if guess:
            stale[not reverse].add(t)
    return {
        "worked": ranges(worked),
        "staleForwardAfter": ranges(stale[False]),
        "staleReverseAfter": ranges(stale[True]),
    }


def run_case(name: str, prompted: list[int], start: int, stop: int, **more: Any) -> Case:
    state: Case = {"trackedForward": [], "trackedReverse": [], "staleForward": [], "staleReverse": []}
    state |= {"reverse": False, "redo": False, "leadIn": False, **more}
    full = {"name": name, "prompted": prompted, "start": start, "stop": stop, **state}
    return {**full, **worked_on(full)}


def run_cases() -> list[Case]:
    case = run_case
    both = {"trackedForward": [[21, 50]], "trackedReverse": [[0, 20]]}
    runs = [
        case("the first run", [0], 0, 50),
        case("the first run, in reverse", [40], 40, -1, reverse=True),
        case("again: nothing to do", [20], 0, 50, **both),
        case("again, on purpose", [20], 0, 50, redo=True, **both),
        case("further than last time", [0], 0, 50, trackedForward=[[1, 30]]),
        case("from the middle of what is not tracked", [0], 25, 50, trackedForward=[[1, 10]]),
        case("before the first prompt nothing is tracked", [30], 0, 50),
        case("unless asked for", [30], 0, 50, leadIn=True),
        case(
            "what was guessed before the prompt is done again from it",
            [30],
            30,
            -1,
            reverse=True,
            trackedForward=[[0, 30], [31, 50]],
            staleReverse=[[0, 30]],
        ),
    ]
    return runs + correction_cases()


def correction_cases() -> list[Case]:
    """After prompts were added and taken away."""
    case = run_case
    return [
        case(
            "a correction, forward",
            [0, 20],
            0,
            50,
            trackedForward=[[1, 20], [21, 50]],
            staleForward=[[21, 50]],
            staleReverse=[[1, 20]],
        ),
        case(
            "a correction, in reverse",
            [0, 20],
            20,
            -1,
            reverse=True,
            trackedForward=[[1, 20], [21, 50]],
            staleForward=[[21, 50]],
            staleReverse=[[1, 20]],
        ),
        case(
            "a stale stretch between prompted frames",
            [0, 20, 40],
            0,
            60,
            trackedForward=[[1, 20], [21, 40], [41, 60]],
            staleForward=[[21, 40]],
        ),
        case(
            "stopped inside the stale stretch",
            [0, 20, 40],
            0,
            30,
            trackedForward=[[1, 20], [21, 40], [41, 60]],
            staleForward=[[21, 40]],
        ),
        case(
            "the first prompt was removed: forward leaves what it cannot do better",
            [20],
            0,
            40,
            trackedForward=[[0, 20], [21, 40]],
            staleForward=[[0, 20]],
        ),
        case(
            "and reverse does it",
            [20],
            20,
            -1,
            reverse=True,
            trackedForward=[[0, 20], [21, 40]],
            staleForward=[[0, 20]],
        ),
        case(
            "reverse goes on from a forward run's frames", [0], 50, 0, reverse=True, trackedForward=[[50, 60]]
        ),
    ]
