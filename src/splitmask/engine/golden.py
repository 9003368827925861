"""Golden answers: by which a provider, here or in a browser, shows that it computes rightly.

`golden.json` lists for each graph inputs that are made from a few numbers, so that every program makes the
same, and a sample of the outputs, which lie in `golden.bin`. docs/graphs.md describes the files.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from splitmask.engine.graphs import GraphSet, TensorInfo
from splitmask.errors import ModelError, ResultError
from splitmask.files import write_bytes
from splitmask.jsonfield import Field
from splitmask.types import FloatArray

FILE, BINARY = "golden.json", "golden.bin"
FORMAT, VERSION = "splitmask.golden", 1
# Of an output's largest value. Half precision is off by a thousandth to a hundredth, a kernel that is
# wrong by a tenth and more.
TOLERANCE = 0.03
SAMPLES = 1024  # numbers kept of an output, at most about

# How long free dimensions are; others are 1.
_FREE = {"points": 2, "memories": 2, "pointers": 2}
_AMPLITUDE = {"image": 2.0, "mask_logits": 8.0, "mask_input": 8.0}  # of noise; 1 of the rest
_LARGEST = 64 << 20  # bytes of golden.bin, numbers of an input

Run = Callable[[Mapping[str, FloatArray]], Mapping[str, FloatArray]]  # a graph's inputs → its outputs


@dataclass(frozen=True, slots=True)
class Input:
    """A tensor that any program can make: noise of a seed, or numbers as they are."""

    shape: tuple[int, ...]
    seed: int = 0
    amplitude: float = 1.0
    values: tuple[float, ...] | None = None  # instead of noise; a single one fills the tensor

    def array(self) -> FloatArray:
        if self.values is None:
            return noise(self.shape, self.seed, self.amplitude)
        if len(self.values) == 1:
            return np.full(self.shape, self.values[0], np.float32)
        return np.array(self.values, np.float32).reshape(self.shape)

    def to_json(self) -> dict[str, Any]:
        made: dict[str, Any] = {"shape": list(self.shape)}
        if self.values is not None:
            return made | {"values": list(self.values)}
        return made | {"seed": self.seed, "amplitude": self.amplitude}


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """Every `step`-th number of an output, and the largest of all."""

    shape: tuple[int, ...]
    step: int
    largest: float
    sample: FloatArray  # (n,)

    @classmethod
    def of(cls, array: FloatArray) -> Output:
        step = sampling_step(array.size)
        largest = float(str(np.abs(array).max().astype(np.float32)))
        return cls(array.shape, step, largest, array.reshape(-1)[::step].astype(np.float32))

    def difference(self, array: FloatArray) -> float:
        """The largest difference, as a part of the largest value; infinite where it is not comparable."""
        if array.shape != self.shape or not np.isfinite(array).all():
            return math.inf
        found = np.abs(array.reshape(-1)[:: self.step] - self.sample).max()
        return float(found) / max(self.largest, 1e-6)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One graph's. sha256: of the graph's file."""

    graph: str
    sha256: str
    inputs: Mapping[str, Input]
    outputs: Mapping[str, Output]

    def check(self, run: Run) -> str | None:
        """Runs the graph; what is wrong with its answer, None if nothing is."""
        found = run({name: each.array() for name, each in self.inputs.items()})
        for name, output in self.outputs.items():
            if not np.isfinite(found[name]).all():
                return f"{self.graph} answers {name} with NaN or infinity"
            off = output.difference(found[name])
            if not off <= TOLERANCE:
                return f"{self.graph} answers {name} wrongly, off by {off:.1%} of its largest value"
        return None

    def difference(self, run: Run) -> float:
        """Runs the graph; the largest difference of all outputs, each as a part of its largest value."""
        found = run({name: each.array() for name, each in self.inputs.items()})
        return max(output.difference(found[name]) for name, output in self.outputs.items())


def noise(shape: tuple[int, ...], seed: int, amplitude: float) -> FloatArray:
    """Uniform in ±amplitude, the same bits in every language: a hash of the index in 32-bit integers
    (lowbias32, C. Wellons), its upper 24 bits as a fraction."""
    with np.errstate(over="ignore"):
        h = np.arange(math.prod(shape), dtype=np.uint32) + np.uint32(seed * 0x9E3779B9 & 0xFFFFFFFF)
        h ^= h >> np.uint32(16)
        h *= np.uint32(0x7FEB352D)
        h ^= h >> np.uint32(15)
        h *= np.uint32(0x846CA68B)
        h ^= h >> np.uint32(16)
    fraction = (h >> np.uint32(8)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)
    return (fraction * np.float32(amplitude)).reshape(shape)


def sampling_step(size: int) -> int:
    """Odd, so that samples do not stay in one column."""
    return max(1, size // SAMPLES) | 1


def make(graphs: GraphSet, name: str, run: Run) -> Case:
    """The case of a graph, answered by `run`. Raises ModelError for an answer that is none."""
    info = graphs.graphs[name]
    inputs = {tensor.name: _input(graphs, tensor, seed) for seed, tensor in enumerate(info.inputs, 1)}
    found = run({key: each.array() for key, each in inputs.items()})
    for key in graphs.tensors(name)[1]:
        if not np.isfinite(found[key]).all():
            raise ModelError(
                f"{info.file} answers {key} with NaN or infinity: it is damaged, or its weights "
                "are beyond its precision; export it again, as fp32 perhaps"
            )
    return Case(name, info.sha256, inputs, {key: Output.of(found[key]) for key in graphs.tensors(name)[1]})


def write(folder: Path, cases: Iterable[Case], weights_sha256: str) -> None:
    """golden.json and golden.bin. Raises OutputError."""
    data = bytearray()
    listed = []
    for case in cases:
        outputs = {}
        for name, output in case.outputs.items():
            outputs[name] = {
                "shape": list(output.shape),
                "step": output.step,
                "largest": output.largest,
                "offset": len(data),
                "count": len(output.sample),
            }
            data += output.sample.astype("<f4").tobytes()
        inputs = {name: each.to_json() for name, each in case.inputs.items()}
        listed.append({"graph": case.graph, "sha256": case.sha256, "inputs": inputs, "outputs": outputs})
    content = {
        "format": FORMAT,
        "version": VERSION,
        "weightsSha256": weights_sha256,
        "tolerance": TOLERANCE,
        "file": BINARY,
        "cases": listed,
    }
    write_bytes(folder / BINARY, bytes(data))
    write_bytes(folder / FILE, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def read(folder: Path, graphs: GraphSet) -> dict[str, Case]:
    """The cases by graph; those of other files than graphs.json names are left out, as is everything
    where there are no golden answers. Raises ModelError for damaged ones."""
    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        cases = _from_json(Field(json.loads(path.read_text("utf-8")), ""), (folder / BINARY).read_bytes())
    except OSError as error:
        raise ModelError(f"cannot read {error.filename}: {error.strerror}; export the model again") from error
    except (ResultError, ValueError) as error:
        raise ModelError(f"{path} is damaged: {error}; export the model again") from error
    current = {name: info.sha256 for name, info in graphs.graphs.items()}
    return {case.graph: case for case in cases if current.get(case.graph) == case.sha256}


def _input(graphs: GraphSet, tensor: TensorInfo, seed: int) -> Input:
    side, mask = graphs.preset.image_size, graphs.preset.mask_size
    free = _FREE | {"mask_height": mask, "mask_width": mask}
    shape = tuple(free.get(each, 1) if isinstance(each, str) else each for each in tensor.shape)
    count = math.prod(shape)
    known: dict[str, tuple[float, ...]] = {
        "point_coords": (side * 0.375, side * 0.5, side * 0.75, side * 0.25),
        "point_labels": (1.0, 0.0),
        "has_mask_input": (1.0,),
        "binarize": (0.0,),
        "object_score_logits": (1.0,),
        "memory_tpos": tuple(float(i % shape[-1] == i // shape[-1] % shape[-1]) for i in range(count)),
        "memory_bias": (0.0,),
        "pointer_dt": tuple(i / 16 for i in range(count)),
        "pointer_bias": (0.0,),
    }
    values = known.get(tensor.name)
    if values is not None:
        filled = values if len(values) == 1 else tuple(values[i % len(values)] for i in range(count))
        return Input(shape, values=filled)
    return Input(shape, seed, _AMPLITUDE.get(tensor.name, 1.0))


def _from_json(root: Field, data: bytes) -> list[Case]:
    if root["format"].text() != FORMAT:
        raise root["format"].fail(FORMAT)
    if root["version"].integer() != VERSION:
        raise root["version"].fail(str(VERSION))
    return [_case(field, data) for field in root["cases"].items()]


def _case(field: Field, data: bytes) -> Case:
    inputs, outputs = field["inputs"], field["outputs"]
    return Case(
        field["graph"].text(),
        field["sha256"].text(),
        {name: _input_from_json(inputs[name]) for name in inputs.value},
        {name: _output_from_json(outputs[name], data) for name in outputs.value},
    )


def _shape(field: Field) -> tuple[int, ...]:
    shape = tuple(each.integer(1) for each in field.items())
    if math.prod(shape) > _LARGEST:
        raise field.fail("a tensor of less numbers")
    return shape


def _input_from_json(field: Field) -> Input:
    shape = _shape(field["shape"])
    if "values" not in field.value:
        return Input(shape, field["seed"].integer(), field["amplitude"].number())
    values = tuple(each.number() for each in field["values"].items())
    if len(values) not in (1, math.prod(shape)):
        raise field["values"].fail(f"1 or {math.prod(shape)} numbers")
    return Input(shape, values=values)


def _output_from_json(field: Field, data: bytes) -> Output:
    shape, step = _shape(field["shape"]), field["step"].integer(1)
    count, offset = field["count"].integer(1), field["offset"].integer()
    if count != -(-math.prod(shape) // step) or offset + 4 * count > len(data):
        raise field["count"].fail(f"every {step}. number, within {BINARY}")
    sample = np.frombuffer(data, "<f4", count, offset).astype(np.float32)
    return Output(shape, step, field["largest"].number(), sample)
