"""Shared libraries that a provider needs: found where pip puts them, named where they lack."""

from __future__ import annotations

import ctypes
import io
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

import onnxruntime as ort

_ONE_AT_A_TIME = Lock()
_DRIVER = "libcuda.so"
_BY_PIP = 'pip install "onnxruntime-gpu[cuda,cudnn]" brings NVIDIA\'s'


def preload_cuda() -> None:
    """Loads the libraries of CUDA and cuDNN that pip installs (`nvidia-*`, which PyTorch brings too), where
    the loader does not look by itself; once in a process. What is missing shows when a provider starts."""
    with _ONE_AT_A_TIME:
        _preload_once()


@cache
def _preload_once() -> None:
    preload = getattr(ort, "preload_dlls", None)  # since 1.21
    if preload is None:
        return
    with redirect_stdout(io.StringIO()), suppress(RuntimeError):  # it prints what it does not find
        for folder in nvidia_folders():
            preload(directory=str(folder))
        preload()


def nvidia_folders() -> Iterator[Path]:
    """Where pip's packages of NVIDIA keep their libraries, but for those beside onnxruntime, which looks
    there itself: environments may be stacked."""
    spec = find_spec("nvidia")
    beside = Path(ort.__file__).parents[1] / "nvidia"
    for place in (spec and spec.submodule_search_locations) or ():
        if Path(place) != beside:
            for libraries in ("lib", "bin"):
                yield from sorted(Path(place).glob(f"*/{libraries}"))


def lacking(execution: str) -> str | None:
    """Which library a provider lacks, as the loader says it, and what brings it; None if it lacks none.
    execution: onnxruntime's name of the provider."""
    name = execution.removesuffix("ExecutionProvider").lower()
    library = Path(ort.__file__).parent / "capi" / f"libonnxruntime_providers_{name}.so"
    if not library.is_file():
        return None
    try:
        ctypes.CDLL(str(library.with_name("libonnxruntime_providers_shared.so")), ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(library))
    except OSError as error:
        said = str(error).splitlines()[0]
        return f"{said} ({_remedy(said)})" if name == "cuda" else said
    return None


def _remedy(said: str) -> str:
    return "it comes with NVIDIA's driver" if said.startswith(_DRIVER) else _BY_PIP
