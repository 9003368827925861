"""A model → four graphs and graphs.json. The same weights give the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from splitmask.engine.base import PolicyConstants
from splitmask.engine.graphs import GraphInfo, GraphSet, TensorInfo
from splitmask.errors import ModelError
from splitmask.files import write_bytes
from splitmask.model import Sam2
from splitmask.onnx.builder import OPSET, FloatArray, Graph, Storage
from splitmask.onnx.image_encoder import image_encoder
from splitmask.onnx.mask_decoder import mask_decoder
from splitmask.onnx.memory_attention import memory_attention
from splitmask.onnx.memory_encoder import memory_encoder
from splitmask.presets import Preset

Maker = Callable[[Preset, Mapping[str, FloatArray], Storage], Graph]

MAKERS: dict[str, Maker] = {
    "image_encoder": image_encoder,
    "mask_decoder": mask_decoder,
    "memory_encoder": memory_encoder,
    "memory_attention": memory_attention,
}


def export(
    model: Sam2, out_dir: str | Path, *, storage: Storage = "fp16", weights_sha256: str = ""
) -> GraphSet:
    """Writes image_encoder.onnx, mask_decoder.onnx, memory_encoder.onnx, memory_attention.onnx and
    graphs.json into a folder.

    storage: `fp16` stores arrays of 1024 numbers and more as float16, which halves the files; all
    arithmetic, inputs and outputs are float32 either way.
    weights_sha256: of the model's file; by default a digest of the parameters.
    Raises ModelError for weights that float16 cannot hold, OutputError if the folder cannot be written.
    """
    folder, state = Path(out_dir), state_of(model)
    if storage == "fp16":
        check_range(state)
    graphs = {}
    for name, make in MAKERS.items():
        graph = make(model.preset, state, storage)
        data = graph.serialized()
        write_bytes(folder / f"{name}.onnx", data)
        graphs[name] = _info(name, graph, data)
    made = GraphSet(
        model.preset,
        weights_sha256 or digest(state),
        OPSET,
        storage,
        graphs,
        _constants(state),
        state["no_mem_embed"].reshape(-1),
    )
    made.write(folder)
    return made


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
            raise ModelError(f"{name} holds numbers that float16 cannot: export with --storage fp32")


def _info(name: str, graph: Graph, data: bytes) -> GraphInfo:
    sides = (
        tuple(TensorInfo(tensor, tuple(shape)) for tensor, shape in side.items())
        for side in (graph.input_shapes, graph.output_shapes)
    )
    return GraphInfo(f"{name}.onnx", len(data), hashlib.sha256(data).hexdigest(), *sides)


def _constants(state: Mapping[str, FloatArray]) -> PolicyConstants:
    return PolicyConstants(
        state["no_obj_ptr"].reshape(-1),
        state["mask_downsample.weight"][0, 0],
        float(str(state["mask_downsample.bias"][0])),
    )
