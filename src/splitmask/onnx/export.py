"""A model → its graphs and graphs.json. The same weights give the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from splitmask.engine.base import PolicyConstants
from splitmask.engine.graphs import GraphInfo, GraphSet
from splitmask.errors import ModelError
from splitmask.model import Sam2
from splitmask.onnx.builder import OPSET, FloatArray, Graph
from splitmask.onnx.calibrate import ranges_of
from splitmask.onnx.form import Form
from splitmask.onnx.image_encoder import image_encoder
from splitmask.onnx.mask_decoder import decode_prepare, decode_prepared, mask_decoder
from splitmask.onnx.memory_attention import memory_attention
from splitmask.onnx.memory_encoder import memory_encoder
from splitmask.onnx.write import write_graph
from splitmask.presets import ConvParams, Preset
from splitmask.types import ByteArray

Maker = Callable[[Preset, Mapping[str, FloatArray], Form], Graph]

MAKERS: dict[str, Maker] = {
    "image_encoder": image_encoder,
    "mask_decoder": mask_decoder,
    "memory_encoder": memory_encoder,
    "memory_attention": memory_attention,
}
PREPARING: dict[str, Maker] = {"decode_prepare": decode_prepare, "decode_prepared": decode_prepared}


def export(
    model: Sam2,
    out_dir: str | Path,
    form: Form | None = None,
    *,
    prepare: bool = False,
    ort_format: bool = False,
    pictures: Sequence[ByteArray] = (),
    weights_sha256: str = "",
) -> GraphSet:
    """Writes image_encoder.onnx, mask_decoder.onnx, memory_encoder.onnx, memory_attention.onnx and
    graphs.json into a folder.

    form: precision, masks, fixed shapes; weights as float16, arithmetic in float32 by default.
    prepare: also decode_prepare.onnx and decode_prepared.onnx, which spare a click what depends on the
    frame alone. ort_format: also the `.ort` files that small builds of ONNX Runtime load.
    pictures: (h, w, 3) uint8 RGB, from which `int8` learns the ranges of what convolutions give.
    weights_sha256: of the model's file; by default a digest of the parameters.
    Raises ModelError for weights that float16 cannot hold and `int8` without pictures, OutputError if the
    folder cannot be written.
    """
    folder, state, form = Path(out_dir), state_of(model), form or Form()
    if form.precision != "fp32":
        check_range(state)
    form = _calibrated(model.preset, state, form, pictures)
    graphs: dict[str, GraphInfo] = {}
    for name, make in (MAKERS | (PREPARING if prepare else {})).items():
        graphs[name] = write_graph(folder, make(model.preset, state, form), ort_format)
    made = GraphSet(
        model.preset,
        weights_sha256 or digest(state),
        OPSET,
        form.precision,
        graphs,
        _constants(state),
        state["no_mem_embed"].reshape(-1),
        masks=form.masks,
        mask_size=model.preset.mask_size * form.upscale if form.upscale > 1 else None,
        points=form.points,
    )
    made.write(folder)
    return made


def _calibrated(
    preset: Preset, state: Mapping[str, FloatArray], form: Form, pictures: Sequence[ByteArray]
) -> Form:
    if form.precision != "int8" or not isinstance(preset.trunk, ConvParams):
        return form
    if not pictures:
        raise ModelError(f"{preset.name} as int8 needs pictures that show what numbers its layers give")
    return replace(form, ranges=ranges_of(preset, state, pictures))


def state_of(model: Sam2) -> dict[str, FloatArray]:
    """Parameters and statistics by name, float32, on the CPU."""
    return {name: value.detach().float().cpu().numpy() for name, value in model.state_dict().items()}


def digest(state: Mapping[str, FloatArray]) -> str:
    """sha256 of the parameters' names, shapes and values."""
    hasher = hashlib.sha256()
    for name in sorted(state):
        hasher.update(f"{name}{state[name].shape}".encode())
        hasher.update(np.ascontiguousarray(state[name]).tobytes())
    return hasher.hexdigest()


def check_range(state: Mapping[str, FloatArray]) -> None:
    """Raises ModelError for numbers that float16 cannot hold."""
    for name, value in state.items():
        if not np.abs(value).max() <= np.finfo(np.float16).max:
            raise ModelError(f"{name} holds numbers that float16 cannot: export with --precision fp32")


def _constants(state: Mapping[str, FloatArray]) -> PolicyConstants:
    return PolicyConstants(
        state["no_obj_ptr"].reshape(-1),
        state["mask_downsample.weight"][0, 0],
        float(str(state["mask_downsample.bias"][0])),
    )
