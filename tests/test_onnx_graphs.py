"""Each graph against its verb in torch, on models with every parameter redrawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import Tensor

from onnx_helpers import SMALL_PRESETS, decode_inputs, recall_inputs, redrawn, relative, remember_inputs
from splitmask.engine.graphs import TENSORS
from splitmask.model import Sam2
from splitmask.onnx.export import MAKERS, PREPARING, state_of
from splitmask.onnx.form import Form, Precision
from splitmask.presets import NANO, Preset

TOLERANCE = 1e-4
VERBS = {
    "image_encoder": "encode",
    "mask_decoder": "decode",
    "memory_encoder": "remember",
    "memory_attention": "recall",
}
PRESETS = SMALL_PRESETS | {"nano": NANO}
HALVED: tuple[Precision, Precision] = ("fp32", "fp16-storage")
MODELS: dict[str, Sam2] = {}
SESSIONS: dict[tuple[str, str], ort.InferenceSession] = {}


def model_of(name: str) -> Sam2:
    if name not in MODELS:
        MODELS[name] = redrawn(PRESETS[name])
    return MODELS[name]


def session_of(name: str, graph: str) -> ort.InferenceSession:
    if (name, graph) not in SESSIONS:
        made = MAKERS[graph](PRESETS[name], state_of(model_of(name)), Form("fp32"))
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        SESSIONS[name, graph] = ort.InferenceSession(made.serialized(), options, ["CPUExecutionProvider"])
    return SESSIONS[name, graph]


def agree(name: str, graph: str, inputs: Sequence[Tensor]) -> None:
    names, outputs = TENSORS[graph]
    feed = {n: x.numpy() for n, x in zip(names, inputs, strict=True)}
    ours = session_of(name, graph).run(list(outputs), feed)
    with torch.inference_mode():
        theirs = getattr(model_of(name), VERBS[graph])(*inputs)
    theirs = [theirs] if isinstance(theirs, Tensor) else theirs
    for output, x, y in zip(outputs, ours, theirs, strict=True):
        assert relative(x, y) < TOLERANCE, output


@pytest.mark.parametrize("name", PRESETS)
def test_the_image_encoder(name: str) -> None:
    size = PRESETS[name].image_size
    agree(name, "image_encoder", [torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(1))])


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize(("images", "b", "n"), [(1, 1, 1), (1, 3, 5), (3, 3, 2)])
def test_the_mask_decoder(name: str, images: int, b: int, n: int) -> None:
    agree(name, "mask_decoder", decode_inputs(PRESETS[name], images, b, n))


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize(("images", "b", "mask"), [(1, 1, "M"), (1, 3, "S"), (3, 3, "small")])
def test_the_memory_encoder(name: str, images: int, b: int, mask: str) -> None:
    preset = PRESETS[name]
    side = {"M": preset.mask_size, "S": preset.image_size, "small": 7}[mask]
    agree(name, "memory_encoder", remember_inputs(preset, images, b, side))


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize(
    ("images", "b", "r", "p"), [(1, 1, 1, 1), (1, 3, 7, 16), (3, 3, 7, 1), (1, 1, 1, 16)]
)
def test_memory_attention(name: str, images: int, b: int, r: int, p: int) -> None:
    agree(name, "memory_attention", recall_inputs(PRESETS[name], images, b, r, p))


@pytest.mark.parametrize("name", ["test-conv", "padded windows"])
@pytest.mark.parametrize("graph", MAKERS)
def test_a_graph_is_valid_and_names_what_the_contract_names(name: str, graph: str) -> None:
    made = MAKERS[graph](PRESETS[name], state_of(model_of(name)), Form()).model()
    onnx.checker.check_model(made, full_check=True)
    names, outputs = TENSORS[graph]
    assert tuple(x.name for x in made.graph.input) == names
    assert tuple(x.name for x in made.graph.output) == outputs
    boundary = [*made.graph.input, *made.graph.output]
    assert {x.type.tensor_type.elem_type for x in boundary} == {onnx.TensorProto.FLOAT}
    assert {op.domain for op in made.opset_import} == {""}
    assert not {"Where", "Expand", "If", "Loop"} & {node.op_type for node in made.graph.node}


@pytest.mark.parametrize("graph", MAKERS)
def test_half_storage_changes_no_number_that_fits(graph: str) -> None:
    preset: Preset = SMALL_PRESETS["test-conv"]
    state = state_of(redrawn(preset, half=True))
    inputs = {
        "image_encoder": (torch.randn(1, 3, 64, 64),),
        "mask_decoder": decode_inputs(preset, 1, 2, 2),
        "memory_encoder": remember_inputs(preset, 1, 2, 16),
        "memory_attention": recall_inputs(preset, 1, 2, 3, 4),
    }[graph]
    feed = {n: x.numpy() for n, x in zip(TENSORS[graph][0], inputs, strict=True)}
    runs = []
    for precision in HALVED:
        data = MAKERS[graph](preset, state, Form(precision)).serialized()
        runs.append(ort.InferenceSession(data, providers=["CPUExecutionProvider"]).run(None, feed))
    for x, y in zip(*runs, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-7)


def test_half_storage_halves_the_file() -> None:
    sizes = []
    for precision in HALVED:
        made = MAKERS["image_encoder"](NANO, state_of(model_of("nano")), Form(precision))
        sizes.append(len(made.serialized()))
    assert sizes[1] < 0.51 * sizes[0]


@pytest.mark.parametrize("name", SMALL_PRESETS)
@pytest.mark.parametrize("points", [None, 3])
def test_no_tensor_has_more_axes_than_cuda_transposes(name: str, points: int | None) -> None:
    """Eight, in ONNX Runtime: it refuses more when it runs them, not when it loads them."""
    preset = SMALL_PRESETS[name]
    state = state_of(redrawn(preset))
    for make in (MAKERS | PREPARING).values():
        graph = onnx.load_from_string(make(preset, state, Form(points=points)).serialized())
        known = onnx.shape_inference.infer_shapes(graph, data_prop=True).graph.value_info
        assert len(known) > len(graph.graph.node) / 2
        assert max(len(value.type.tensor_type.shape.dim) for value in known) <= 8
