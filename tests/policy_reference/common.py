"""What the parts of the reference share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Case = dict[str, Any]


def ranges(frames: Iterable[int]) -> list[list[int]]:
    out: list[list[int]] = []
    for t in sorted(frames):
        if out and out[-1][1] == t:
            out[-1][1] = t + 1
        else:
            out.append([t, t + 1])
    return out


def spread(pairs: list[list[int]]) -> set[int]:
    return {t for a, b in pairs for t in range(a, b)}


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
