"""Graphs of ours and of samexporter's in each other's runner, on a model small enough for that."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

import compat_official as official
from onnx_helpers import relative
from splitmask.engine.graphs import TENSORS, GraphSet, read_graphs
from splitmask.engine.ort import OrtEngine
from splitmask.errors import ModelError
from splitmask.model import Sam2
from splitmask.onnx.export import export
from splitmask.onnx.foreign import read_decoder, with_decoder
from splitmask.onnx.form import Form
from splitmask.types import ByteArray, FloatArray

MISSING = [name for name in ("sam2", "samexporter", "cv2") if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"{MISSING}: see scripts/install_samexporter.sh"),
    # what other packages warn of is not ours to mend
    pytest.mark.filterwarnings("ignore"),
]
SIDE = official.SMALL.image_size
INPUTS = TENSORS["mask_decoder"][0]


@pytest.fixture(scope="module")
def theirs() -> torch.nn.Module:
    model = official.build_image(official.SMALL)
    model.load_state_dict(official.redraw(model, 3))
    return model  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def ours(theirs: torch.nn.Module) -> Sam2:
    model = Sam2(official.SMALL).eval().requires_grad_(False)
    model.load_state_dict(theirs.state_dict())
    return model


@pytest.fixture(scope="module")
def decoder(theirs: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `python -m samexporter.export_sam2` exports it."""
    official.prepare_torchvision()
    from samexporter.export_sam2 import SAM2ImageDecoder

    path, c, g = tmp_path_factory.mktemp("theirs") / "decoder.onnx", official.SMALL.dim, SIDE // 16
    shapes = ((1, c, g, g), (1, c // 8, 4 * g, 4 * g), (1, c // 4, 2 * g, 2 * g), (1, 5, 2), (1, 5))
    inputs = [torch.rand(shape) for shape in (*shapes, (1, 1, 4 * g, 4 * g))]
    objects = {0: "num_labels", 1: "num_points"}
    torch.onnx.utils.export(
        SAM2ImageDecoder(theirs, multimask_output=True),
        (*inputs, torch.ones(1)),
        str(path),
        opset_version=18,
        input_names=list(INPUTS),
        output_names=["masks", "iou_predictions"],
        dynamic_axes={
            "point_coords": objects,
            "point_labels": objects,
            "mask_input": {0: "num_labels"},
            "has_mask_input": {0: "num_labels"},
        },
    )
    return path


@pytest.fixture(scope="module")
def exported(ours: Sam2, tmp_path_factory: pytest.TempPathFactory) -> tuple[GraphSet, Path]:
    folder = tmp_path_factory.mktemp("ours")
    return export(ours, folder, Form("fp32", masks=3)), folder


@pytest.fixture
def mixed(ours: Sam2, decoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OrtEngine:
    monkeypatch.setattr("splitmask.engine.graphs.get_preset", lambda name: official.SMALL)
    with_decoder(
        export(ours, tmp_path, Form("fp32"), prepare=True), tmp_path, read_decoder(decoder, ours.preset)
    )
    return OrtEngine(tmp_path, threads=1)


def picture() -> ByteArray:
    coarse = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    return coarse.repeat(SIDE // 8, axis=0).repeat(SIDE // 8, axis=1)


def clicks(objects: int) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(1)
    points = rng.random((objects, 3, 2), np.float32) * SIDE
    return points, rng.integers(0, 2, (objects, 3)).astype(np.float32)


def test_their_decoder_answers_clicks_on_our_features(mixed: OrtEngine, ours: Sam2) -> None:
    features, (points, labels) = mixed.encode(picture()), clicks(2)
    m = official.SMALL.mask_size
    prompt = np.random.default_rng(2).standard_normal((2, 1, m, m)).astype(np.float32)
    for mask in (None, prompt):
        answer = mixed.decode(features, points, labels, mask)
        given = (prompt, np.full(2, mask is not None, np.float32))
        maps = (features.image_embed, features.high_res_feats_0, features.high_res_feats_1)
        inputs = [torch.from_numpy(np.asarray(x)) for x in (*maps, points, labels, *given)]
        masks, ious, _, _ = (x.numpy() for x in ours.decode(*inputs))
        assert relative(answer.masks[:, 1:], masks[:, 1:].clip(-32, 32)) < 1e-4
        assert relative(answer.ious[:, 1:], ious[:, 1:]) < 1e-4
        best = answer.ious[:, 1:].argmax(1)
        np.testing.assert_array_equal(answer.masks[[0, 1], 0], answer.masks[[0, 1], best + 1])


def test_nothing_is_tracked_with_their_decoder(mixed: OrtEngine) -> None:
    features = mixed.encode(picture())
    answer = mixed.decode(features, *clicks(1))
    with pytest.raises(ModelError, match=r"images only.*single mask and the object pointer.*--masks 4"):
        mixed.remember(features, answer.masks[:, :1], np.ones(1, np.float32), answer.presence)
    described = read_graphs(mixed.folder)
    assert (described.masks, described.tracks) == (3, False)
    assert "decode_prepare" not in described.graphs


def test_our_graphs_run_in_their_runner(exported: tuple[GraphSet, Path], ours: Sam2) -> None:
    from samexporter.sam2_onnx import SegmentAnything2ONNX

    _, folder = exported
    runner = SegmentAnything2ONNX(
        str(folder / "image_encoder.onnx"), str(folder / "mask_decoder.onnx"), ["CPUExecutionProvider"]
    )
    image = picture()
    found = runner.predict_masks(
        runner.encode(image[..., ::-1].copy()),
        [{"type": "point", "data": [40, 50], "label": 1}, {"type": "point", "data": [90, 20], "label": 0}],
    )
    points, labels = torch.tensor([[[40.0, 50.0], [90.0, 20.0]]]), torch.tensor([[1.0, 0.0]])
    mean, std = (np.array(x, np.float32) for x in (official.SMALL.mean, official.SMALL.std))
    square = torch.from_numpy(((image / np.float32(255) - mean) / std).transpose(2, 0, 1)[None])
    high_res_0, high_res_1, embed = ours.encode(square)
    m = official.SMALL.mask_size
    none = torch.zeros(1, 1, m, m), torch.zeros(1)
    masks, ious, _, _ = ours.decode(embed, high_res_0, high_res_1, points, labels, *none)
    best = masks[:, 1:][:, ious[0, 1:].argmax()][:, None]
    wanted = torch.nn.functional.interpolate(best, size=(SIDE, SIDE), mode="bilinear")
    assert relative(found, wanted.numpy()) < 1e-3


def decoder_of(path: Path, inputs: dict[str, list[int]], outputs: dict[str, list[int]]) -> Path:
    def infos(shapes: dict[str, list[int]]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in shapes.items()]

    nodes = [helper.make_node("Relu", [next(iter(inputs))], [name]) for name in outputs]
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", infos(inputs), infos(outputs))), path)
    return path


GRID = [1, official.SMALL.dim, SIDE // 16, SIDE // 16]


@pytest.mark.parametrize(
    ("inputs", "outputs", "said"),
    [
        ({"image": [1]}, {"masks": [1]}, "its inputs should be image_embed"),
        ({key: [1] for key in INPUTS}, {"scores": [1]}, "its outputs should begin with masks"),
        ({key: [1] for key in INPUTS}, {"masks": [1, 3], "iou_predictions": [1]}, "takes features of"),
        (dict.fromkeys(INPUTS, GRID), {"masks": GRID, "iou_predictions": GRID}, "does not answer a click"),
    ],
)
def test_a_decoder_that_does_not_fit_is_named(
    exported: tuple[GraphSet, Path],
    inputs: dict[str, list[int]],
    outputs: dict[str, list[int]],
    said: str,
    tmp_path: Path,
) -> None:
    made, _ = exported
    with pytest.raises(ModelError, match=said):
        read_decoder(decoder_of(tmp_path / "d.onnx", inputs, outputs), made.preset)
    assert not (tmp_path / "mask_decoder.onnx").exists()


def test_a_file_that_is_no_decoder_is_named(exported: tuple[GraphSet, Path], tmp_path: Path) -> None:
    (tmp_path / "d.onnx").write_bytes(b"\xff\xffnothing")
    for path, said in ((tmp_path / "none.onnx", "cannot read"), (tmp_path / "d.onnx", "no ONNX file")):
        with pytest.raises(ModelError, match=said):
            read_decoder(path, exported[0].preset)
