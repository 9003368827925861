"""Prints the tables of docs/graphs.md: what each precision takes and what it costs.

    python scripts/graphs_table.py [--data FOLDER...] [--limit N] [--write docs/graphs.md]

Sizes are of presets with drawn weights, which take the bytes of any others. Accuracy is nano's, by clicks
on labelled pictures that `splitmask eval` reads; without --data on the demo's rendered ones.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from splitmask.demo.scene import BALL, BALLOON, Scene
from splitmask.demo.truth import click_on
from splitmask.engine.ort import OrtEngine
from splitmask.masks.resize import logits_to_mask
from splitmask.model import Sam2
from splitmask.model.weights import load_model
from splitmask.onnx.export import MAKERS, PREPARING, export, state_of
from splitmask.onnx.form import PRECISIONS, Form, Precision
from splitmask.presets import PRESETS, ConvParams
from splitmask.session import ImageSession
from splitmask.types import Prompt

SIZED = ("nano", "sam2.1-tiny", "sam2.1-small", "sam2.1-base+", "sam2.1-large")
CLICKS = (1, 2, 3)
MARKS = ("<!-- graphs-table -->", "<!-- /graphs-table -->")


def pictures(count: int = 12) -> list[np.ndarray]:  # type: ignore[type-arg]
    return [shot.image for shot in Scene(length=count).shots()]


def size_row(name: str) -> str:
    """Megabytes of the four graphs in each precision, and of the two for prepared clicks."""
    torch.manual_seed(0)
    model = load_model(name) if name == "nano" else Sam2(PRESETS[name]).eval().requires_grad_(False)
    cells = []
    for precision in PRECISIONS:
        cells.append(f"{megabytes(model, precision, tuple(MAKERS)):.1f}")
    return f"| `{name}` | {' | '.join(cells)} | {megabytes(model, 'fp16-storage', tuple(PREPARING)):.1f} |"


def megabytes(model: Sam2, precision: Precision, names: Sequence[str]) -> float:
    state, form = state_of(model), Form(precision)
    if precision == "int8" and isinstance(model.preset.trunk, ConvParams):
        with tempfile.TemporaryDirectory() as folder:
            made = export(model, folder, form, pictures=pictures())
            return sum(made.graphs[name].size for name in names) / 1e6
    makers = MAKERS | PREPARING
    return sum(len(makers[name](model.preset, state, form).serialized()) for name in names) / 1e6


def rendered(folder: Path) -> list[float]:
    """Mean IoU of one click on each object of the demo."""
    session, found = ImageSession(OrtEngine(folder, threads=1)), []
    for shot in list(Scene(length=24).shots())[1::4]:
        session.set_image(shot.image)
        for key in {BALLOON, BALL} & set(np.unique(shot.labels).tolist()):
            truth = shot.labels == key
            prompt = Prompt(np.array([click_on(truth)], np.float32), np.ones(1, np.int32))
            answer = session.predict(prompt)[0]
            mask = logits_to_mask(answer.logits, answer.size)
            found.append(float((mask & truth).sum() / (mask | truth).sum()))
    return [float(np.mean(found))]


def labelled(folder: Path, data: Sequence[Path], limit: int) -> list[float]:
    """Mean IoU after 1, 2 and 3 clicks, of `splitmask eval` on held-out pictures."""
    out = folder / "eval"
    command = ["eval", *map(str, data), "--what", "clicks", "--limit", str(limit), "--objects", "2"]
    options = ["--clicks", str(max(CLICKS)), "--engine", "ort", "--model", str(folder), "-o", str(out)]
    call = "import sys; from splitmask.cli import main; sys.exit(main())"
    subprocess.run([sys.executable, "-c", call, *command, *options], check=True, capture_output=True)
    report = json.loads((out / "eval.json").read_text("utf-8"))
    together = next(row for row in report["clicks"] if row["group"] == "all")
    return [float(value) for value in together["ious"]]


def sizes() -> Iterator[str]:
    yield f"| four graphs, MB | {' | '.join(PRECISIONS)} | prepared clicks, besides |"
    yield "|---" * (len(PRECISIONS) + 2) + "|"
    yield from map(size_row, SIZED)


def accuracy(data: Sequence[Path], limit: int) -> Iterator[str]:
    heads = [f"{n} click{'s' * (n > 1)}" for n in CLICKS] if data else ["1 click, rendered pictures"]
    yield f"| `nano`, mean IoU | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 1) + "|"
    nano, seen = load_model("nano"), pictures()
    for precision in PRECISIONS:
        with tempfile.TemporaryDirectory() as folder:
            export(nano, folder, Form(precision), pictures=seen)
            path = Path(folder)
            ious = labelled(path, data, limit) if data else rendered(path)
        yield f"| {precision} | {' | '.join(f'{value:.3f}' for value in ious)} |"


def put(page: Path, table: str) -> None:
    """Between the marks of a page."""
    before, rest = page.read_text("utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    page.write_text(f"{before}{MARKS[0]}\n\n{table}\n\n{MARKS[1]}{after}", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", nargs="*", type=Path, default=[])
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--write", type=Path, metavar="PAGE")
    options = parser.parse_args()
    lines = []
    for line in (*sizes(), "", *accuracy(options.data, options.limit)):
        print(line, flush=True)
        lines.append(line)
    if options.write:
        put(options.write, "\n".join(lines))


if __name__ == "__main__":
    main()
