"""One picture with the worst cases: the true outline, what the model gave, and the clicks."""

from __future__ import annotations

import heapq
import io
from collections import defaultdict
from collections.abc import Iterable
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from splitmask.eval.clicks import Click, ClickPicture
from splitmask.eval.metrics import dilate, mask_boundary
from splitmask.eval.video import VideoPicture
from splitmask.files import write_bytes
from splitmask.types import BoolArray, ByteArray

_TILE = 256  # pixels: the longer side of a picture
_CAPTION = 32
_COLUMNS = 5
_PREDICTED, _TRUTH = (255, 60, 160), (80, 255, 120)
_POSITIVE, _NEGATIVE = (80, 255, 120), (255, 60, 60)
_JUDGED_CLICKS = 3  # a case is as bad as it is after so many


class Worst:
    """Keeps the `per_kind` worst cases of every kind, drawn; the rest is let go of at once."""

    def __init__(self, per_kind: int = 3) -> None:
        self._per_kind = per_kind
        self._tiles: dict[str, list[tuple[float, int, ByteArray]]] = defaultdict(list)
        self._number = count()

    def add_click(self, picture: ClickPicture) -> None:
        """By its IoU after three clicks."""
        case = picture.case
        judged = min(_JUDGED_CLICKS, len(picture.masks))
        iou = case.ious[judged - 1]
        if self._is_worst(case.kind, iou):
            caption = f"{case.name} {case.key.map}/{case.key.label}\nIoU {iou:.2f} after {judged}"
            self._keep(
                case.kind,
                iou,
                draw_tile(
                    picture.image.image,
                    picture.truth,
                    picture.masks[judged - 1],
                    caption,
                    case.clicks[:judged],
                ),
            )

    def add_video(self, picture: VideoPicture) -> None:
        """By its J&F; drawn is its worst frame."""
        case = picture.case
        if self._is_worst(case.prompt, case.score.jf):
            caption = (
                f"{case.name} {case.key.label} {case.prompt}\nJ&F {case.score.jf:.2f}, frame {picture.frame}"
            )
            self._keep(
                case.prompt, case.score.jf, draw_tile(picture.image, picture.truth, picture.mask, caption)
            )

    def write(self, path: Path) -> bool:
        """Writes a PNG, the worst first within each kind. Without a case there is none, nor an old one."""
        tiles = [
            tile for kind in sorted(self._tiles) for _, _, tile in sorted(self._tiles[kind], reverse=True)
        ]
        if not tiles:
            path.unlink(missing_ok=True)
            return False
        data = io.BytesIO()
        Image.fromarray(_contact_sheet(tiles)).save(data, "PNG")
        write_bytes(path, data.getvalue())
        return True

    def _is_worst(self, kind: str, value: float) -> bool:
        kept = self._tiles[kind]
        return len(kept) < self._per_kind or -value > kept[0][0]

    def _keep(self, kind: str, value: float, tile: ByteArray) -> None:
        """Negated values: the root of the heap is the least bad. The number settles ties."""
        heapq.heappush(self._tiles[kind], (-value, -next(self._number), tile))
        if len(self._tiles[kind]) > self._per_kind:
            heapq.heappop(self._tiles[kind])


def draw_tile(
    image: ByteArray, truth: BoolArray, mask: BoolArray, caption: str, clicks: Iterable[Click] = ()
) -> ByteArray:
    """(H, W, 3) and two (H, W) masks → a tile with a caption of two lines below.

    The prediction is tinted, the truth outlined, positive clicks are green and negative ones red.
    """
    scale = _TILE / max(image.shape[:2])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)).copy()
    inside, outline = _resized(mask, size), dilate(mask_boundary(_resized(truth, size)), 1)
    small[inside] = (small[inside] * 0.5 + np.array(_PREDICTED) * 0.5).astype(np.uint8)
    small[outline] = _TRUTH
    tile = Image.new("RGB", (_TILE, _TILE + _CAPTION), (24, 24, 24))
    tile.paste(Image.fromarray(small))
    pen = ImageDraw.Draw(tile)
    for click in clicks:
        x, y = (click.x + 0.5) * scale, (click.y + 0.5) * scale
        pen.ellipse((x - 4, y - 4, x + 4, y + 4), _POSITIVE if click.label else _NEGATIVE, (0, 0, 0))
    pen.text((4, _TILE + 2), caption, (230, 230, 230), ImageFont.load_default(11))
    return np.asarray(tile)


def _resized(mask: BoolArray, size: tuple[int, int]) -> BoolArray:
    return np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST), np.bool_)


def _contact_sheet(tiles: list[ByteArray]) -> ByteArray:
    columns = min(_COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = np.zeros((rows * (_TILE + _CAPTION), columns * _TILE, 3), np.uint8)
    for number, tile in enumerate(tiles):
        y, x = number // columns * (_TILE + _CAPTION), number % columns * _TILE
        sheet[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    return sheet
