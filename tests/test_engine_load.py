"""`load`: which engine a name or path gets, and what is said when there is none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from onnx_helpers import redrawn
from splitmask.engine import load
from splitmask.engine.ort import OrtEngine
from splitmask.engine.torch import TorchEngine, choose_device
from splitmask.errors import ModelError
from splitmask.onnx.package import package
from splitmask.presets import TEST_CONV


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("model")
    package(redrawn(TEST_CONV), made)
    return made


def test_graphs_run_on_onnx_runtime_and_checkpoints_on_torch(folder: Path) -> None:
    graphs, checkpoint = load(folder), load(folder / "test-conv.safetensors", device="cpu")
    assert isinstance(graphs, OrtEngine)
    assert isinstance(checkpoint, TorchEngine)
    assert isinstance(load(str(folder), engine="torch", device="cpu"), TorchEngine)
    assert graphs.weights_sha256 == checkpoint.weights_sha256


def test_both_engines_hold_the_same_numbers(folder: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 40, 3), np.uint8)
    ours, theirs = (load(folder, engine=name, device="cpu").encode(image) for name in ("ort", "torch"))
    np.testing.assert_allclose(ours.image_embed, theirs.image_embed, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("model", "engine", "said"),
    [
        ("sam9", "auto", "unknown model 'sam9': choose one of nano"),
        ("nano", "abacus", "unknown engine 'abacus'"),
        ("no/such/folder", "auto", "there is no model no/such/folder"),
        ("missing.pt", "auto", "missing.pt"),
        ("sam2.1-tiny", "ort", "export-onnx sam2.1-tiny"),
        ("sam2.1-tiny", "auto", "sam2.1-tiny"),
    ],
)
def test_what_cannot_be_loaded_is_said_in_a_line(model: str, engine: str, said: str) -> None:
    with pytest.raises(ModelError) as error:
        load(model, engine=engine)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_precision_and_device_are_chosen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = load(folder, "torch", device="cpu", dtype="bf16")
    assert isinstance(engine, TorchEngine)
    assert (engine.dtype, engine.device) == (torch.bfloat16, torch.device("cpu"))
    assert next(engine.model.image_encoder.parameters()).dtype == torch.bfloat16
    compiled: list[object] = []
    monkeypatch.setattr(torch, "compile", compiled.append)
    load(folder, "torch", device="cpu", compile=True)
    assert len(compiled) == 1


def test_the_device_that_is_there_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for cuda, mps, kind in ((True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda here=cuda: here)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda here=mps: here)
        assert choose_device().type == kind
    assert choose_device("cpu:0").type == "cpu"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"engine": "torch", "dtype": "fp8"}, "unknown dtype 'fp8': choose one of fp32, bf16, fp16"),
        ({"engine": "torch", "device": "abacus"}, "no device 'abacus' here: choose one of auto, cpu"),
        ({"engine": "torch", "device": "cuda"}, "no device 'cuda' here: choose one of auto, cpu"),
        ({"engine": "torch", "device": "cpu:x"}, "no device 'cpu:x' here"),
        ({"engine": "ort", "dtype": "bf16"}, "of the torch engine"),
        ({"compile": True}, "of the torch engine"),
    ],
)
def test_options_that_cannot_be_had(
    folder: Path, options: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for backend in (torch.cuda, torch.backends.mps):
        monkeypatch.setattr(backend, "is_available", lambda: False)
    with pytest.raises(ModelError, match=said):
        load(folder, **options)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"{tmp_path} should hold graphs\.json or one"):
        load(tmp_path)


@pytest.mark.parametrize("engine", ["auto", "ort", "torch"])
@pytest.mark.parametrize("file", ["mask_decoder.onnx", "graphs.json"])
def test_one_file_of_a_folder_of_graphs_is_not_the_model(folder: Path, engine: str, file: str) -> None:
    with pytest.raises(ModelError, match=rf"{file} is one file.*give the folder that holds graphs\.json"):
        load(folder / file, engine)


def test_providers_are_of_graphs_only(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"test-conv\.safetensors runs on PyTorch: leave provider out"):
        load(folder / "test-conv.safetensors", provider="cpu")
    load(folder / "test-conv.safetensors", device="cpu", provider="auto")


def test_a_checkpoint_has_no_graphs(folder: Path) -> None:
    with pytest.raises(ModelError, match="export-onnx"):
        load(folder / "test-conv.safetensors", engine="ort")


WITHOUT_TORCH = """
import sys
for name in ("torch", "onnx", "safetensors"):
    sys.modules[name] = None
import numpy as np
from splitmask.engine import load
from splitmask.errors import ModelError
engine = load(sys.argv[1], threads=1)
features = engine.encode(np.zeros((30, 40, 3), np.uint8))
decoded = engine.decode(features, np.zeros((1, 1, 2), np.float32), np.ones((1, 1), np.float32))
engine.remember(features, decoded.masks[:, :1], np.ones(1, np.float32), decoded.presence)
try:
    load(sys.argv[1], engine="torch")
except ModelError as error:
    print(error)
"""


def test_graphs_need_no_torch(folder: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(folder, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(copied)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 'pip install "splitmask[torch]"' in done.stdout
