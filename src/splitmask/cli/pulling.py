"""How a pull is shown: a bar for each file with speed and time left, and what is worth knowing beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


class Bars:
    """A `splitmask.hub.Watcher` that draws. On a stream that is no terminal only notes are printed."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    @property
    def fetched(self) -> bool:
        """Whether anything had to be."""
        return bool(self._tasks)

    def progress(self, file: str, done: int, total: int | None) -> None:
        if file not in self._tasks:
            self._tasks[file] = self._progress.add_task(file, total=total, completed=done)
        self._progress.update(self._tasks[file], completed=done, total=total)

    def note(self, text: str) -> None:
        self._progress.console.print(text, style="dim", markup=False)


@contextmanager
def shown_on(console: Console) -> Iterator[Bars]:
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        disable=not console.is_terminal,
    ) as progress:
        yield Bars(progress)
