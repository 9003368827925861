"""Exports: the same weights give the same bytes, and the command says what it cannot do."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from cli_helpers import photo
from onnx_helpers import redrawn
from splitmask.cli import export_onnx
from splitmask.engine.graphs import read_graphs
from splitmask.errors import ModelError
from splitmask.model import Sam2
from splitmask.model.weights import load_model, save_model, sha256_of
from splitmask.onnx.export import export
from splitmask.onnx.form import Form
from splitmask.onnx.package import package
from splitmask.presets import TEST_CONV, TEST_HIERA


@pytest.fixture(scope="module")
def model() -> Sam2:
    return redrawn(TEST_CONV)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_weights_give_the_same_bytes(model: Sam2, tmp_path: Path) -> None:
    package(model, tmp_path / "a")
    package(load_model(tmp_path / "a" / "test-conv.safetensors"), tmp_path / "b")
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_other_weights_give_another_digest(model: Sam2, tmp_path: Path) -> None:
    digests = {export(m, tmp_path).weights_sha256 for m in (model, redrawn(TEST_CONV, seed=1))}
    assert len(digests) == 2


def test_the_package_holds_one_set_of_numbers(model: Sam2, tmp_path: Path) -> None:
    made = package(model, tmp_path)
    weights = tmp_path / "test-conv.safetensors"
    assert made.weights_sha256 == sha256_of(weights)
    loaded = load_model(weights)
    for name, value in loaded.state_dict().items():
        original = model.state_dict()[name]
        rounded = original.half().float() if original.numel() >= 1024 else original
        assert torch.equal(value, rounded), name


def test_graphs_json_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    model = redrawn(TEST_HIERA)
    made = export(model, tmp_path, weights_sha256="abc")
    read = read_graphs(tmp_path)
    assert read.graphs == made.graphs
    assert (read.preset, read.weights_sha256, read.opset) == (TEST_HIERA, "abc", 18)
    assert (read.precision, read.storage) == ("fp16-storage", "fp16")
    np.testing.assert_array_equal(read.no_mem_embed, model.no_mem_embed.reshape(-1))
    np.testing.assert_array_equal(read.constants.no_obj_ptr, model.no_obj_ptr[0])
    np.testing.assert_array_equal(read.constants.mask_downsample_weight, model.mask_downsample.weight[0, 0])
    assert np.float32(read.constants.mask_downsample_bias) == float(model.mask_downsample.bias[0])
    for graph in read.graphs.values():
        data = (tmp_path / graph.file).read_bytes()
        assert (graph.size, graph.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_numbers_beyond_float16_are_named(tmp_path: Path) -> None:
    model = redrawn(TEST_CONV)
    model.sam_mask_decoder.iou_token.weight[0, 0] = 1e6
    for write in (export, package):
        with pytest.raises(ModelError, match=r"iou_token.*--precision fp32"):
            write(model, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    export(model, tmp_path / "full", Form("fp32"))


def run(*arguments: str) -> tuple[int, str, BaseException | None]:
    import typer

    app = typer.Typer()
    export_onnx.register(app)
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output, result.exception


def test_the_command_writes_a_folder_that_names_the_checkpoint(model: Sam2, tmp_path: Path) -> None:
    digest = save_model(model, tmp_path / "m.safetensors")
    code, output, _ = run(str(tmp_path / "m.safetensors"), "-o", str(tmp_path / "out"))
    assert code == 0
    assert "test-conv" in output
    assert read_graphs(tmp_path / "out").weights_sha256 == digest
    assert not (tmp_path / "out" / "test-conv.safetensors").exists()
    described = json.loads((tmp_path / "out" / "graphs.json").read_text())
    assert described["preprocess"]["resize"] == "bilinear-aa"
    assert described["memorySlots"][0] == "prompted"
    assert len(described["memorySlots"]) == 7


def test_the_command_keeps_what_is_there(model: Sam2, tmp_path: Path) -> None:
    save_model(model, tmp_path / "m.safetensors")
    arguments = (str(tmp_path / "m.safetensors"), "-o", str(tmp_path / "out"), "--with-torch")
    assert run(*arguments)[0] == 0
    assert (tmp_path / "out" / "test-conv.safetensors").exists()
    before = content(tmp_path / "out")
    code, _, error = run(*arguments)
    assert code != 0
    assert "--overwrite" in str(error)
    assert run(*arguments, "--overwrite")[0] == 0
    assert content(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("missing.pt",), "missing.pt"),
        (("nano", "--decoder", "none.onnx"), "cannot read none.onnx"),
        (("nano", "--precision", "fp8"), "choose fp32, fp16, int8 or fp16-storage"),
    ],
)
def test_the_command_says_what_is_wrong(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    _, _, error = run(*arguments, "-o", str(tmp_path / "out"))
    assert isinstance(error, ModelError)
    assert said in str(error)
    assert not (tmp_path / "out").exists()


def test_the_command_writes_the_form_that_is_asked_for(model: Sam2, tmp_path: Path) -> None:
    save_model(model, tmp_path / "m.safetensors")
    source, out = str(tmp_path / "m.safetensors"), tmp_path / "out"
    asked = ("--precision", "int8", "--mask-size", "32", "--points", "3", "--decode-prepare", "--ort")
    code, output, error = run(source, "-o", str(out), *asked)
    assert code == 0, error
    assert "test-conv int8 to float32: logits off by" in output
    made = read_graphs(out)
    assert (made.precision, made.storage, made.mask_size, made.points) == ("int8", "fp16", 32, 3)
    assert {"decode_prepare", "decode_prepared"} < set(made.graphs)
    assert all((out / file.file).exists() for graph in made.graphs.values() for file in graph.files)
    assert (out / "image_encoder.ort").exists()
    assert run(source, "-o", str(out), "--masks", "3", "--overwrite")[0] == 0
    assert (read_graphs(out).masks, read_graphs(out).tracks) == (3, False)


def test_int8_learns_from_the_pictures_that_are_given(model: Sam2, tmp_path: Path) -> None:
    save_model(model, tmp_path / "m.safetensors")
    photo(tmp_path / "p.png", 80, 60)
    source = str(tmp_path / "m.safetensors")
    for name, more in (("demo", ()), ("own", ("--calibrate", str(tmp_path / "p.png")))):
        assert run(source, "-o", str(tmp_path / name), "--precision", "int8", *more)[0] == 0
    demo, own = (read_graphs(tmp_path / name).graphs["image_encoder"] for name in ("demo", "own"))
    assert demo.sha256 != own.sha256


def test_a_size_or_decoder_that_does_not_fit_is_named(model: Sam2, tmp_path: Path) -> None:
    save_model(model, tmp_path / "m.safetensors")
    arguments = (str(tmp_path / "m.safetensors"), "-o", str(tmp_path / "out"))
    for option, value, said in (("--mask-size", "99", "16 or 32"), ("--decoder", "none.onnx", "none.onnx")):
        _, _, error = run(*arguments, option, value)
        assert isinstance(error, ModelError)
        assert said in str(error)
