"""Importing files: what is a model is kept under a name, what is none is said, and nothing is half there."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cli_helpers import files, small_model
from splitmask import hub
from splitmask.engine import load
from splitmask.errors import ModelError
from splitmask.hub.settings import home_folder
from splitmask.jobs.importing import import_model
from splitmask.model.weights import load_model
from splitmask.presets import PRESETS


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("SPLITMASK_HOME", str(tmp_path / "home"))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return Path(shutil.copy(Path(small_model()) / "test-conv.safetensors", tmp_path / "tuned.safetensors"))


def refused(source: Path, name: str = "") -> str:
    with pytest.raises(ModelError) as error:
        import_model(source, name)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_checkpoint_is_known_by_its_name(checkpoint: Path) -> None:
    made = import_model(checkpoint)
    assert (made.name, made.kind, made.form, made.preset) == ("tuned", "imported", "checkpoint", "test-conv")
    assert made.sha256 == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    checkpoint.unlink()
    assert load_model("tuned").preset.name == "test-conv"
    assert load("tuned", engine="torch", device="cpu").preset.name == "test-conv"
    assert [each.name for each in hub.entries()][-1] == "tuned"
    assert [checked.right for checked in hub.verify("tuned")] == [True]
    assert hub.remove("tuned") == made.bytes
    assert hub.entries()[-1].name != "tuned"
    assert files(home_folder()) == ["models/.lock"]


def test_a_folder_with_a_checkpoint(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    checkpoint.rename(tmp_path / "run" / "best.safetensors")
    assert import_model(tmp_path / "run").name == "best"


def test_a_folder_of_graphs_runs_under_its_name(tmp_path: Path) -> None:
    made = import_model(small_model(), "mine-int8")
    assert (made.form, made.preset) == ("graphs", "test-conv")
    assert made.bytes == sum(path.stat().st_size for path in Path(small_model()).iterdir())
    assert load("mine-int8").weights_sha256 == load(small_model()).weights_sha256
    assert load("mine-int8", engine="torch", device="cpu").preset.name == "test-conv"
    assert import_model(Path(small_model()) / "graphs.json", "mine-int8") == made
    assert hub.locate("mine-int8") == home_folder() / "models" / "mine-int8"


def test_the_same_again_is_no_collision_and_another_is(checkpoint: Path, tmp_path: Path) -> None:
    first = import_model(checkpoint, "mine")
    assert import_model(checkpoint, "mine") == first
    said = refused(Path(small_model()), "mine")
    assert "there is another model mine, imported from tuned.safetensors" in said
    assert "--name" in said
    assert "splitmask models remove mine" in said
    assert load_model("mine").preset.name == "test-conv"


@pytest.mark.parametrize(
    "name", ["sam2.1-tiny", "nano", "SAM2.1-Tiny", "a/b", "../up", ".hidden", "x" * 65, "a b"]
)
def test_names_that_cannot_be(checkpoint: Path, tmp_path: Path, name: str) -> None:
    assert "--name" in refused(checkpoint, name)
    assert files(tmp_path) == ["tuned.safetensors"]


def test_an_official_file_goes_where_a_pull_puts_it(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    monkeypatch.setitem(PRESETS, "sam2.1-tiny", replace(PRESETS["sam2.1-tiny"], sha256=digest, size=0))
    monkeypatch.setitem(sys.modules, "torch", None)  # by its hash alone
    assert "without --name" in refused(checkpoint, "mine")
    made = import_model(checkpoint)
    assert (made.name, made.kind) == ("sam2.1-tiny", "official")
    cached = tmp_path / "hf" / "hub" / "models--facebook--sam2.1-hiera-tiny"
    assert made.path == str(cached / "snapshots" / digest[:40] / "sam2.1_hiera_tiny.pt")
    assert Path(made.path).resolve() == cached / "blobs" / digest
    assert checkpoint.exists()
    assert hub.pull("sam2.1-tiny", offline=True) == Path(made.path)
    assert import_model(checkpoint) == made


def test_what_is_no_model_is_said(checkpoint: Path, tmp_path: Path) -> None:
    assert "there is no file or folder" in refused(tmp_path / "nowhere.pt")
    (tmp_path / "empty").mkdir()
    assert "found none" in refused(tmp_path / "empty")
    (tmp_path / "noise.pt").write_bytes(b"noise" * 100)
    assert "noise.pt" in refused(tmp_path / "noise.pt")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    assert "damaged or truncated" in refused(checkpoint)
    assert not home_folder().exists()


def test_a_checkpoint_of_no_known_model_names_its_keys(tmp_path: Path) -> None:
    torch.save(
        {"model": {"backbone.weight": torch.zeros(3), "head.bias": torch.zeros(1)}}, tmp_path / "other.pt"
    )
    said = refused(tmp_path / "other.pt")
    assert "2 unknown (backbone.weight; head.bias)" in said
    assert "missing" in said


def test_without_torch_only_official_files_can_be_checked(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splitmask.jobs.importing.find_spec", lambda _: None)
    assert 'pip install "splitmask[torch]"' in refused(checkpoint)


def test_graphs_with_a_wrong_hash_or_file(tmp_path: Path) -> None:
    folder = shutil.copytree(small_model(), tmp_path / "model")
    graph = folder / "mask_decoder.onnx"
    graph.write_bytes(graph.read_bytes() + b"!")
    assert f"{graph} is damaged: it has sha256 " in refused(folder)
    graph.unlink()
    assert "mask_decoder.onnx" in refused(folder)
    about = json.loads((folder / "graphs.json").read_text())
    about["graphs"]["mask_decoder"]["file"] = "../../secret"
    (folder / "graphs.json").write_text(json.dumps(about))
    assert "without a folder" in refused(folder)
    assert not home_folder().exists()


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    limit = max(path.stat().st_size for path in Path(small_model()).iterdir()) // 2
    code = (
        "import resource, sys; from splitmask.cli import main; "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY)); "
        f"sys.exit(main(['models', 'import', {small_model()!r}, '--name', 'mine']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "File too large" in done.stderr
    assert done.stderr.count("\n") == 1
    assert [name for name in files(tmp_path / "home") if not name.endswith(".lock")] == []


def test_graphs_that_are_damaged_later_are_listed_and_told_of() -> None:
    made = import_model(small_model(), "mine")
    (Path(made.path or "") / "graphs.json").write_text("{")
    assert hub.entries()[-1].name == "mine"
    assert [checked.right for checked in hub.verify("mine")].count(False) == 1
    with pytest.raises(ModelError, match=r"graphs\.json is damaged"):
        load("mine")
    assert hub.remove("mine") == made.bytes


def test_a_record_that_is_damaged_is_no_model(checkpoint: Path) -> None:
    import_model(checkpoint, "mine")
    record = home_folder() / "models" / "mine" / "model.json"
    for text in ("", "[]", '{"format": "x"}', '{"format": "splitmask.model", "strange": 1}'):
        record.write_text(text)
        assert hub.entries()[-1].name != "mine"
        with pytest.raises(ModelError, match="unknown model 'mine'"):
            hub.resolve("mine")
    assert import_model(checkpoint, "mine").name == "mine"
