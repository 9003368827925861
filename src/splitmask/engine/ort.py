"""The four verbs on ONNX Runtime. Needs neither torch nor onnx."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Lock

import numpy as np
import onnxruntime as ort

from splitmask.engine import golden
from splitmask.engine.base import PolicyConstants
from splitmask.engine.decoding import Decoder, as_fixed, check_tracks
from splitmask.engine.finite import is_finite, not_finite
from splitmask.engine.graphs import MOST_MEMORIES, MOST_POINTERS, GraphInfo, read_graphs
from splitmask.engine.padding import objects_at_once, padded
from splitmask.engine.preprocess import normalised, stretch
from splitmask.engine.providers import (
    CPU,
    LOAD_ERRORS,
    Graph,
    Provider,
    ProviderError,
    candidates,
    first_working,
    is_kept,
    length,
    to_array,
    to_kept,
)
from splitmask.engine.reasons import cut_short, why_not_loaded
from splitmask.errors import ModelError
from splitmask.presets import Preset
from splitmask.types import ByteArray, Decoded, Features, FloatArray, Memory, Recollection, Tensor

_MOST_PROMPTED = 4  # as SAM 2's own demo; graphs are exported for so many, browsers hold no more


def usable_cores() -> int:
    """Cores that this process may run on."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return len(cores)


class OrtEngine:
    """The graphs of one folder. On the CPU each is checked and loaded when it is first needed, on other
    providers all of them at once, which also warms up.

    threads: of the CPU; all by default. provider: a name, several with commas between them, or `auto`;
    None: what SPLITMASK_PROVIDER says, else `auto`. self_test: whether a graph has to answer a golden
    input as it should before it is used; by default on all providers but the CPU, and for int8. Any
    number of threads may call it. Raises ModelError, also later, from the verb whose graph is damaged.
    """

    def __init__(
        self,
        folder: str | Path,
        threads: int | None = None,
        provider: str | Provider | None = None,
        self_test: bool | None = None,
    ) -> None:
        self.folder = Path(folder)
        self._graphs = read_graphs(self.folder)
        self._threads = threads or usable_cores()
        self._self_test = self_test
        self._decoder = Decoder(self._graphs, self._run)
        self._least = (MOST_MEMORIES, MOST_POINTERS) if self._graphs.points else (1, 1)
        self._locks = {name: Lock() for name in self._graphs.graphs}
        self._golden: dict[str, golden.Case] | None = None
        rows = [provider] if isinstance(provider, Provider) else candidates(provider)
        self.provider, self._loaded = first_working(rows, self._open)

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
        return f"{self.preset.name} · onnxruntime {ort.__version__} · {self.provider.label}"

    @property
    def max_prompted(self) -> int:
        return _MOST_PROMPTED

    def warm_up(self) -> None:
        """Loads the graphs that are in the folder now instead of when they are first needed."""
        for name in self._present():
            try:
                self._graph(name)
            except ProviderError as error:
                raise self._failed(name, error) from error

    def encode(self, image: ByteArray) -> Features:
        square = normalised(stretch(image, self.preset.image_size), self.preset)
        high_res_0, high_res_1, embed = self._run("image_encoder", square, keep=True)
        return self._decoder.expect(Features(embed, high_res_0, high_res_1))

    def recall(self, features: Features, recollections: Sequence[Recollection]) -> Features:
        check_tracks(self._graphs)
        size = 1 if self._graphs.points else objects_at_once(recollections, self.preset)
        embeds = []
        for start in range(0, len(recollections), size):
            group = slice(start, start + size)
            shared = length(features.image_embed) == 1
            embed = features.image_embed if shared else to_array(features.image_embed)[group]
            past = padded(recollections[group], self.preset, self._least)
            embeds += self._run("memory_attention", embed, *past, keep=len(recollections) <= size)
        together = embeds[0] if len(embeds) == 1 else np.concatenate(embeds)
        return Features(together, features.high_res_feats_0, features.high_res_feats_1)

    def decode(
        self, features: Features, points: FloatArray, labels: FloatArray, mask_input: FloatArray | None = None
    ) -> Decoded:
        decoded = self._decoder(features, points, labels, mask_input)
        if not is_finite(decoded):
            provider = f"the provider ({self.provider.label})"
            why = f"the graphs in {self.folder} are damaged, or {provider} computes wrongly"
            maps = self.to_arrays(features)
            raise not_finite(decoded, maps, f"{why}; export or fetch the model again")
        return decoded

    def remember(
        self, features: Features, mask_logits: FloatArray, binarize: FloatArray, presence: FloatArray
    ) -> list[Memory]:
        check_tracks(self._graphs)
        embed, presence = features.image_embed, presence.reshape(-1, 1)
        if not self._graphs.points:
            made = self._run("memory_encoder", embed, mask_logits, binarize, presence)[0]
            return [Memory(each) for each in made]
        logits = as_fixed(self._graphs, mask_logits)
        each = (slice(i, i + 1) for i in range(len(logits)))
        parts = (self._run("memory_encoder", embed, logits[i], binarize[i], presence[i]) for i in each)
        return [Memory(part[0][0]) for part in parts]

    def unconditioned(self, features: Features) -> Features:
        embed = to_array(features.image_embed) - self._graphs.no_mem_embed.reshape(1, -1, 1, 1)
        return Features(embed, features.high_res_feats_0, features.high_res_feats_1)

    def to_arrays(self, features: Features) -> Features:
        maps = features.image_embed, features.high_res_feats_0, features.high_res_feats_1
        return Features(*map(to_array, maps)) if any(map(is_kept, maps)) else features

    def from_arrays(self, features: Features) -> Features:
        if self.provider.binds is None:
            return self._decoder.expect(features)
        maps = features.image_embed, features.high_res_feats_0, features.high_res_feats_1
        return self._decoder.expect(Features(*(to_kept(each, self.provider) for each in maps)))

    def _run(self, name: str, *inputs: Tensor, keep: bool = False) -> list[Tensor]:
        names, outputs = self._graphs.tensors(name)
        arrays = (x if is_kept(x) else np.ascontiguousarray(x, np.float32) for x in inputs)
        try:
            return self._graph(name).run(dict(zip(names, arrays, strict=True)), outputs, keep)
        except ProviderError as error:
            raise self._failed(name, error) from error

    def _failed(self, name: str, error: ProviderError) -> ModelError:
        return ModelError(f"{self._graphs.graphs[name].file} failed on {self.provider.label}: {error}")

    def _graph(self, name: str) -> Graph:
        graph = self._loaded.get(name)
        if graph is None:
            with self._locks[name]:
                graph = self._loaded.get(name) or self._load(name, self.provider)
                self._loaded[name] = graph
        return graph

    def _open(self, provider: Provider) -> tuple[Provider, dict[str, Graph]]:
        """Raises ProviderError where the provider does not start, or computes wrongly."""
        if provider is CPU:
            return provider, {}
        return provider, {name: self._load(name, provider) for name in self._present()}

    def _present(self) -> list[str]:
        return [name for name, info in self._graphs.graphs.items() if (self.folder / info.file).exists()]

    def _load(self, name: str, provider: Provider) -> Graph:
        info = self._graphs.graphs[name]
        path = self.folder / info.file
        data = _verified(path, info)
        try:
            graph = Graph(data, provider, self._threads, self.folder)
        except LOAD_ERRORS as error:
            raise ModelError(why_not_loaded(path, data, str(error))) from error
        _check_tensors(path, self._graphs.tensors(name), graph)
        if self._is_tested(provider):
            self._test(name, graph)
        return graph

    def _is_tested(self, provider: Provider) -> bool:
        if self._self_test is not None:
            return self._self_test
        return provider is not CPU or self._graphs.precision == "int8"

    def _test(self, name: str, graph: Graph) -> None:
        """Raises ProviderError where the graph answers its golden input wrongly. Without a stored answer
        the CPU's is taken, on other providers."""
        if self._golden is None:
            self._golden = golden.read(self.folder, self._graphs)
        case = self._golden.get(name)
        if case is None and graph.provider is CPU:
            return
        case = case or self.golden_case(name)
        wrong = case.check(partial(_answers, graph, tuple(case.outputs)))
        if wrong is not None:
            raise ProviderError(wrong)

    def write_golden(self) -> None:
        """Puts golden.json and golden.bin beside the graphs. Raises OutputError."""
        golden.write(self.folder, map(self.golden_case, self._graphs.graphs), self.weights_sha256)

    def golden_case(self, name: str) -> golden.Case:
        """A graph's golden input with the CPU's answer."""
        info = self._graphs.graphs[name]
        graph = Graph(_verified(self.folder / info.file, info), CPU, self._threads, self.folder)
        return golden.make(self._graphs, name, partial(_answers, graph, self._graphs.tensors(name)[1]))

    def differences(self) -> dict[str, float]:
        """How far each graph is from the CPU's answer to its golden input, as a part of the largest value."""
        found = {}
        for name in self._present():
            case = self.golden_case(name)
            found[name] = case.difference(partial(_answers, self._graph(name), tuple(case.outputs)))
        return found


def _answers(graph: Graph, outputs: Sequence[str], feed: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    return dict(zip(outputs, graph.run(feed, outputs), strict=True))


def _verified(path: Path, info: GraphInfo) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}; export the model again") from error
    if hashlib.sha256(data).hexdigest() != info.sha256:
        size = f": {len(data)} bytes of {info.size}" if len(data) != info.size else ""
        raise ModelError(f"{path} is not the file that graphs.json names{size}; export or fetch it again")
    weights = info.data and path.with_name(info.data.file)
    if weights and info.data and weights.is_file() and (there := weights.stat().st_size) < info.data.size:
        raise ModelError(cut_short(path, weights, there, info.data.size))
    return data


def _check_tensors(path: Path, names: Sequence[Sequence[str]], graph: Graph) -> None:
    sides = ("input", graph.session.get_inputs()), ("output", graph.session.get_outputs())
    for expected, (side, found) in zip(names, sides, strict=True):
        missing = [tensor for tensor in expected if tensor not in {each.name for each in found}]
        if missing:
            raise ModelError(f"{path} lacks the {side} {missing[0]!r}: it is not one of splitmask's graphs")
