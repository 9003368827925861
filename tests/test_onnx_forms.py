"""The forms in which graphs are written: precisions, masks, fixed shapes, prepared clicks, files."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from onnx_helpers import SMALL_PRESETS, redrawn, relative
from splitmask.engine.graphs import OPTIONAL, TENSORS, read_graphs
from splitmask.engine.ort import OrtEngine
from splitmask.engine.torch import TorchEngine
from splitmask.errors import ModelError, PromptError
from splitmask.model import Sam2
from splitmask.onnx import write
from splitmask.onnx.export import export
from splitmask.onnx.form import PRECISIONS, Form, Precision, upscale_of
from splitmask.presets import TEST_CONV
from splitmask.types import ByteArray, Decoded, Features, Recollection

BOTH = ("test-conv", "test-hiera")
MODELS: dict[str, Sam2] = {}


def model_of(name: str) -> Sam2:
    if name not in MODELS:
        MODELS[name] = redrawn(SMALL_PRESETS[name], half=True)
    return MODELS[name]


def picture(seed: int = 0) -> ByteArray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (9, 12, 3), np.uint8)
    return coarse.repeat(10, axis=0).repeat(10, axis=1)


def written(name: str, folder: Path, form: Form | None = None, **extras: bool) -> OrtEngine:
    export(model_of(name), folder, form, pictures=[picture(i) for i in range(4)], **extras)
    return OrtEngine(folder, threads=1)


def click(engine: OrtEngine | TorchEngine, features: Features, objects: int = 2, points: int = 2) -> Decoded:
    rng = np.random.default_rng(7)
    coords = rng.random((objects, points, 2), np.float32) * engine.preset.image_size
    return engine.decode(features, coords, rng.integers(0, 2, (objects, points)).astype(np.float32))


def off(ours: Decoded, theirs: Decoded) -> float:
    pairs = ((ours.masks, theirs.masks), (ours.ious, theirs.ious), (ours.pointers, theirs.pointers))
    return max(relative(a, b) for a, b in pairs)


# of the largest value; the small models have no redundancy that would even errors out
ALLOWED: dict[Precision, float] = {"fp32": 1e-4, "fp16-storage": 1e-4, "fp16": 2e-2, "int8": 0.2}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", BOTH)
def test_each_precision_tracks_as_torch_does(name: str, precision: Precision, tmp_path: Path) -> None:
    ours, theirs = written(name, tmp_path, Form(precision)), TorchEngine(model_of(name), "cpu")
    assert read_graphs(tmp_path).precision == precision
    seen = []
    for engine in (ours, theirs):
        features = engine.encode(picture())
        first = click(engine, features)
        ones = np.ones(2, np.float32)
        memories = engine.remember(features, first.masks[:, :1], ones, first.presence)
        wanted = [
            Recollection(((memory, 0),), ((pointer, 0.1),))
            for memory, pointer in zip(memories, first.pointers[:, 0], strict=True)
        ]
        seen.append((first, click(engine, engine.recall(engine.encode(picture(1)), wanted))))
    for a, b in zip(*seen, strict=True):
        assert off(a, b) < ALLOWED[precision]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", BOTH)
def test_each_precision_has_the_contract_at_its_boundary(
    name: str, precision: Precision, tmp_path: Path
) -> None:
    written(name, tmp_path, Form(precision), prepare=True)
    for graph, (inputs, outputs) in (TENSORS | OPTIONAL).items():
        made = onnx.load(tmp_path / f"{graph}.onnx")
        onnx.checker.check_model(made, full_check=True)
        assert tuple(x.name for x in made.graph.input) == inputs
        assert tuple(x.name for x in made.graph.output) == outputs
        boundary = [*made.graph.input, *made.graph.output]
        assert {x.type.tensor_type.elem_type for x in boundary} == {onnx.TensorProto.FLOAT}
        assert {op.domain for op in made.opset_import} == {""}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", BOTH)
def test_every_precision_gives_the_same_bytes_again(name: str, precision: Precision, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        written(name, tmp_path / folder, Form(precision), prepare=True)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_int8_is_made_of_integers_and_takes_fewer_bytes(tmp_path: Path) -> None:
    written("test-conv", tmp_path / "conv", Form("int8"))
    kinds = {node.op_type for node in onnx.load(tmp_path / "conv" / "image_encoder.onnx").graph.node}
    assert "QLinearConv" in kinds
    written("test-hiera", tmp_path / "hiera", Form("int8"))
    graph = onnx.load(tmp_path / "hiera" / "image_encoder.onnx").graph
    assert "MatMulInteger" in {node.op_type for node in graph.node}
    produced = {name for node in graph.node for name in node.output} | {x.name for x in graph.initializer}
    used = {name for node in graph.node for name in node.input} | {x.name for x in graph.output}
    assert {x.name for x in graph.initializer} <= used
    assert {name for name in used if name} <= produced | {"image"}


def test_int8_of_convolutions_needs_pictures(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="pictures"):
        export(model_of("test-conv"), tmp_path, Form("int8"))


@pytest.mark.parametrize("name", BOTH)
def test_a_prepared_frame_is_clicked_with_the_same_answer(name: str, tmp_path: Path) -> None:
    plain, prepared = written(name, tmp_path / "a"), written(name, tmp_path / "b", prepare=True)
    features = prepared.encode(picture())
    for points in (1, 3):
        assert off(click(prepared, features, 2, points), click(plain, features, 2, points)) < 1e-5


def test_what_was_prepared_goes_with_the_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = written("test-conv", tmp_path, prepare=True)
    ran: list[str] = []
    inner = engine._decoder._run
    monkeypatch.setattr(
        engine._decoder, "_run", lambda name, *given, **how: (ran.append(name), inner(name, *given, **how))[1]
    )
    features = engine.encode(picture())
    click(engine, features)
    click(engine, features)
    assert ran == ["decode_prepare", "decode_prepared", "decode_prepared"]
    side = engine.preset.mask_size
    one = np.zeros((1, 1, 2), np.float32), np.ones((1, 1), np.float32)
    engine.decode(features, *one, np.zeros((1, 1, side, side), np.float32))
    engine.decode(engine.unconditioned(features), *one)
    assert ran[3:] == ["mask_decoder", "mask_decoder"], "a mask, or features that are decoded once"
    kept = [engine.encode(picture(i)) for i in range(4)]
    for each in kept:
        click(engine, each)
    assert sum(bool(made) for _, made in engine._decoder._frames.values()) == 2
    del features, kept, each
    gc.collect()
    assert engine._decoder._frames == {}


@pytest.mark.parametrize("name", BOTH)
def test_three_masks_are_the_last_three_of_four(name: str, tmp_path: Path) -> None:
    four, three = written(name, tmp_path / "4"), written(name, tmp_path / "3", Form(masks=3))
    features = four.encode(picture())
    a, b = click(four, features, 3), click(three, features, 3)
    assert relative(b.masks[:, 1:], a.masks[:, 1:]) < 1e-5
    assert relative(b.ious[:, 1:], a.ious[:, 1:]) < 1e-5
    np.testing.assert_array_equal(b.ious[:, 0], b.ious[:, 1:].max(1))
    np.testing.assert_allclose(b.presence, a.presence, rtol=1e-4, atol=1e-5)
    with pytest.raises(ModelError, match=r"mask_decoder.onnx.*single mask.*--masks 4"):
        three.remember(features, a.masks[:, :1], np.ones(3, np.float32), a.presence)
    with pytest.raises(ModelError, match="--masks 4"):
        three.recall(features, [])


def test_masks_twice_as_large_are_enlarged_ones(tmp_path: Path) -> None:
    small, large = written("test-conv", tmp_path / "a"), written("test-conv", tmp_path / "b", Form(upscale=2))
    features = small.encode(picture())
    a, b = click(small, features), click(large, features)
    m = TEST_CONV.mask_size
    assert b.masks.shape == (2, 4, 2 * m, 2 * m)
    assert large._graphs.mask_size == 2 * m
    even = a.masks[:, :, :-1] * 0.75 + a.masks[:, :, 1:] * 0.25  # rows 1, 3, … of the enlarged ones
    columns = even[..., :-1] * 0.75 + even[..., 1:] * 0.25
    np.testing.assert_allclose(b.masks[:, :, 1:-1:2, 1:-1:2], columns, rtol=1e-4, atol=1e-4)
    one = np.zeros((1, 1, 2), np.float32), np.ones((1, 1), np.float32)
    again = large.decode(features, *one, b.masks[:1, :1])  # fed back as it came
    assert off(again, large.decode(features, *one, large._decoder._small(b.masks[:1, :1]))) < 1e-6


def test_a_size_of_masks_that_is_not_offered_is_named() -> None:
    assert [upscale_of(TEST_CONV, size) for size in (None, 16, 32)] == [1, 1, 2]
    with pytest.raises(ModelError, match="16 or 32 pixels a side, not 20"):
        upscale_of(TEST_CONV, 20)


@pytest.mark.parametrize("name", BOTH)
def test_fixed_shapes_give_what_free_ones_give(name: str, tmp_path: Path) -> None:
    free = written(name, tmp_path / "a")
    fixed = written(name, tmp_path / "b", Form(points=4), prepare=True)
    for path in (tmp_path / "b").glob("*.onnx"):
        graph = onnx.load(path).graph
        dims = [d for x in (*graph.input, *graph.output) for d in x.type.tensor_type.shape.dim]
        assert all(dim.dim_value for dim in dims), path.name
    features = free.encode(picture())
    for points in (1, 4):
        a, b = click(free, features, 2, points), click(fixed, features, 2, points)
        assert off(b, a) < 1e-4
    ones, side = np.ones(2, np.float32), free.preset.image_size
    for mask in (a.masks[:, :1], np.random.default_rng(0).random((2, 1, side, side), np.float32) - 0.5):
        made = [engine.remember(features, mask, ones, a.presence) for engine in (free, fixed)]
        if mask.shape[-1] < side:
            assert max(relative(y.map, x.map) for x, y in zip(*made, strict=True)) < 1e-4
        wanted = [Recollection(((memory, 0),), ((a.pointers[0, 0], 0.1),)) for memory in made[0]]
    recalled = [engine.recall(features, wanted) for engine in (free, fixed)]
    assert relative(recalled[1].image_embed, recalled[0].image_embed) < 1e-4
    assert off(click(fixed, recalled[0], 2), click(free, recalled[0], 2)) < 1e-4
    with pytest.raises(PromptError, match="takes 4 points at most, not 5"):
        click(fixed, features, 1, 5)


def test_ort_files_give_the_same_answer(tmp_path: Path) -> None:
    engine = written("test-conv", tmp_path, ort_format=True)
    info = read_graphs(tmp_path).graphs["image_encoder"]
    assert info.ort is not None
    assert info.ort.size == (tmp_path / info.ort.file).stat().st_size
    feed = {"image": np.random.default_rng(0).standard_normal((1, 3, 64, 64), np.float32)}
    sessions = [
        ort.InferenceSession(str(tmp_path / file), providers=["CPUExecutionProvider"])
        for file in (info.file, info.ort.file)
    ]
    for x, y in zip(*(session.run(None, feed) for session in sessions), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5)
    assert engine.preset == TEST_CONV


def test_weights_that_one_file_cannot_hold_lie_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = written("test-conv", tmp_path / "a")
    monkeypatch.setattr(write, "LARGEST", 2**20 + 10_000)
    apart = written("test-conv", tmp_path / "b")
    info = read_graphs(tmp_path / "b").graphs["image_encoder"]
    assert info.data is not None
    assert info.size < read_graphs(tmp_path / "a").graphs["image_encoder"].size
    a, b = whole.encode(picture()), apart.encode(picture())
    np.testing.assert_array_equal(a.image_embed, b.image_embed)
    (tmp_path / "b" / info.data.file).unlink()
    with pytest.raises(ModelError, match=info.data.file):
        OrtEngine(tmp_path / "b", threads=1).encode(picture())
