"""The four verbs on ONNX Runtime. Needs neither torch nor onnx."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import cast

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as failures

from splitmask.engine.base import PolicyConstants
from splitmask.engine.graphs import TENSORS, GraphInfo, read_graphs
from splitmask.engine.padding import objects_at_once, padded
from splitmask.engine.preprocess import normalised, stretch
from splitmask.errors import ModelError
from splitmask.presets import Preset
from splitmask.types import ByteArray, Decoded, Features, FloatArray, Memory, Recollection

# by the name that a user gives; `auto` takes the first that is installed
DEVICES = {"cuda": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}

# what a graph that does not load raises; the runtime's errors have no common base
LOAD_ERRORS = (
    failures.Fail,
    failures.InvalidArgument,
    failures.InvalidGraph,
    failures.InvalidProtobuf,
    failures.NotImplemented,
    failures.RuntimeException,
)


def choose_providers(device: str = "auto") -> list[str]:
    """Execution providers for a device, the CPU as the last resort. Raises ModelError."""
    available = ort.get_available_providers()
    if device == "auto":
        device = next(name for name, provider in DEVICES.items() if provider in available)
    if DEVICES.get(device) not in available:
        have = ", ".join(name for name, provider in DEVICES.items() if provider in available)
        raise ModelError(f"onnxruntime has no device {device!r} here: choose one of {have}")
    return list(dict.fromkeys((DEVICES[device], DEVICES["cpu"])))


def usable_cores() -> int:
    """Cores that this process may run on."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return len(cores)


class OrtEngine:
    """The graphs of one folder. Each is checked and loaded when it is first needed.

    threads: of the CPU; all by default. device: `auto`, `cpu` or `cuda`. Any number of threads may
    call it. Raises ModelError, also later, from the verb whose graph is damaged.
    """

    def __init__(self, folder: str | Path, threads: int | None = None, device: str = "auto") -> None:
        self.folder = Path(folder)
        self._graphs = read_graphs(self.folder)
        self._providers = choose_providers(device)
        self._threads = threads or usable_cores()
        self._sessions: dict[str, ort.InferenceSession] = {}
        self._locks = {name: Lock() for name in self._graphs.graphs}

    @property
    def preset(self) -> Preset:
        return self._graphs.preset

    @property
    def constants(self) -> PolicyConstants:
        return self._graphs.constants

    @property
    def weights_sha256(self) -> str:
        return self._graphs.weights_sha256

    @property
    def description(self) -> str:
        device = self._providers[0].removesuffix("ExecutionProvider")
        return f"{self.preset.name} · onnxruntime {ort.__version__} · {device}"

    def encode(self, image: ByteArray) -> Features:
        square = normalised(stretch(image, self.preset.image_size), self.preset)
        high_res_0, high_res_1, embed = self._run("image_encoder", square)
        return Features(embed, high_res_0, high_res_1)

    def recall(self, features: Features, recollections: Sequence[Recollection]) -> Features:
        size = objects_at_once(recollections, self.preset)
        embeds = []
        for start in range(0, len(recollections), size):
            group = slice(start, start + size)
            shared = len(features.image_embed) == 1
            embed = features.image_embed if shared else features.image_embed[group]
            embeds += self._run("memory_attention", embed, *padded(recollections[group], self.preset))
        return Features(np.concatenate(embeds), features.high_res_feats_0, features.high_res_feats_1)

    def decode(
        self, features: Features, points: FloatArray, labels: FloatArray, mask_input: FloatArray | None = None
    ) -> Decoded:
        b, side = len(points), self.preset.mask_size
        has_mask = np.full((b,), mask_input is not None, np.float32)
        mask = np.zeros((b, 1, side, side), np.float32) if mask_input is None else mask_input
        maps = (features.image_embed, features.high_res_feats_0, features.high_res_feats_1)
        masks, ious, presence, pointers = self._run("mask_decoder", *maps, points, labels, mask, has_mask)
        return Decoded(masks, ious, presence[:, 0], pointers)

    def remember(
        self, features: Features, mask_logits: FloatArray, binarize: FloatArray, presence: FloatArray
    ) -> list[Memory]:
        inputs = (features.image_embed, mask_logits, binarize, presence.reshape(-1, 1))
        return [Memory(each) for each in self._run("memory_encoder", *inputs)[0]]

    def unconditioned(self, features: Features) -> Features:
        embed = features.image_embed - self._graphs.no_mem_embed.reshape(1, -1, 1, 1)
        return Features(embed, features.high_res_feats_0, features.high_res_feats_1)

    def to_arrays(self, features: Features) -> Features:
        return features

    def from_arrays(self, features: Features) -> Features:
        return features

    def _run(self, name: str, *inputs: FloatArray) -> list[FloatArray]:
        names, outputs = TENSORS[name]
        arrays = (np.ascontiguousarray(x, np.float32) for x in inputs)
        feed = dict(zip(names, arrays, strict=True))
        return cast(list[FloatArray], self._session(name).run(list(outputs), feed))

    def _session(self, name: str) -> ort.InferenceSession:
        session = self._sessions.get(name)
        if session is None:
            with self._locks[name]:
                session = self._sessions.get(name) or self._loaded(name)
                self._sessions[name] = session
        return session

    def _loaded(self, name: str) -> ort.InferenceSession:
        info = self._graphs.graphs[name]
        path = self.folder / info.file
        data = _verified(path, info)
        try:
            session = ort.InferenceSession(data, self._options(), providers=self._providers)
        except LOAD_ERRORS as error:
            raise ModelError(_why(path, self._graphs.opset, str(error))) from error
        _check_tensors(path, name, session)
        return session

    def _options(self) -> ort.SessionOptions:
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 3
        # workers of one graph must not spin while the next one runs
        options.add_session_config_entry("session.force_spinning_stop", "1")
        return options


def _verified(path: Path, info: GraphInfo) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}; export the model again") from error
    if hashlib.sha256(data).hexdigest() != info.sha256:
        size = f": {len(data)} bytes of {info.size}" if len(data) != info.size else ""
        raise ModelError(f"{path} is not the file that graphs.json names{size}; export or fetch it again")
    return data


def _why(path: Path, opset: int, message: str) -> str:
    if "opset" in message.lower():
        return f"{path} has opset {opset}, newer than onnxruntime {ort.__version__} runs: upgrade it"
    return f"onnxruntime {ort.__version__} cannot load {path}: {message.splitlines()[0]}"


def _check_tensors(path: Path, name: str, session: ort.InferenceSession) -> None:
    sides = ("input", session.get_inputs()), ("output", session.get_outputs())
    for expected, (side, found) in zip(TENSORS[name], sides, strict=True):
        missing = [tensor for tensor in expected if tensor not in {each.name for each in found}]
        if missing:
            raise ModelError(f"{path} lacks the {side} {missing[0]!r}: it is not one of splitmask's graphs")
