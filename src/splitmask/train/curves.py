"""A run's curves as one picture: loss, IoU while training, IoU on held-out data."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from splitmask.files import write_bytes

Point = tuple[float, float]  # step, value
Series = dict[str, list[Point]]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_WIDTH, _HEIGHT = 900, 300  # of one panel
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 210, 34, 34
_INK, _FAINT, _PAPER = "#1b1f24", "#d8dee4", "#ffffff"
# told apart by those who do not see all colours (Okabe & Ito 2008)
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8a8a00")


@dataclass(frozen=True, slots=True)
class _Axis:
    low: float
    high: float
    start: int  # pixels of `low` and `high`
    end: int

    def pixel(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def write_curves(log: Sequence[Mapping[str, float]], path: Path) -> None:
    """log: rows as `Trainer.log` has them. Writes a PNG whole or not at all; raises OutputError."""
    panels = [
        ("loss", _series(log, lambda key: key.endswith("/loss"))),
        ("IoU while training", _series(log, _is_score)),
        ("IoU on held-out data", _series(log, lambda key: key in _HELD_OUT)),
    ]
    shown = [(title, series) for title, series in panels if series]
    if not shown:
        return
    picture = Image.new("RGB", (_WIDTH, _HEIGHT * len(shown)), _PAPER)
    last = max(row["step"] for row in log)
    for number, (title, series) in enumerate(shown):
        _panel(ImageDraw.Draw(picture), _HEIGHT * number, title, series, last)
    data = io.BytesIO()
    picture.save(data, "PNG")
    write_bytes(path, data.getvalue())


_HELD_OUT = tuple(f"held-out/{name}" for name in ("clicks/1", "clicks/3", "clicks/5", "track/mean"))


def _is_score(key: str) -> bool:
    return "/" in key and not key.endswith("/loss") and not key.startswith("held-out/")


def _series(log: Sequence[Mapping[str, float]], wanted: Callable[[str], bool]) -> Series:
    found: Series = {}
    for row in log:
        for key, value in row.items():
            if wanted(key) and math.isfinite(value):
                found.setdefault(key.removeprefix("held-out/"), []).append((row["step"], value))
    # the busiest first, as many as can be told apart
    names = sorted(found, key=lambda name: -len(found[name]))[: len(_COLOURS)]
    return {name: found[name] for name in sorted(names)}


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) from within low…high."""
    span = (high - low) / about
    power = 10.0 ** math.floor(math.log10(span))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= span * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _range(values: Sequence[float], is_share: bool) -> tuple[float, float]:
    low, high = min(values), max(values)
    if is_share:
        low, high = 0.0, max(high, 0.1)
    room = (high - low) * 0.05 or max(abs(high), 1.0) * 0.1
    return (low if is_share else low - room), high + room


def _panel(draw: ImageDraw.ImageDraw, top: int, title: str, series: Series, last: float) -> None:
    values = [value for points in series.values() for _, value in points]
    x = _Axis(0.0, max(last, 1.0), _LEFT, _WIDTH - _RIGHT)
    y = _Axis(*_range(values, title != "loss"), top + _HEIGHT - _BOTTOM, top + _TOP)
    font, bold = ImageFont.load_default(12), ImageFont.load_default(14)
    draw.text((_LEFT, top + 10), title, _INK, bold)
    _grid(draw, x, y, font)
    for number, (name, points) in enumerate(series.items()):
        colour = _COLOURS[number]
        pixels = [(x.pixel(step), y.pixel(value)) for step, value in points]
        draw.line(pixels, colour, 2) if len(pixels) > 1 else _dot(draw, pixels[0], colour)
        row = top + _TOP + 4 + 20 * number
        draw.line((_WIDTH - _RIGHT + 16, row + 8, _WIDTH - _RIGHT + 36, row + 8), colour, 3)
        draw.text((_WIDTH - _RIGHT + 42, row), f"{name}  {points[-1][1]:.3f}", _INK, font)


def _dot(draw: ImageDraw.ImageDraw, at: Point, colour: str) -> None:
    draw.ellipse((at[0] - 3, at[1] - 3, at[0] + 3, at[1] + 3), colour)


def _grid(draw: ImageDraw.ImageDraw, x: _Axis, y: _Axis, font: Font) -> None:
    for value in ticks(y.low, y.high):
        at = y.pixel(value)
        draw.line((x.start, at, x.end, at), _FAINT)
        draw.text((x.start - 8, at), f"{value:.6g}", _INK, font, anchor="rm")
    for value in ticks(x.low, x.high):
        at = x.pixel(value)
        draw.line((at, y.start, at, y.start + 4), _INK)
        draw.text((at, y.start + 8), f"{value:,.0f}", _INK, font, anchor="mt")
    draw.line((x.start, y.start, x.end, y.start), _INK)
    draw.text((x.end, y.start + 20), "step", _INK, font, anchor="rt")
