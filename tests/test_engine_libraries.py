"""Where a provider's libraries are looked for, and how one that lacks is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnxruntime
import pytest

from splitmask.engine.libraries import lacking, nvidia_folders, preload_cuda


def test_packages_of_nvidia_are_found_in_every_environment_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(nvidia_folders())
    for name in ("below", "above"):
        for folder in ("nvidia/cu13/lib", "nvidia/cudnn/lib", "nvidia/cudnn/include"):
            (tmp_path / name / folder).mkdir(parents=True)
        monkeypatch.syspath_prepend(tmp_path / name)
    found = [folder for folder in nvidia_folders() if folder not in before]
    places = [tmp_path / name / "nvidia" for name in ("above", "below")]
    assert found == [place / part / "lib" for place in places for part in ("cu13", "cudnn")]


def test_those_beside_onnxruntime_are_left_to_it(tmp_path: Path) -> None:
    """In an environment of its own, where it lies beside them."""
    (tmp_path / "onnxruntime").symlink_to(Path(onnxruntime.__file__).parent)
    (tmp_path / "nvidia" / "cu13" / "lib").mkdir(parents=True)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from splitmask.engine.libraries import nvidia_folders\n"
        "print([str(each) for each in nvidia_folders()])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert str(tmp_path) not in run.stdout


def test_nothing_is_printed_where_there_is_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    preload_cuda()
    preload_cuda()
    assert capfd.readouterr() == ("", "")


def test_a_provider_without_a_library_of_its_own_lacks_none() -> None:
    assert lacking("CPUExecutionProvider") is None


def test_a_library_that_does_not_load_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "capi").mkdir()
    for name in ("shared", "cuda", "tensorrt"):
        (tmp_path / "capi" / f"libonnxruntime_providers_{name}.so").write_bytes(b"no library")
    monkeypatch.setattr(onnxruntime, "__file__", str(tmp_path / "__init__.py"))
    said = lacking("CUDAExecutionProvider")
    assert said is not None
    assert "libonnxruntime_providers_shared.so" in said
    assert 'pip install "onnxruntime-gpu[cuda,cudnn]"' in said
    assert "pip" not in str(lacking("TensorrtExecutionProvider"))
