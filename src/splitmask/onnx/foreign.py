"""A decoder from elsewhere in place of ours.

`samexporter` exports decoders with our inputs that give three masks and their scores and nothing else: no
object pointer, no presence. They answer clicks on images; nothing can be tracked with them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

from splitmask.engine.graphs import MASKS_ONLY, OPTIONAL, TENSORS, GraphInfo, GraphSet, TensorInfo
from splitmask.errors import ModelError
from splitmask.files import write_bytes
from splitmask.presets import Preset

NAME = "mask_decoder"


@dataclass(frozen=True, slots=True)
class ForeignDecoder:
    """A decoder that fits a preset's features."""

    data: bytes
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    masks: int  # 3 or 4


def read_decoder(path: Path, preset: Preset) -> ForeignDecoder:
    """Raises ModelError for a file that is no such decoder or one of a model of other sizes."""
    try:
        data = path.read_bytes()
        graph = onnx.load_model_from_string(data).graph
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}") from error
    except Exception as error:  # protobuf has its own in every version
        raise ModelError(f"{path} is no ONNX file, or one that keeps its weights elsewhere") from error
    inputs, outputs = _tensors(graph.input), _tensors(graph.output)
    _check(path, preset, inputs, outputs)
    masks = _masks_of(path, data, preset)
    if masks not in (3, 4):
        raise ModelError(f"{path} gives {masks} masks, not 3 or 4")
    return ForeignDecoder(data, inputs, outputs, masks)


def with_decoder(made: GraphSet, folder: Path, decoder: ForeignDecoder) -> GraphSet:
    """Puts the decoder into a folder of graphs and says so in its graphs.json. Raises OutputError."""
    file, data = f"{NAME}.onnx", decoder.data
    write_bytes(folder / file, data)
    info = GraphInfo(file, len(data), hashlib.sha256(data).hexdigest(), decoder.inputs, decoder.outputs)
    graphs = {name: each for name, each in made.graphs.items() if name not in OPTIONAL}
    changed = replace(made, graphs=graphs | {NAME: info}, masks=decoder.masks, mask_size=None, points=None)
    changed.write(folder)
    return changed


def _masks_of(path: Path, data: bytes, preset: Preset) -> int:
    """How many masks a click gets: exports do not always say it, so it is clicked."""
    c, side = preset.dim, preset.grid
    shapes = (
        *((1, c, side, side), (1, c // 8, 4 * side, 4 * side), (1, c // 4, 2 * side, 2 * side)),
        *((1, 1, 2), (1, 1), (1, 1, preset.mask_size, preset.mask_size), (1,)),
    )
    feed = {name: np.zeros(shape, np.float32) for name, shape in zip(TENSORS[NAME][0], shapes, strict=True)}
    try:
        session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
        return int(session.run(MASKS_ONLY[:1], feed)[0].shape[1])
    except Exception as error:  # the runtime's have no common base
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path} does not answer a click on {preset.name}: {reason}") from error


def _tensors(values: object) -> tuple[TensorInfo, ...]:
    infos = []
    for value in values:  # type: ignore[attr-defined]
        dims = value.type.tensor_type.shape.dim
        shape = tuple(dim.dim_value or dim.dim_param or f"d{i}" for i, dim in enumerate(dims))
        infos.append(TensorInfo(value.name, shape))
    return tuple(infos)


def _check(
    path: Path, preset: Preset, inputs: tuple[TensorInfo, ...], outputs: tuple[TensorInfo, ...]
) -> None:
    wanted = TENSORS[NAME][0]
    if tuple(info.name for info in inputs) != wanted:
        raise ModelError(f"{path} is no mask decoder: its inputs should be {', '.join(wanted)}")
    if tuple(info.name for info in outputs)[:2] != MASKS_ONLY:
        raise ModelError(f"{path} is no mask decoder: its outputs should begin with {', '.join(MASKS_ONLY)}")
    if inputs[0].shape[1:] != (preset.dim, preset.grid, preset.grid):
        raise ModelError(f"{path} takes features of {inputs[0].shape}, which {preset.name} does not give")
