"""How far an encoder in integers is from the one in float32, told by what clicks give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from splitmask.engine.ort import OrtEngine
from splitmask.engine.preprocess import normalised, stretch
from splitmask.model import Sam2
from splitmask.onnx.export import state_of
from splitmask.onnx.image_encoder import image_encoder
from splitmask.types import ByteArray, Features, FloatArray

# IoU of masks, of clicks anywhere and all their readings, below which integers cost too much: nano, whose
# objects keep their IoU to a fifth of a point, has 0.97
ENOUGH = 0.93
_GRID = 4  # clicks each way
_MOST = 4  # pictures


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far logits are from those that they stand for. error: root of the mean square, as a part of the
    logits' own; iou: of the masks, the mean of all clicks and readings."""

    name: str
    error: float
    iou: float

    @classmethod
    def of(cls, name: str, found: FloatArray, wanted: FloatArray) -> Agreement:
        """(…, h, w) logits each."""
        error = float(np.sqrt(((found - wanted) ** 2).mean() / (wanted**2).mean()))
        a, b = found > 0, wanted > 0
        both, either = (a & b).sum((-2, -1)), (a | b).sum((-2, -1))
        return cls(name, error, float(np.where(either > 0, both / np.maximum(either, 1), 1.0).mean()))

    def line(self) -> str:
        return f"{self.name:<46} logits off by {self.error:.1%}, IoU of masks {self.iou:.4f}"

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "logitError": self.error, "iou": self.iou}


def grid_of_clicks(image_size: int) -> FloatArray:
    """(n, 1, 2) points of the square."""
    at = (np.arange(_GRID) + 0.5) / _GRID * image_size
    return np.stack(np.meshgrid(at, at), -1).reshape(-1, 1, 2).astype(np.float32)


def int8_agreement(model: Sam2, folder: Path, pictures: Sequence[ByteArray]) -> Agreement:
    """What clicks give on the features of a folder's encoder, and on those of the model's in float32."""
    engine, preset = OrtEngine(folder, self_test=False), model.preset
    graph = image_encoder(preset, state_of(model))
    session = ort.InferenceSession(graph.serialized(), providers=["CPUExecutionProvider"])
    points = grid_of_clicks(preset.image_size)
    labels = np.ones((len(points), 1), np.float32)
    found, wanted = [], []
    for picture in pictures[:: max(1, len(pictures) // _MOST)][:_MOST]:
        high_res_0, high_res_1, embed = session.run(
            None, {"image": normalised(stretch(picture, preset.image_size), preset)}
        )
        wanted.append(engine.decode(Features(embed, high_res_0, high_res_1), points, labels).masks)
        found.append(engine.decode(engine.encode(picture), points, labels).masks)
    return Agreement.of(f"{preset.name} int8 to float32", np.concatenate(found), np.concatenate(wanted))
