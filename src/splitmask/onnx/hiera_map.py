"""Maps of a windowed transformer in the order in which its blocks take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splitmask.onnx.builder import Value


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """A square map in windows, or a band of its windows: (windows, window · window, c).

    Windows lie row by row. So do the cells of a window, but for `quarters`: so many times the parity of a
    cell's row and column comes before the rest of its place, so that 2×2 cells are the same place in the
    four quarters of a window, whose maximum is the pooled window in the order of one time less.
    """

    x: Value
    side: int  # of the whole map
    window: int  # equal to `side` for a map that is not cut
    channels: int
    quarters: int = 0

    @property
    def across(self) -> int:
        return -(-self.side // self.window)

    def windowed(self, window: int, quarters: int = 0) -> Map:
        """The same map in windows of another side, padded with zeros where they do not divide it."""
        if (window, quarters) == (self.window, self.quarters):
            return self
        whole = self.whole()
        return whole if (window, quarters) == (self.side, 0) else whole._cut(window, quarters)

    def with_x(self, x: Value, channels: int | None = None) -> Map:
        return Map(x, self.side, self.window, channels or self.channels, self.quarters)

    def whole(self) -> Map:
        """(1, side · side, c), row by row."""
        if self.window == self.side and self.quarters == 0:
            return self
        n, w, c = self.across, self.window, self.channels
        x = _row_by_row(self.x, w, c, self.quarters).reshape(n, n, w, w * c).transpose(0, 2, 1, 3)
        x = x.reshape(n * w, n * w, c)
        if n * w != self.side:
            x = x.slice(0, self.side, 0).slice(0, self.side, 1)
        return Map(x.reshape(1, self.side * self.side, c), self.side, self.side, c)

    def _cut(self, window: int, quarters: int) -> Map:
        n, c, x = -(-self.side // window), self.channels, self.x.reshape(self.side, self.side, self.channels)
        if surplus := n * window - self.side:
            x = x.graph.op("Pad", x, np.array([0, 0, 0, surplus, surplus, 0], np.int64))
        x = x.reshape(n, window, n, window * c).transpose(0, 2, 1, 3)
        x = _by_quarters(x.reshape(n * n, window * window, c), window, c, quarters)
        return Map(x, self.side, window, c, quarters)

    def pooled(self) -> Map:
        """The maximum of 2×2 cells; the window's side must be even."""
        n, w, c = -1, self.window, self.channels
        if self.quarters:
            x = _highest(self.x.reshape(n, 4, w * w // 4 * c))
        else:
            x = _highest(_highest(self.x.reshape(n, 2, w * c)).reshape(n, 2, c))
        x = x.reshape(n, w * w // 4, c)
        return Map(x, -(-self.side // 2), w // 2, c, max(0, self.quarters - 1))

    def bands(self, count: int) -> list[Map]:
        """So many of equal size, in order."""
        if count == 1:
            return [self]
        sizes = [self.across**2 // count] * count
        return [self.with_x(part) for part in self.x.split(sizes, axis=0)]


# Both in windows that are cut already: to cut them in the same step takes an axis more than the eight that
# ONNX Runtime can transpose on CUDA.
def _by_quarters(x: Value, window: int, c: int, q: int) -> Value:
    """(windows, window · window, c), the cells row by row → by `q` quarters."""
    if q == 0:
        return x
    x = x.reshape(-1, window >> q, *([2] * q), window >> q, *([2] * q), c)
    parities = [axis for i in range(q) for axis in (1 + q - i, 2 + 2 * q - i)]
    return x.transpose(0, *parities, 1, 2 + q, 3 + 2 * q).reshape(-1, window * window, c)


def _row_by_row(x: Value, window: int, c: int, q: int) -> Value:
    """The inverse of `_by_quarters`."""
    if q == 0:
        return x
    x = x.reshape(-1, *([2] * (2 * q)), window >> q, window >> q, c)
    rows, columns = range(2 * q - 1, 0, -2), range(2 * q, 1, -2)
    x = x.transpose(0, 1 + 2 * q, *rows, 2 + 2 * q, *columns, 3 + 2 * q)
    return x.reshape(-1, window * window, c)


def joined(bands: Sequence[Map]) -> Map:
    """The inverse of `bands`."""
    first = bands[0]
    if len(bands) == 1:
        return first
    return first.with_x(first.x.graph.concat([band.x for band in bands], axis=0))


def _highest(x: Value) -> Value:
    """Over the axis 1, which goes."""
    return x.graph.op("ReduceMax", x, np.array([1], np.int64), keepdims=0)


@dataclass(frozen=True, slots=True)
class Tokens:
    """One of the trunk's maps, in bands, for the neck."""

    bands: Sequence[Map]

    def pointwise(self, weight: Value, bias: Value | None, outputs: int) -> Value:
        """weight (outputs, c) → (1, outputs, side, side): projected before it is put together and
        turned over, for that is done to fewer channels."""
        turned = weight.transpose(1, 0)
        parts = [band.x @ turned if bias is None else band.x @ turned + bias for band in self.bands]
        first = self.bands[0]
        made = joined([first.with_x(part, outputs) for part in parts]).whole()
        return made.x.transpose(0, 2, 1).reshape(1, outputs, first.side, first.side)
