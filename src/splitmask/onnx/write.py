"""A graph's files: the graph, its weights apart where one file would pass 2 GB, and the `.ort`."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import onnx

from splitmask.engine.graphs import FileInfo, GraphInfo, TensorInfo
from splitmask.files import write_bytes
from splitmask.onnx.builder import SMALL, Graph

# protobuf holds no more
LARGEST = 2**31 - 1
_ALIGNMENT = 64


def write_graph(folder: Path, graph: Graph, ort_format: bool = False) -> GraphInfo:
    """Raises OutputError."""
    model, data = graph.model(), None
    if sum(len(each.raw_data) for each in model.graph.initializer) + 2**20 > LARGEST:
        name = f"{graph.name}.onnx.data"
        data = _written(folder, name, _weights_apart(model, name))
    content = model.SerializeToString(deterministic=True)
    own = _written(folder, f"{graph.name}.onnx", content)
    ort = _written(folder, f"{graph.name}.ort", _as_ort(folder / own.file)) if ort_format else None
    inputs, outputs = (
        tuple(TensorInfo(tensor, tuple(shape)) for tensor, shape in side.items())
        for side in (graph.input_shapes, graph.output_shapes)
    )
    return GraphInfo(own.file, own.size, own.sha256, inputs, outputs, data, ort)


def _written(folder: Path, name: str, data: bytes) -> FileInfo:
    write_bytes(folder / name, data)
    return FileInfo(name, len(data), hashlib.sha256(data).hexdigest())


def _weights_apart(model: onnx.ModelProto, file: str) -> bytes:
    """Takes the large tensors out of a model; what to write into `file`."""
    data = bytearray()
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) < SMALL:
            continue
        data += bytes(-len(data) % _ALIGNMENT)
        place = {"location": file, "offset": len(data), "length": len(tensor.raw_data)}
        data += tensor.raw_data
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
    return bytes(data)


def _as_ort(path: Path) -> bytes:
    """Optimised for any CPU, in the format that is read without parsing."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "graph.ort"
        options.optimized_model_filepath = str(target)
        ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return target.read_bytes()
