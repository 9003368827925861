"""Ctrl-C and SIGTERM between two frames instead of in the middle of one, so that what is done stays whole."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any, Self

from splitmask.cli import INTERRUPTED, TERMINATED


class Stopper:
    """Within its `with` block the first signal only sets `asked`; a second one stops at once."""

    def __init__(self) -> None:
        self.code = 0  # the exit code that the signal asks for
        self._before: dict[int, Any] = {}

    @property
    def asked(self) -> bool:
        return self.code != 0

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.code = INTERRUPTED if number == signal.SIGINT else TERMINATED
