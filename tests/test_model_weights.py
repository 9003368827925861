"""Model files: what is written is read back, and what does not fit is said in one line."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

from splitmask.errors import ModelError, OutputError
from splitmask.model import Sam2
from splitmask.model.weights import load_model, locate, save_model, sha256_of
from splitmask.presets import PRESETS, TEST_CONV, TEST_HIERA


@pytest.fixture(scope="module")
def model() -> Sam2:
    torch.manual_seed(0)
    return Sam2(TEST_HIERA)


def same(a: Sam2, b: Sam2, tolerance: float = 0.0) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.allclose(x, y, rtol=0, atol=tolerance) for x, y in pairs)


def one_line(error: pytest.ExceptionInfo[ModelError], *words: str) -> None:
    text = str(error.value)
    assert "\n" not in text
    for word in words:
        assert word in text


def test_what_is_saved_is_loaded(model: Sam2, tmp_path: Path) -> None:
    digest = save_model(model, tmp_path / "m.safetensors")
    loaded = load_model(tmp_path / "m.safetensors")
    assert same(model, loaded)
    assert loaded.preset is TEST_HIERA
    assert not loaded.training
    assert digest == sha256_of(tmp_path / "m.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


def test_half_precision_loads_as_float32(tmp_path: Path) -> None:
    model = Sam2(TEST_CONV)  # its batch norms count in integers, which stay integers
    save_model(model, tmp_path / "m.safetensors", torch.float16)
    loaded = load_model(tmp_path / "m.safetensors")
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    assert same(model, loaded, tolerance=1e-2)
    parameters = sum(p.numel() for p in model.parameters())
    assert (tmp_path / "m.safetensors").stat().st_size < 2.5 * parameters + 3e4


@pytest.mark.parametrize("zipped", [True, False])
def test_an_official_checkpoint_loads(model: Sam2, tmp_path: Path, zipped: bool) -> None:
    torch.save({"model": model.state_dict()}, tmp_path / "any.pt", _use_new_zipfile_serialization=zipped)
    assert same(model, load_model(tmp_path / "any.pt", "test-hiera"))
    found = load_model(tmp_path / "any.pt")  # by its shapes alone
    assert found.preset is TEST_HIERA


@pytest.mark.parametrize("name", ["sam2.1_hiera_tiny.pt", "sam2_hiera_base_plus.pt"])
def test_a_checkpoint_is_known_by_its_official_name(model: Sam2, tmp_path: Path, name: str) -> None:
    torch.save({"model": model.state_dict()}, tmp_path / name)
    expected = next(preset.name for preset in PRESETS.values() if preset.checkpoint == name)
    with pytest.raises(ModelError) as error:
        load_model(tmp_path / name)
    one_line(error, f"does not fit {expected}", "missing", "it looks like test-hiera")


def test_a_hub_folder_loads(model: Sam2, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="found none"):
        load_model(tmp_path)
    save_model(model, tmp_path / "model.safetensors")
    assert same(model, load_model(tmp_path))
    # the hub's repositories hold the official file beside another library's layout
    (tmp_path / "sam2.1_hiera_tiny.pt").write_bytes(b"")
    assert locate(tmp_path).name == "sam2.1_hiera_tiny.pt"


def test_two_candidates_are_not_guessed_between(model: Sam2, tmp_path: Path) -> None:
    for name in ("a.safetensors", "b.safetensors"):
        save_model(model, tmp_path / name)
    with pytest.raises(ModelError, match=r"a\.safetensors, b\.safetensors"):
        load_model(tmp_path)


def test_a_state_that_does_not_fit_names_its_keys(model: Sam2, tmp_path: Path) -> None:
    state = OrderedDict(model.state_dict())
    state.pop("no_obj_ptr")
    state["surplus.weight"] = torch.zeros(1)
    state["no_mem_embed"] = torch.zeros(1, 1, 8)
    torch.save({"model": state}, tmp_path / "odd.pt")
    with pytest.raises(ModelError) as error:
        load_model(tmp_path / "odd.pt", "test-hiera")
    one_line(error, "1 missing (no_obj_ptr)", "1 unknown (surplus.weight)")
    one_line(error, "1 of another shape (no_mem_embed (1, 1, 8) for (1, 1, 64))")
    assert "looks like" not in str(error.value)


def test_numbers_that_are_not_finite_are_refused(model: Sam2, tmp_path: Path) -> None:
    state = {key: value.clone() for key, value in model.state_dict().items()}
    state["no_obj_ptr"][0, 3] = float("nan")
    torch.save({"model": state}, tmp_path / "nan.pt")
    with pytest.raises(ModelError) as error:
        load_model(tmp_path / "nan.pt", "test-hiera")
    one_line(error, "not finite", "no_obj_ptr")


class Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("pwned",)


@pytest.mark.parametrize("save", ["torch", "pickle"])
def test_code_is_never_run(tmp_path: Path, save: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if save == "torch":
        torch.save({"model": Payload()}, tmp_path / "evil.pt")
    else:
        (tmp_path / "evil.pt").write_bytes(pickle.dumps(Payload()))
    with pytest.raises(ModelError) as error:
        load_model(tmp_path / "evil.pt")
    one_line(error, "evil.pt", "only plain tensors")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("keep", [0, 3, 100, 0.5, 0.999])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_truncated_file_is_said_to_be(model: Sam2, tmp_path: Path, suffix: str, keep: float) -> None:
    path = tmp_path / f"m{suffix}"
    if suffix == ".pt":
        torch.save({"model": model.state_dict()}, path)
    else:
        save_model(model, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep if keep > 1 else keep * len(data))])
    with pytest.raises(ModelError) as error:
        load_model(path)
    one_line(error, path.name)


@pytest.mark.parametrize("content", [[1, 2], {"model": {"a": 1}}, {"epoch": 3}])
def test_a_file_without_a_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(ModelError, match="no state dict"):
        load_model(tmp_path / "x.pt")


def test_names_that_lead_nowhere(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no model file"):
        load_model(tmp_path / "absent.pt")
    with pytest.raises(ModelError, match=r"splitmask models pull sam2\.1-large"):
        load_model("sam2.1-large")
    with pytest.raises(ModelError, match="cannot read"):
        sha256_of(tmp_path / "absent.pt")


def test_a_file_that_cannot_be_written_leaves_nothing(model: Sam2, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError):
        save_model(model, tmp_path / "file" / "m.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_every_official_checkpoint_has_a_preset_of_the_official_size() -> None:
    sizes = {"tiny": 38.96, "small": 46.06, "base+": 80.85, "large": 224.45}
    for size, millions in sizes.items():
        with torch.device("meta"):
            model = Sam2(PRESETS[f"sam2.1-{size}"])
        assert round(sum(p.numel() for p in model.parameters()) / 1e6, 2) == millions
