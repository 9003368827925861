"""`A:B`, how a stretch of frames is written: 0-based, half-open, either side may be left out."""

from __future__ import annotations

import re

from splitmask.errors import PromptError

Window = tuple[int, int | None]  # first frame, one past the last (None: to the clip's end)

EVERYTHING: Window = (0, None)

_PATTERN = re.compile(r"\s*([0-9]*)\s*:\s*([0-9]*)\s*")


def parse_range(text: str) -> Window:
    """`"10:20"` → (10, 20), `"10:"` → (10, None), `":20"` → (0, 20). Raises PromptError."""
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise PromptError(
            f'frame range "{text}" is not of the form A:B; write e.g. 10:20 for frames 10 to 19{_hint(text)}'
        )
    start = int(match[1] or 0)
    stop = int(match[2]) if match[2] else None
    return check_range((start, stop))


def check_range(window: Window) -> Window:
    """The same range, once it is sure to hold a frame. Raises PromptError."""
    start, stop = window
    if start < 0 or (stop is not None and stop < 0):
        raise PromptError(f"frame range {format_range(window)} is negative; frames are counted from 0")
    if stop is not None and stop <= start:
        raise PromptError(
            f"frame range {format_range(window)} is empty; its end (not included) must be above its start"
        )
    return window


def format_range(window: Window) -> str:
    """(10, None) → `10:`."""
    start, stop = window
    return f"{start}:{'' if stop is None else stop}"


def _hint(text: str) -> str:
    number = text.strip()
    return f", {number}:{int(number) + 1} for frame {number} alone" if number.isdecimal() else ""
