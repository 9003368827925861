"""What numbers the layers of an encoder give, seen on pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import onnxruntime as ort

from splitmask.engine.preprocess import normalised, stretch
from splitmask.onnx.builder import FloatArray
from splitmask.onnx.form import Form
from splitmask.onnx.image_encoder import image_encoder
from splitmask.presets import Preset
from splitmask.types import ByteArray

# bounds are kept in steps of this part of a power of two, so that they do not hang on a sum's last digit
_STEPS = 32


def ranges_of(
    preset: Preset, state: Mapping[str, FloatArray], pictures: Sequence[ByteArray]
) -> dict[str, tuple[float, float]]:
    """The lowest and highest number of everything that the encoder's graph taps, over all pictures."""
    graph = image_encoder(preset, state, Form("fp32"))
    names = list(graph.tapped)
    for name in names:
        for kind in ("ReduceMin", "ReduceMax"):
            graph.output(f"{kind} {name}", graph.op(kind, graph.tapped[name], keepdims=0), ())
    session = ort.InferenceSession(graph.serialized(), providers=["CPUExecutionProvider"])
    wanted = [f"{kind} {name}" for kind in ("ReduceMin", "ReduceMax") for name in names]
    seen = []
    for picture in pictures:
        image = normalised(stretch(picture, preset.image_size), preset)
        seen.append(np.array(session.run(wanted, {"image": image})).reshape(2, -1))
    lowest, highest = np.min([each[0] for each in seen], 0), np.max([each[1] for each in seen], 0)
    return {
        name: (-_bound(-low), _bound(high)) for name, low, high in zip(names, lowest, highest, strict=True)
    }


def _bound(value: float) -> float:
    """A little more than a number; 0 for a negative one."""
    if value <= 0:
        return 0.0
    fraction, exponent = math.frexp(float(value))
    return math.ldexp(math.ceil(fraction * _STEPS) / _STEPS, exponent)
