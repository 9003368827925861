"""Graphs and weights that give NaN: one line, whichever part of the model it begins in."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from cli_helpers import photo, small_model, splitmask
from media_helpers import write_numbered
from onnx_helpers import redrawn
from splitmask.engine.graphs import FILE
from splitmask.engine.ort import OrtEngine
from splitmask.engine.providers import Provider
from splitmask.engine.torch import TorchEngine
from splitmask.errors import ModelError
from splitmask.presets import TEST_CONV

Capsys = pytest.CaptureFixture[str]
# the CPU as others are used: tested before it is trusted
TESTED = Provider("tested", "CPUExecutionProvider", "Tested", "onnxruntime", then=())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_model(), tmp_path / "model"))


def damage(folder: Path, graph: str, number: float = np.nan) -> None:
    """Fills a graph's largest weight, in a way that graphs.json vouches for."""
    model = onnx.load(folder / f"{graph}.onnx")
    largest = max(model.graph.initializer, key=lambda each: numpy_helper.to_array(each).size)
    filled = np.full_like(numpy_helper.to_array(largest), number)
    largest.CopyFrom(numpy_helper.from_array(filled, largest.name))
    data = model.SerializeToString()
    (folder / f"{graph}.onnx").write_bytes(data)
    content = json.loads((folder / FILE).read_text())
    content["graphs"][graph]["sha256"] = hashlib.sha256(data).hexdigest()
    (folder / FILE).write_text(json.dumps(content))


BEGINS = {
    "image_encoder": "image_embed",
    "mask_decoder": "the mask decoder's masks",
    "memory_encoder": "image_embed",
    "memory_attention": "image_embed",
}


@pytest.mark.parametrize("graph", BEGINS)
@pytest.mark.parametrize("command", ["segment", "track"])
def test_it_is_said_in_a_line(capsys: Capsys, tmp_path: Path, folder: Path, command: str, graph: str) -> None:
    damage(folder, graph)
    source = photo(tmp_path / "a.png") if command == "segment" else write_numbered(tmp_path / "a.mp4", 3)
    words = [command, source, "--point", "9,9", "--model", folder, "-o", tmp_path / "out"]
    if command == "segment" and graph.startswith("memory"):
        assert splitmask(capsys, *words).code == 0  # it is not asked
        return
    line = splitmask(capsys, *words).error
    assert line.startswith(f"there is NaN or infinity in {BEGINS[graph]}: the graphs in {folder} are damaged")
    assert "export or fetch" in line


def test_a_bundle_is_decoded_with_whole_graphs_only(capsys: Capsys, tmp_path: Path, folder: Path) -> None:
    words = ["--model", folder, "-o"]
    assert splitmask(capsys, "encode", photo(tmp_path / "a.png"), *words, tmp_path / "bundle").code == 0
    damage(folder, "mask_decoder", np.inf)
    line = splitmask(
        capsys, "decode", tmp_path / "bundle" / "a", "--point", "9,9", *words, tmp_path / "o"
    ).error
    assert "the mask decoder's masks" in line


def test_a_provider_is_not_blamed_for_it(folder: Path) -> None:
    OrtEngine(folder, threads=1, provider=TESTED)
    damage(folder, "mask_decoder")
    with pytest.raises(ModelError, match=r"mask_decoder\.onnx answers masks with NaN or infinity"):
        OrtEngine(folder, threads=1, provider=TESTED)


def test_no_golden_answers_are_written_of_it(folder: Path) -> None:
    damage(folder, "image_encoder")
    engine = OrtEngine(folder, threads=1, provider="cpu")
    with pytest.raises(ModelError, match=r"image_encoder\.onnx answers \w+ with NaN"):
        engine.write_golden()


@pytest.mark.parametrize(
    ("weight", "begins"),
    [
        ("sam_mask_decoder.iou_prediction_head.layers.0.weight", "the mask decoder's iou_predictions"),
        ("sam_mask_decoder.conv_s1.weight", "high_res_feats_1"),
    ],
)
def test_torch_says_it_too(weight: str, begins: str) -> None:
    model = redrawn(TEST_CONV)
    model.state_dict()[weight].fill_(np.nan)
    engine = TorchEngine(model, "cpu")
    features = engine.encode(np.zeros((40, 60, 3), np.uint8))
    with pytest.raises(ModelError) as error:
        engine.decode(features, np.zeros((1, 1, 2), np.float32), np.ones((1, 1), np.float32))
    assert str(error.value).startswith(f"there is NaN or infinity in {begins}: the weights are damaged, or ")
