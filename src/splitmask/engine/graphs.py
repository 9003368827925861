"""`graphs.json`: what a folder of ONNX graphs says of itself. docs/graphs.md is its description."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from splitmask.engine.base import PolicyConstants
from splitmask.errors import ModelError, ResultError
from splitmask.files import write_bytes
from splitmask.jsonfield import Field
from splitmask.presets import Preset, get_preset
from splitmask.types import FloatArray

FILE = "graphs.json"
FORMAT = "splitmask.graphs"
VERSION = 1

# inputs and outputs of each graph, in order
TENSORS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "image_encoder": (("image",), ("high_res_feats_0", "high_res_feats_1", "image_embed")),
    "mask_decoder": (
        (
            "image_embed",
            "high_res_feats_0",
            "high_res_feats_1",
            "point_coords",
            "point_labels",
            "mask_input",
            "has_mask_input",
        ),
        ("masks", "iou_predictions", "object_score_logits", "object_pointer"),
    ),
    "memory_encoder": (("image_embed", "mask_logits", "binarize", "object_score_logits"), ("memory",)),
    "memory_attention": (
        (
            "image_embed",
            "memory",
            "memory_tpos",
            "memory_bias",
            "pointers",
            "pointer_dt",
            "pointer_bias",
        ),
        ("conditioned_embed",),
    ),
}

Dims = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A float32 tensor at a graph's boundary; a named dimension is free."""

    name: str
    shape: Dims


@dataclass(frozen=True, slots=True)
class GraphInfo:
    file: str
    size: int  # bytes
    sha256: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]


@dataclass(frozen=True, slots=True, eq=False)
class GraphSet:
    """The four graphs of one model and the few learned numbers that are needed outside them."""

    preset: Preset
    weights_sha256: str
    opset: int
    storage: str
    graphs: dict[str, GraphInfo]
    constants: PolicyConstants
    no_mem_embed: FloatArray  # (c,)

    def write(self, folder: Path) -> None:
        """Raises OutputError."""
        write_bytes(folder / FILE, (json.dumps(self._to_json(), indent=1) + "\n").encode())

    def _to_json(self) -> dict[str, Any]:
        preset, constants = self.preset, self.constants
        down = {"weight": _rows(constants.mask_downsample_weight), "bias": constants.mask_downsample_bias}
        return {
            "format": FORMAT,
            "version": VERSION,
            "preset": preset.name,
            "imageSize": preset.image_size,
            "dim": preset.dim,
            "weightsSha256": self.weights_sha256,
            "opset": self.opset,
            "storage": self.storage,
            "preprocess": {
                "size": preset.image_size,
                "layout": "stretched",
                "resize": preset.resize,
                "mean": list(preset.mean),
                "std": list(preset.std),
            },
            "memorySlots": ["prompted", *(f"{k} kept frames ago" for k in range(1, preset.num_memories))],
            "graphs": {name: _graph_to_json(graph) for name, graph in self.graphs.items()},
            "constants": {
                "noMemEmbed": _row(self.no_mem_embed),
                "noObjPtr": _row(constants.no_obj_ptr),
                "maskDownsample": down,
            },
        }


def read_graphs(folder: Path) -> GraphSet:
    """Raises ModelError for a folder without a readable graphs.json, or one of another version."""
    path = folder / FILE
    try:
        content = json.loads(path.read_text("utf-8"))
        return _from_json(Field(content, ""))
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}; export the model again") from error
    except (ResultError, ValueError) as error:
        raise ModelError(f"{path} is damaged: {error}; export the model again") from error


def _from_json(root: Field) -> GraphSet:
    if root["format"].text() != FORMAT:
        raise root["format"].fail(FORMAT)
    if (version := root["version"].integer()) != VERSION:
        raise ModelError(f"{FILE} has version {version}, this splitmask reads {VERSION}: export it again")
    preset = get_preset(root["preset"].text())
    for name, size in (("imageSize", preset.image_size), ("dim", preset.dim)):
        if root[name].integer() != size:
            raise root[name].fail(f"{size}, as {preset.name} has it")
    constants, down = root["constants"], root["constants"]["maskDownsample"]
    return GraphSet(
        preset,
        root["weightsSha256"].text(),
        root["opset"].integer(),
        root["storage"].text(),
        {name: _graph_from_json(root["graphs"][name], name) for name in TENSORS},
        PolicyConstants(
            _numbers(constants["noObjPtr"], preset.dim),
            np.stack([_numbers(row, 4) for row in down["weight"].items(4)]),
            down["bias"].number(),
        ),
        _numbers(constants["noMemEmbed"], preset.dim),
    )


def _graph_to_json(graph: GraphInfo) -> dict[str, Any]:
    def tensors(infos: tuple[TensorInfo, ...]) -> list[dict[str, Any]]:
        return [{"name": info.name, "dtype": "float32", "shape": list(info.shape)} for info in infos]

    return {
        "file": graph.file,
        "bytes": graph.size,
        "sha256": graph.sha256,
        "inputs": tensors(graph.inputs),
        "outputs": tensors(graph.outputs),
    }


def _graph_from_json(field: Field, name: str) -> GraphInfo:
    sides = []
    for side, expected in zip(("inputs", "outputs"), TENSORS[name], strict=True):
        infos = tuple(_tensor_from_json(tensor) for tensor in field[side].items())
        missing = [tensor for tensor in expected if tensor not in {info.name for info in infos}]
        if missing:
            raise ModelError(f"{name} lacks the {side[:-1]} {missing[0]!r}: export the model again")
        sides.append(infos)
    file = field["file"].text()
    if Path(file).name != file:
        raise field["file"].fail("a file's name without a folder")
    return GraphInfo(file, field["bytes"].integer(), field["sha256"].text(), *sides)


def _tensor_from_json(field: Field) -> TensorInfo:
    if field["dtype"].text() != "float32":
        raise field["dtype"].fail("float32")
    return TensorInfo(field["name"].text(), tuple(_dim(each) for each in field["shape"].items()))


def _dim(field: Field) -> int | str:
    return field.text() if isinstance(field.value, str) else field.integer(1)


def _numbers(field: Field, length: int) -> FloatArray:
    return np.array([each.number() for each in field.items(length)], np.float32)


def _row(vector: FloatArray) -> list[float]:
    """The shortest decimals that are these float32 numbers again."""
    return [float(str(x)) for x in vector.reshape(-1).astype(np.float32)]


def _rows(matrix: FloatArray) -> list[list[float]]:
    return [_row(row) for row in matrix]
