"""The four verbs (encode, recall, decode, remember) on PyTorch and on ONNX Runtime."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from splitmask.engine.base import Engine, PolicyConstants
from splitmask.engine.graphs import FILE
from splitmask.errors import ModelError
from splitmask.hub.names import official, resolve

__all__ = ["Engine", "PolicyConstants", "load"]

ENGINES = ("auto", "ort", "torch")


def load(
    model: str | Path = "nano",
    engine: str = "auto",
    threads: int | None = None,
    device: str = "auto",
    provider: str | None = None,
    pull: bool = False,
    dtype: str = "fp32",
    compile: bool = False,  # noqa: A002 - what PyTorch calls it
) -> Engine:
    """A model, ready to run.

    model: `nano`, which comes with the package; the name of a model that was pulled or imported (see
    `splitmask models`); a folder with graphs.json; or the path of a `.pt` or `.safetensors`.
    engine: `ort` runs graphs, `torch` checkpoints; `auto` takes graphs where there are some.
    threads: of the CPU, all by default. device: `auto`, `cpu`, `cuda`, for torch also `mps`.
    provider: of ONNX Runtime: `cpu`, `cuda`, `tensorrt`, `coreml`, `openvino`, `directml`, several in the
    order in which to try them (`cuda,cpu`), or `auto`, the fastest that is installed and works; by default
    what the environment variable SPLITMASK_PROVIDER says. Why one is passed over is logged as a warning.
    pull: fetch the model if it is not on this machine; nothing is fetched unasked.
    dtype, compile: of torch: `fp32`, `bf16` or `fp16`, where most of the time goes; whether the image
    encoder is compiled, which takes a minute at the first frame.
    Raises ModelError for an unknown or damaged model, or an engine or provider that is not installed or
    computes wrongly.
    """
    if engine not in ENGINES:
        raise ModelError(f"unknown engine {engine!r}: choose one of {', '.join(ENGINES)}")
    if pull:
        resolve(model, pull=True)
    folder = graphs_of(model)
    if engine == "torch" or (engine == "auto" and folder is None):
        if provider not in (None, "auto"):
            raise ModelError(f"providers are of ONNX graphs, and {model} runs on PyTorch: leave provider out")
        return _load_torch(model, threads, device, dtype, compile)
    if folder is None:
        raise ModelError(f"{model} has no ONNX graphs: run `splitmask export-onnx {model} -o DIR` first")
    if dtype != "fp32" or compile:
        raise ModelError("dtype and compile are of the torch engine: choose it, or leave them out")
    from splitmask.engine.ort import OrtEngine

    return OrtEngine(folder, threads, provider or (None if device == "auto" else device))


def graphs_of(model: str | Path) -> Path | None:
    """The folder with a model's graphs, None if it has none. Raises ModelError for an unknown model."""
    if official(str(model)):
        return None
    path = resolve(model)
    return path if (path / FILE).is_file() else None


def _load_torch(model: str | Path, threads: int | None, device: str, dtype: str, compiled: bool) -> Engine:
    if find_spec("torch") is None:
        raise ModelError(f'{model} needs torch: pip install "splitmask[torch]"')
    import torch

    from splitmask.engine.torch import TorchEngine, choose_device, choose_dtype
    from splitmask.model.weights import load_model, locate, sha256_of

    where, precision = choose_device(device), choose_dtype(dtype)
    if threads:
        torch.set_num_threads(threads)
    return TorchEngine(load_model(model), where, precision, sha256_of(locate(model)), compiled)
