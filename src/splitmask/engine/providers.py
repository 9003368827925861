"""What ONNX Runtime computes on: which providers there are here, which is taken, and why not another.

A provider (CUDA, CoreML, …) comes with a build of onnxruntime and may still fail to start, for want of a
driver say, or compute wrongly. Each candidate is tried in turn; the CPU is the last.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar, cast

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as failures

from splitmask.engine.libraries import lacking, preload_cuda
from splitmask.engine.reasons import plain
from splitmask.errors import ModelError
from splitmask.types import FloatArray, Tensor

LOG = logging.getLogger("splitmask.engine")
VARIABLE = "SPLITMASK_PROVIDER"

# what a graph that does not load raises; the runtime's errors have no common base
LOAD_ERRORS = (
    failures.Fail,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.InvalidProtobuf,
    failures.NoSuchFile,
    failures.NotImplemented,
    failures.RuntimeException,
)
# no memory, a lost device; of copies to the device RuntimeError
_RUN_ERRORS = (
    failures.Fail,
    failures.RuntimeException,
    failures.EPFail,
    failures.NotImplemented,
    RuntimeError,
)
_QUIET, _WARNINGS = 4, 2  # of the runtime's log

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Provider:
    """One row of the table. A provider that does not take a node leaves it to those in `then`."""

    name: str  # what a user types
    execution: str  # what onnxruntime calls it
    label: str  # for people
    package: str  # which brings it
    options: Mapping[str, str] = field(default_factory=dict)
    then: tuple[str, ...] = ("CPUExecutionProvider",)
    binds: str | None = None  # the memory in which tensors stay between graphs; None: the CPU's
    is_serial: bool = False  # a session takes one call at a time


def _cache() -> str:
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return str(Path(folder) / "splitmask" / "tensorrt")


_BF16 = '{"CPU": {"INFERENCE_PRECISION_HINT": "bf16"}}'


def _openvino(name: str, label: str, device: str, **options: str) -> Provider:
    return Provider(
        name,
        "OpenVINOExecutionProvider",
        label,
        "onnxruntime-openvino",
        {"device_type": device, **options},
    )


_TABLE = (
    # cuDNN plans anew when the number of objects changes; an exhaustive search would take four times as long
    Provider(
        "cuda",
        "CUDAExecutionProvider",
        "CUDA",
        "onnxruntime-gpu",
        {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"},
        binds="cuda",
    ),
    Provider(
        "tensorrt",
        "TensorrtExecutionProvider",
        "TensorRT",
        "onnxruntime-gpu",
        {"trt_engine_cache_enable": "True", "trt_engine_cache_path": _cache()},
        ("CUDAExecutionProvider", "CPUExecutionProvider"),
        binds="cuda",
    ),
    Provider(
        "directml", "DmlExecutionProvider", "DirectML", "onnxruntime-directml", binds="dml", is_serial=True
    ),
    Provider(
        "coreml",
        "CoreMLExecutionProvider",
        "CoreML",
        "onnxruntime on a Mac",
        {"ModelFormat": "MLProgram", "MLComputeUnits": "ALL"},
    ),
    _openvino("openvino", "OpenVINO", "CPU", precision="ACCURACY"),
    _openvino("openvino-gpu", "OpenVINO GPU", "GPU", precision="ACCURACY"),
    # several times as fast where the processor multiplies bfloat16 (AMX), and off by a hundredth
    _openvino("openvino-bf16", "OpenVINO bf16", "CPU", load_config=_BF16),
    Provider("cpu", "CPUExecutionProvider", "CPU", "onnxruntime", then=()),
)
PROVIDERS = {row.name: row for row in _TABLE}
CPU = PROVIDERS["cpu"]

# Tried in this order where nobody says which. TensorRT has to be asked for: it compiles for minutes.
ORDER = {
    "linux": ("cuda", "openvino", "cpu"),
    "win32": ("cuda", "directml", "openvino", "cpu"),
    "darwin": ("coreml", "cpu"),
}


class ProviderError(Exception):
    """Why a provider cannot be used here; another may do."""


def installed() -> list[Provider]:
    """Those that this onnxruntime was built with; whether they start is another matter."""
    there = ort.get_available_providers()
    return [row for row in PROVIDERS.values() if row.execution in there]


def candidates(wanted: str | None = None) -> list[Provider]:
    """Providers in the order in which to try them.

    wanted: a name, several with commas between them, or `auto`; None: what the environment variable
    SPLITMASK_PROVIDER says, else `auto`. Of several, those that are not installed are passed over when their
    turn comes. Raises ModelError for a name that is unknown, and where none of them is installed.
    """
    wanted = wanted or os.environ.get(VARIABLE) or "auto"
    here = {row.name: row for row in installed()}
    if wanted == "auto":
        return [here[name] for name in ORDER.get(sys.platform, ("cpu",)) if name in here]
    names = list(dict.fromkeys(part.strip() for part in wanted.split(",")))
    for name in names:
        if name not in PROVIDERS:
            raise ModelError(
                f"unknown provider {name!r}: choose auto or of {', '.join(here)}; there are also "
                f"{', '.join(other for other in PROVIDERS if other not in here)}"
            )
    if not any(name in here for name in names):
        raise ModelError(
            f"onnxruntime has no provider {names[0]!r} here: choose of {', '.join(here)}, "
            f"or install {PROVIDERS[names[0]].package}"
        )
    return [PROVIDERS[name] for name in names]


def first_working(rows: Sequence[Provider], attempt: Callable[[Provider], T]) -> T:
    """What the attempt gives for the first provider that it succeeds with. Why others failed goes to the
    log, as a warning; raises ModelError where all did."""
    for at, row in enumerate(rows):
        try:
            return attempt(row)
        except ProviderError as error:
            if row is rows[-1]:
                raise ModelError(f"{row.label} cannot be used: {error}") from error
            LOG.warning("%s is not used: %s; trying %s", row.label, error, rows[at + 1].label)
    raise ModelError("no provider of onnxruntime is installed: reinstall onnxruntime")


def session_options(provider: Provider, threads: int, folder: Path) -> ort.SessionOptions:
    """folder: where weights lie that are not in the graph's own file."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _QUIET  # what fails is said in one line of ours
    if provider.name == "directml":  # which asks for both
        options.enable_mem_pattern = False
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    # workers of one graph must not spin while the next one runs
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    return options


class Graph:
    """A graph on a provider. `run` may be called from any number of threads."""

    def __init__(self, data: bytes, provider: Provider, threads: int, folder: Path) -> None:
        """data: of the file in the folder. Raises ProviderError, and what ONNX Runtime raises for a graph
        that it cannot load at all (LOAD_ERRORS)."""
        self.provider = provider
        self.session = _opened(data, provider, session_options(provider, threads, folder))
        self._turn: AbstractContextManager[Any] = Lock() if provider.is_serial else nullcontext()

    def run(self, feed: Mapping[str, Tensor], outputs: Sequence[str], keep: bool = False) -> list[Tensor]:
        """Arrays, or tensors of an earlier run that were kept → float32 arrays, or with `keep` tensors
        that stay where the provider computes. Raises ProviderError: no memory, a lost device."""
        try:
            with self._turn:
                if self.provider.binds is None:
                    return list(self.session.run(list(outputs), dict(feed)))
                return self._bound(self.provider.binds, feed, outputs, keep)
        except _RUN_ERRORS as error:
            raise ProviderError(plain(str(error))) from error

    def _bound(
        self, memory: str, feed: Mapping[str, Tensor], outputs: Sequence[str], keep: bool
    ) -> list[Tensor]:
        binding = self.session.io_binding()
        for name, value in feed.items():
            bind = binding.bind_ortvalue_input if is_kept(value) else binding.bind_cpu_input
            bind(name, value)
        for name in outputs:
            binding.bind_output(name, memory if keep else "cpu")
        self.session.run_with_iobinding(binding)
        found = binding.get_outputs()
        return list(found) if keep else [each.numpy() for each in found]


def is_kept(value: Tensor) -> bool:
    """Whether a tensor lies where a provider computes, rather than in an array."""
    return isinstance(value, ort.OrtValue)


def to_array(value: Tensor) -> FloatArray:
    return cast(FloatArray, value.numpy() if is_kept(value) else value)


def to_kept(value: Tensor, provider: Provider) -> Tensor:
    """An array to where the provider computes, once for all runs that take it."""
    if provider.binds is None or is_kept(value):
        return value
    return ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(value, np.float32), provider.binds)


def length(value: Tensor) -> int:
    """Of the first axis."""
    return int(value.shape()[0] if is_kept(value) else len(value))


def _opened(data: bytes, provider: Provider, options: ort.SessionOptions) -> ort.InferenceSession:
    rows = [(name, _options(name)) for name in provider.then]
    rows.insert(0, (provider.execution, dict(provider.options)))
    if provider is CPU:
        return ort.InferenceSession(data, options, providers=rows, enable_fallback=0)
    if provider.execution not in ort.get_available_providers():
        raise ProviderError(f"this onnxruntime was built without it; install {provider.package}")
    if provider.name == "tensorrt":
        Path(_cache()).mkdir(parents=True, exist_ok=True)
    if provider.binds == "cuda":
        preload_cuda()
    ort.set_default_logger_severity(_QUIET)  # one line of ours instead of its many
    after = _WARNINGS
    try:
        session = ort.InferenceSession(data, options, providers=rows, enable_fallback=0)
    except (*LOAD_ERRORS, RuntimeError, ValueError) as error:
        raise ProviderError(lacking(provider.execution) or plain(str(error))) from error
    else:
        if provider.binds == "cuda":  # plans of cuDNN that do not fit are errors to it, at every new shape
            after = _QUIET
    finally:
        ort.set_default_logger_severity(after)
    if provider.execution not in session.get_providers():
        raise ProviderError(lacking(provider.execution) or "it does not start; is its driver installed?")
    return session


def _options(execution: str) -> dict[str, str]:
    """Of a provider that takes what another leaves."""
    return next((dict(row.options) for row in _TABLE if row.execution == execution), {})
