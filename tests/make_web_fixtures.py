"""Writes what the browser's engine is held to: fixtures/resize and fixtures/graphs/test-conv.

`resize/cases.json`: pictures and what Pillow's BILINEAR makes of them. `graphs/test-conv`: a model of a few
thousand random parameters, its golden answers, and `verbs.json`: what the engine on ONNX Runtime makes of
one picture, verb by verb. Run this after the resampling, the graphs or the verbs have changed on purpose:

    python tests/make_web_fixtures.py
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from onnx_helpers import redrawn
from splitmask.engine.ort import OrtEngine
from splitmask.engine.preprocess import stretch
from splitmask.onnx.export import export
from splitmask.presets import TEST_CONV
from splitmask.types import ByteArray
from web_answers import picture, write_verbs

FIXTURES = Path(__file__).parent.parent / "fixtures"
RESIZE, GRAPHS = FIXTURES / "resize" / "cases.json", FIXTURES / "graphs" / TEST_CONV.name
# width, height, side: larger, smaller, equal in one direction or both, very thin, a single pixel
SIZES = (
    (7, 5, 16),
    (33, 17, 16),
    (64, 48, 32),
    (100, 3, 16),
    (16, 16, 16),
    (16, 40, 16),
    (1, 1, 8),
    (129, 67, 32),
)


def resize_cases() -> list[dict[str, Any]]:
    def text(image: ByteArray) -> str:
        return base64.b64encode(image.tobytes()).decode()

    return [
        {
            "width": w,
            "height": h,
            "side": s,
            "rgb": text(picture(w, h)),
            "square": text(stretch(picture(w, h), s)),
        }
        for w, h, s in SIZES
    ]


def main() -> None:
    RESIZE.parent.mkdir(parents=True, exist_ok=True)
    RESIZE.write_text(json.dumps(resize_cases(), separators=(",", ":")) + "\n", "utf-8")
    export(redrawn(TEST_CONV, half=True), GRAPHS)
    OrtEngine(GRAPHS, provider="cpu").write_golden()
    write_verbs(GRAPHS, GRAPHS / "verbs.json")


if __name__ == "__main__":
    main()
