"""`graphs.json`: what a folder of ONNX graphs says of itself. docs/graphs.md is its description."""

from __future__ import annotations

import json
from collections.abc import Container
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
_PRECISION_OF = {"fp16": "fp16-storage", "fp32": "fp32"}  # of files that only say how weights are stored

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

# written only where they are asked for
OPTIONAL: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "decode_prepare": (
        ("image_embed", "high_res_feats_0", "high_res_feats_1"),
        ("image_tokens", "keyed_tokens", "image_keys", "image_values", "cells_0", "cells_1"),
    ),
    "decode_prepared": (
        (
            "image_tokens",
            "keyed_tokens",
            "image_keys",
            "image_values",
            "cells_0",
            "cells_1",
            "point_coords",
            "point_labels",
        ),
        ("masks", "iou_predictions", "object_score_logits", "object_pointer"),
    ),
}
# of a decoder from elsewhere: it answers clicks, and nothing can be tracked with it
MASKS_ONLY = ("masks", "iou_predictions")
# Where shapes are fixed: 4 prompted frames and the 6 latest others, 15 pointers beside those of the prompted
MOST_MEMORIES, MOST_POINTERS = 10, 19

Dims = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A float32 tensor at a graph's boundary; a named dimension is free."""

    name: str
    shape: Dims


@dataclass(frozen=True, slots=True)
class FileInfo:
    file: str
    size: int  # bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class GraphInfo:
    file: str
    size: int  # bytes
    sha256: str
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    data: FileInfo | None = None  # weights apart from the graph, where a file would pass 2 GB
    ort: FileInfo | None = None  # the same graph in the format of ONNX Runtime's small builds

    @property
    def files(self) -> tuple[FileInfo, ...]:
        own = FileInfo(self.file, self.size, self.sha256)
        return tuple(each for each in (own, self.data, self.ort) if each is not None)


@dataclass(frozen=True, slots=True, eq=False)
class GraphSet:
    """The four graphs of one model and the few learned numbers that are needed outside them."""

    preset: Preset
    weights_sha256: str
    opset: int
    precision: str  # fp32, fp16, int8 or fp16-storage
    graphs: dict[str, GraphInfo]
    constants: PolicyConstants
    no_mem_embed: FloatArray  # (c,)
    masks: int = 4  # of the decoder: 3 are tokens 1…3
    mask_size: int | None = None  # side of its masks; S/4 by default
    points: int | None = None  # their number, where shapes are fixed; surplus ones are labelled −2

    @property
    def storage(self) -> str:
        return "fp32" if self.precision == "fp32" else "fp16"

    def tensors(self, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of a graph's inputs and outputs in the contract's order; of the outputs, those it has."""
        inputs, outputs = (TENSORS | OPTIONAL)[name]
        have = {output.name for output in self.graphs[name].outputs}
        return inputs, tuple(output for output in outputs if output in have)

    @property
    def tracks(self) -> bool:
        """Whether the decoder tells what tracking needs: all four masks and an object pointer."""
        names = {output.name for output in self.graphs["mask_decoder"].outputs}
        return self.masks == 4 and "object_pointer" in names

    def write(self, folder: Path) -> None:
        """Raises OutputError."""
        write_bytes(folder / FILE, (json.dumps(self._to_json(), indent=1) + "\n").encode())

    def _form_to_json(self) -> dict[str, Any]:
        """What differs from the usual: readers of before do not ask for it."""
        usual = {"precision": _PRECISION_OF[self.storage], "masks": 4}
        form = {
            "precision": self.precision,
            "masks": self.masks,
            "maskSize": self.mask_size,
            "points": self.points,
        }
        return {key: value for key, value in form.items() if value is not None and value != usual.get(key)}

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
            **self._form_to_json(),
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
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except (ResultError, ValueError) as error:
        raise ModelError(f"{path} is damaged: {error}; export the model again") from error


def _from_json(root: Field) -> GraphSet:
    if root["format"].text() != FORMAT:
        raise root["format"].fail(FORMAT)
    if (version := root["version"].integer()) != VERSION:
        raise ModelError(f"it has version {version}, this splitmask reads {VERSION}: export it again")
    preset = get_preset(root["preset"].text())
    for name, size in (("imageSize", preset.image_size), ("dim", preset.dim)):
        if root[name].integer() != size:
            raise root[name].fail(f"{size}, as {preset.name} has it")
    constants, down = root["constants"], root["constants"]["maskDownsample"]
    return GraphSet(
        preset,
        root["weightsSha256"].text(),
        root["opset"].integer(),
        _precision(root),
        _graphs_from_json(root["graphs"]),
        PolicyConstants(
            _numbers(constants["noObjPtr"], preset.dim),
            np.stack([_numbers(row, 4) for row in down["weight"].items(4)]),
            down["bias"].number(),
        ),
        _numbers(constants["noMemEmbed"], preset.dim),
        masks=_whole(root, "masks", (3, 4)) or 4,
        mask_size=_whole(root, "maskSize", (preset.mask_size, 2 * preset.mask_size)),
        points=_whole(root, "points", range(1, 1025)),
    )


def _precision(root: Field) -> str:
    storage = root["storage"].text()
    return root["precision"].text() if "precision" in root.value else _PRECISION_OF.get(storage, storage)


def _whole(root: Field, name: str, allowed: Container[int]) -> int | None:
    if name not in root.value:
        return None
    number = root[name].integer(1)
    if number not in allowed:
        raise root[name].fail("another number")
    return number


def _graphs_from_json(field: Field) -> dict[str, GraphInfo]:
    optional = [name for name in OPTIONAL if isinstance(field.value, dict) and name in field.value]
    return {name: _graph_from_json(field[name], name) for name in (*TENSORS, *optional)}


def _graph_to_json(graph: GraphInfo) -> dict[str, Any]:
    def tensors(infos: tuple[TensorInfo, ...]) -> list[dict[str, Any]]:
        return [{"name": info.name, "dtype": "float32", "shape": list(info.shape)} for info in infos]

    return {
        "file": graph.file,
        "bytes": graph.size,
        "sha256": graph.sha256,
        "inputs": tensors(graph.inputs),
        "outputs": tensors(graph.outputs),
        **{name: _file_to_json(file) for name, file in (("data", graph.data), ("ort", graph.ort)) if file},
    }


def _file_to_json(file: FileInfo) -> dict[str, Any]:
    return {"file": file.file, "bytes": file.size, "sha256": file.sha256}


def _graph_from_json(field: Field, name: str) -> GraphInfo:
    inputs, outputs = (TENSORS | OPTIONAL)[name]
    sides = []
    for side, expected in (
        ("inputs", inputs),
        ("outputs", MASKS_ONLY if name == "mask_decoder" else outputs),
    ):
        infos = tuple(_tensor_from_json(tensor) for tensor in field[side].items())
        missing = [tensor for tensor in expected if tensor not in {info.name for info in infos}]
        if missing:
            raise ModelError(f"{name} lacks the {side[:-1]} {missing[0]!r}: export the model again")
        sides.append(infos)
    own = _file_from_json(field)
    data, ort = (_file_from_json(field[kind]) if kind in field.value else None for kind in ("data", "ort"))
    return GraphInfo(own.file, own.size, own.sha256, sides[0], sides[1], data, ort)


def _file_from_json(field: Field) -> FileInfo:
    file = field["file"].text()
    if Path(file).name != file:
        raise field["file"].fail("a file's name without a folder")
    return FileInfo(file, field["bytes"].integer(), field["sha256"].text())


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
