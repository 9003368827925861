"""Prints what each way of storing a bundle costs; with --write, into docs/bundle.md.

    python scripts/bundle_table.py PICTURE... [--model NAME] [--write]

Clicks a grid of points on each picture and compares the masks with those of float32 features.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from splitmask import load, read_image
from splitmask.bundle import DTYPES, Bundle, of_image
from splitmask.engine import Engine
from splitmask.session.choice import best_of_three
from splitmask.types import BoolArray, Features, FloatArray

GRID = 5  # points each way
PAGE = Path(__file__).parent.parent / "docs" / "bundle.md"
BEGIN, END = "<!-- python scripts/bundle_table.py PICTURE... --write -->", "<!-- end of the table -->"

IntArray = npt.NDArray[np.int64]
Row = tuple[int, int, float, float, int]  # bytes, bytes of the zip, mean IoU, worst IoU, other readings


def iou(a: BoolArray, b: BoolArray) -> FloatArray:
    """(n, M, M) each → (n,); 1 where both are empty."""
    both, either = (a & b).sum((1, 2)), (a | b).sum((1, 2))
    return np.where(either > 0, both / np.maximum(either, 1), 1.0).astype(np.float32)


def measure(engine: Engine, pictures: Sequence[Path]) -> dict[str, list[Row]]:
    """A row for each dtype and picture."""
    at = (np.arange(GRID) + 0.5) / GRID * engine.preset.image_size
    points = np.stack(np.meshgrid(at, at), -1).reshape(-1, 1, 2).astype(np.float32)

    def decoded(features: Features) -> tuple[FloatArray, IntArray]:
        """Masks (n, 4, M, M) and the reading that is shown of each."""
        answer = engine.decode(features, points, np.ones((len(points), 1), np.float32))
        return answer.masks, best_of_three(answer.ious)

    rows: dict[str, list[Row]] = {dtype: [] for dtype in DTYPES}
    every = np.arange(len(points))
    with tempfile.TemporaryDirectory() as folder:
        flat, zipped = Path(folder) / "b", Path(folder) / "b.zip"
        for picture in pictures:
            bundle = of_image(engine, read_image(picture))
            wanted, right = decoded(bundle.features)
            for dtype, found_rows in rows.items():
                bundle.save(flat, dtype)  # type: ignore[arg-type]
                bundle.save(zipped, dtype)  # type: ignore[arg-type]
                found, taken = decoded(Bundle.load(flat).features)
                truth = wanted[every, right] > 0
                shown, same = iou(found[every, taken] > 0, truth), iou(found[every, right] > 0, truth)
                sizes = (flat / "embedding.bin").stat().st_size, zipped.stat().st_size
                found_rows.append((*sizes, shown.mean(), same.min(), int((taken != right).sum())))
    return rows


def table(engine: Engine, rows: dict[str, list[Row]], pictures: int) -> str:
    lines = [
        "| `dtype` | embedding.bin | as zip, with preview | IoU, mean | worst of the same reading "
        "| another reading |",
        "|---|---|---|---|---|---|",
    ]
    for dtype, found in rows.items():
        raw, size, mean, worst, other = np.array(found).T
        lines.append(
            f"| `{dtype}` | {int(raw[0]):,} bytes | {size.mean() / 1e6:.2f} MB "
            f"| {mean.mean():.4f} | {worst.min():.3f} | {int(other.sum())} |"
        )
    about = f"`{engine.preset.name}` (weights {engine.weights_sha256[:12]}…)"
    clicks = f"{pictures * GRID**2} single clicks on a grid over {pictures} photographs"
    return "\n".join([*lines, "", f"{about}, {clicks}, against masks from float32 features."])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    engine = load(options.model, "ort", threads=1, provider="cpu")
    made = table(engine, measure(engine, options.pictures), len(options.pictures))
    print(made)
    if options.write:
        head, rest = PAGE.read_text("utf-8").split(BEGIN)
        PAGE.write_text(f"{head}{BEGIN}\n\n{made}\n\n{END}{rest.split(END)[1]}", "utf-8")


if __name__ == "__main__":
    main()
