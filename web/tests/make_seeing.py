"""Writes a small random model that sees an object in every frame, for the browser's tests:

    python web/tests/make_seeing.py OUT_FOLDER [GRAPH]

`fixtures/graphs/test-conv` says of every frame of a clip that there is no object in it, so that all masks are empty.
GRAPH: one that answers NaN; such a model has no golden answers.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from onnx_helpers import redrawn  # noqa: E402
from splitmask.engine.graphs import FILE  # noqa: E402
from splitmask.engine.ort import OrtEngine  # noqa: E402
from splitmask.onnx.export import export  # noqa: E402
from splitmask.presets import TEST_CONV  # noqa: E402

PRESENT = 5.0  # logit


def damage(folder: Path, graph: str) -> None:
    """Fills a graph's largest weight with NaN, in a way that graphs.json vouches for."""
    model = onnx.load(folder / f"{graph}.onnx")
    largest = max(model.graph.initializer, key=lambda each: numpy_helper.to_array(each).size)
    filled = np.full_like(numpy_helper.to_array(largest), np.nan)
    largest.CopyFrom(numpy_helper.from_array(filled, largest.name))
    data = model.SerializeToString()
    (folder / f"{graph}.onnx").write_bytes(data)
    content = json.loads((folder / FILE).read_text())
    content["graphs"][graph] |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (folder / FILE).write_text(json.dumps(content))


def main() -> None:
    out = Path(sys.argv[1])
    model = redrawn(TEST_CONV, half=True)
    for name, value in model.state_dict().items():
        if "pred_obj_score_head" in name and name.endswith("bias") and len(value) == 1:
            value += PRESENT
    export(model, out)
    if len(sys.argv) > 2:
        damage(out, sys.argv[2])
    else:
        OrtEngine(out, provider="cpu").write_golden()


main()
