"""What an evaluation found: tables for people, JSON for programs, one PNG with the worst cases."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splitmask.eval.clicks import ClickCase
from splitmask.eval.summary import NOC_TARGETS, ClickRow, VideoRow, click_rows, clip_rows, video_rows
from splitmask.eval.video import VideoCase
from splitmask.files import write_bytes

if TYPE_CHECKING:
    from rich.table import Table

JSON_FILE, MARKDOWN_FILE = "eval.json", "eval.md"
_SHOWN_CLICKS = (1, 2, 3, 5, 8)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table: a title, column names (the first is text) and rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def rich(self) -> Table:
        from rich.table import Table

        table = Table(title=self.title, title_justify="left")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="left" if number == 0 else "right", no_wrap=True)
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        lines = [self.columns, ("---", *["---:"] * (len(self.columns) - 1)), *self.rows]
        return f"**{self.title}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


@dataclass(frozen=True, slots=True)
class EvalReport:
    """The cases, and what they were found with."""

    model: str  # description of the engine
    weights_sha256: str
    data: tuple[str, ...]  # paths as given
    part: str  # held-out, train or all
    limit: int | None
    clicks: tuple[ClickCase, ...]
    video: tuple[VideoCase, ...]
    skipped: tuple[str, ...]  # one line each
    seconds: dict[str, float]  # encode, click: means of one call; total

    @property
    def click_rows(self) -> list[ClickRow]:
        return click_rows(self.clicks)

    @property
    def video_rows(self) -> list[VideoRow]:
        return video_rows(self.video)

    @property
    def clip_rows(self) -> list[VideoRow]:
        return clip_rows(self.video)

    def sheets(self) -> list[Sheet]:
        """The tables of what was evaluated."""
        sheets = [_click_sheet(self.click_rows)] if self.clicks else []
        if self.video:
            sheets += [_video_sheet("Video: J&F by prompt", "data", self.video_rows)]
            sheets += [_video_sheet("Video: J&F by clip", "clip", self.clip_rows)]
        return sheets

    def to_json(self) -> dict[str, Any]:
        return {
            "format": "splitmask.eval",
            "version": 1,
            "model": {"description": self.model, "weightsSha256": self.weights_sha256},
            "data": list(self.data),
            "split": self.part,
            "limit": self.limit,
            "nocTargets": list(NOC_TARGETS),
            "clicks": [asdict(row) for row in self.click_rows] if self.clicks else [],
            "video": [asdict(row) for row in self.video_rows],
            "clips": [asdict(row) for row in self.clip_rows],
            "skipped": list(self.skipped),
            "seconds": self.seconds,
            "clickCases": [asdict(case) for case in self.clicks],
            "videoCases": [asdict(case) for case in self.video],
        }

    def markdown(self) -> str:
        """The tables as a model card takes them."""
        found = f"{self.model}, {self.part} samples of {', '.join(Path(path).name for path in self.data)}"
        return "\n".join([f"{found}\n", *(sheet.markdown() for sheet in self.sheets())])

    def write(self, out: Path) -> list[Path]:
        """Writes DIR/eval.json and DIR/eval.md. Raises OutputError."""
        paths = [out / JSON_FILE, out / MARKDOWN_FILE]
        for path, text in zip(paths, (json.dumps(self.to_json(), indent=1), self.markdown()), strict=True):
            write_bytes(path, text.encode())
        return paths


def _click_sheet(rows: Sequence[ClickRow]) -> Sheet:
    shown = [n for n in _SHOWN_CLICKS if n <= len(rows[0].ious)]
    corrections = len(rows[0].box_ious) - 1
    columns = (
        "IoU after … clicks",
        "objects",
        *(str(n) for n in shown),
        "box",
        *([f"box + {corrections}"] if corrections else []),
        *(f"NoC {target:.0%}" for target in NOC_TARGETS),
        *(f"reach {target:.0%}" for target in NOC_TARGETS),
        "score error",
    )
    return Sheet("Clicks", columns, tuple(_click_line(row, shown) for row in rows))


def _click_line(row: ClickRow, shown: Sequence[int]) -> tuple[str, ...]:
    figures = [row.ious[n - 1] for n in shown] + [row.box_ious[0], *row.box_ious[1:][-1:]]
    return (
        row.group,
        str(row.objects),
        *(f"{value:.3f}" for value in figures),
        *(f"{value:.2f}" for value in row.noc),
        *(f"{value:.0%}" for value in row.reached),
        f"{row.score_error:.3f}",
    )


def _video_sheet(title: str, what: str, rows: Sequence[VideoRow]) -> Sheet:
    columns = (
        *(what, "prompt", "objects", "J&F", "J", "J recall", "J decay", "F", "F recall", "F decay"),
        *("present: right", "absent: right"),
    )
    return Sheet(title, columns, tuple(_video_line(row) for row in rows))


def _video_line(row: VideoRow) -> tuple[str, ...]:
    figures = (row.jf, row.j, row.j_recall, row.j_decay, row.f, row.f_recall, row.f_decay)
    shares = ("–" if share is None else f"{share:.1%}" for share in (row.present_right, row.absent_right))
    return row.group, row.prompt, str(row.objects), *(f"{100 * value:.1f}" for value in figures), *shares
