"""ONNX graphs written down as arithmetic: `q @ k.T` on values becomes nodes.

Tracing would leave shape arithmetic and names that change with the tracer's version; here the nodes are
the ones that are meant, and the same weights give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from splitmask.onnx.folding import Folded
from splitmask.onnx.form import Form
from splitmask.onnx.quantise import Quantised, product_in_bytes

Array = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float32]
Dims = Sequence[int | str]

# Resize with `axes` needs 18; every runtime since 2023 has it
OPSET = 18
IR_VERSION = 8
# arrays of fewer numbers are stored as they are: a vector costs no bytes worth a Cast
SMALL = 1024
# products over fewer numbers are not worth a conversion to integers
SHORT = 64
# operators whose result is not of their inputs' type, and those of which only the first input has it
_OTHER_TYPE = frozenset(("Cast", "Greater", "LessOrEqual"))
_FIRST_ONLY = frozenset(("Resize",))
PLAIN = Form("fp32")


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A tensor of a graph. Operators and methods append nodes; shapes and broadcasting as in NumPy."""

    graph: Graph
    name: str

    def __add__(self, other: Operand) -> Value:
        return self.graph.op("Add", self, other)

    def __sub__(self, other: Operand) -> Value:
        return self.graph.op("Sub", self, other)

    def __rsub__(self, other: Operand) -> Value:
        return self.graph.op("Sub", other, self)

    def __mul__(self, other: Operand) -> Value:
        return self.graph.op("Mul", self, other)

    def __truediv__(self, other: Operand) -> Value:
        return self.graph.op("Div", self, other)

    def __matmul__(self, other: Operand) -> Value:
        return self.graph.product(self, other)

    def reshape(self, *shape: int) -> Value:
        """0 keeps a dimension, −1 takes what is left."""
        return self.graph.op("Reshape", self, np.array(shape, np.int64))

    def transpose(self, *perm: int) -> Value:
        return self.graph.op("Transpose", self, perm=perm)

    def slice(self, start: int, stop: int, axis: int) -> Value:
        limits = (np.array([i], np.int64) for i in (start, stop, axis))
        return self.graph.op("Slice", self, *limits)

    def split(self, sizes: Sequence[int], axis: int) -> tuple[Value, ...]:
        return self.graph.op_many("Split", len(sizes), self, np.array(sizes, np.int64), axis=axis)

    def relu(self) -> Value:
        return self.graph.op("Relu", self)

    def sigmoid(self) -> Value:
        return self.graph.op("Sigmoid", self)

    def softmax(self) -> Value:
        """Over the last axis."""
        return self.graph.op("Softmax", self, axis=-1)


Operand = Value | Array | float


class Graph:
    """Nodes, initialisers and boundaries of one graph, in the order in which they were named.

    state: a model's parameters by name. sizes: of named dimensions that shall be fixed. form: how
    parameters are kept and in what the graph computes. Parameters that are kept as float16 are followed by
    a Cast, which a runtime folds when it loads.
    """

    def __init__(
        self,
        name: str,
        state: Mapping[str, FloatArray],
        form: Form = PLAIN,
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        self.name = name
        self.state = state
        self.storage = form.storage(name)
        self.ranges = form.ranges
        self.sizes = sizes or {}
        self.tapped: dict[str, Value] = {}
        self._half: set[str] | None = set() if form.precision == "fp16" else None
        self._folded = Folded()
        self._in_bytes: dict[str, Quantised] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self.input_shapes: dict[str, Dims] = {}
        self.output_shapes: dict[str, Dims] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], Value] = {}
        self._count = 0

    def op(self, kind: str, *inputs: Operand, **attributes: Any) -> Value:
        return self.op_many(kind, 1, *inputs, **attributes)[0]

    def op_many(self, kind: str, outputs: int, *inputs: Operand, **attributes: Any) -> tuple[Value, ...]:
        names = [self._value(x).name for x in inputs]
        if self._half is not None and not self._folded.knows(names):
            names = self._in_one_type(kind, names)
        results = tuple(Value(self, f"v{self._count + i}") for i in range(outputs))
        self._count += outputs
        node_name = f"{kind}_{len(self._nodes)}"
        made = [result.name for result in results]
        self._nodes.append(helper.make_node(kind, names, made, name=node_name, **attributes))
        self._folded.add(kind, names, made, attributes)
        if self._half is not None and kind not in _OTHER_TYPE and self._half & set(names):
            self._half.update(made)
        return results

    def _in_one_type(self, kind: str, names: list[str]) -> list[str]:
        """Float32 beside float16 becomes float16."""
        assert self._half is not None
        if kind == "Cast" or not self._half & set(names):
            return names
        count = 1 if kind in _FIRST_ONLY else len(names)
        return [self._halved(name) if i < count else name for i, name in enumerate(names)]

    def _halved(self, name: str) -> str:
        assert self._half is not None
        if not name or name in self._half or self._folded.is_integer(name):
            return name
        key = ("half", (), name.encode())
        if key not in self._constants:
            self._constants[key] = self.op("Cast", Value(self, name), to=TensorProto.FLOAT16)
            self._half.add(self._constants[key].name)
        return self._constants[key].name

    def array(self, value: Value) -> Array | None:
        """The numbers of what depends on parameters alone, float64; None for anything else."""
        return self._folded.array(value.name)

    def product(self, x: Value, other: Operand) -> Value:
        """Matrix product; by a parameter's matrix in integers, where that is how they are kept."""
        weight = self._value(other)
        if self.storage == "int8" and not self._folded.knows([x.name]):
            numbers = self.array(weight)
            if numbers is not None and numbers.ndim == 2 and min(numbers.shape) >= SHORT:
                return product_in_bytes(x, numbers)
        return self.op("MatMul", x, weight)

    def in_bytes(self, x: Value, make: Callable[[], Quantised]) -> Quantised:
        """What `x` is as whole numbers of 8 bits, made once."""
        if x.name not in self._in_bytes:
            self._in_bytes[x.name] = make()
        return self._in_bytes[x.name]

    def tap(self, name: str, value: Value) -> Value:
        """Names what `ranges` is asked for."""
        self.tapped[name] = value
        return value

    def _value(self, operand: Operand) -> Value:
        if isinstance(operand, Value):
            return operand
        if isinstance(operand, np.ndarray | np.generic) and operand.dtype.kind in "iu":
            return self._constant(np.asarray(operand))
        return self._constant(np.asarray(operand, np.float32))

    def _constant(self, array: Array, name: str = "") -> Value:
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._constants:
            name = name or f"c{len(self._initializers)}"
            self._initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
            self._constants[key] = Value(self, name)
            self._folded.given(name, array)
        return self._constants[key]

    def const(self, array: Array) -> Value:
        return self._value(array)

    def weight(self, array: FloatArray, source: str, part: str = "") -> Value:
        """Parameters put together otherwise than in the state, stored as `source`, the parameter that they
        come from, would be, and once however often they are used. `part` tells several of a source apart."""
        array, name = np.asarray(array, np.float32), source + part
        if self.storage == "fp32" or self.state[source].size < SMALL:
            return self._constant(array, name)
        stored = self._constant(array.astype(np.float16), name)
        key = ("cast", (), stored.name.encode())
        if key not in self._constants:
            self._constants[key] = self.op("Cast", stored, to=TensorProto.FLOAT)
        return self._constants[key]

    def param(self, name: str, change: Callable[[FloatArray], FloatArray] | None = None) -> Value:
        """A parameter of the model; `change` only reorders it, so that storage stays exact."""
        array = self.state[name]
        return self.weight(array if change is None else change(array), name)

    def concat(self, values: Iterable[Operand], axis: int) -> Value:
        return self.op("Concat", *values, axis=axis)

    def _sized(self, shape: Dims) -> Dims:
        return tuple(self.sizes.get(dim, dim) if isinstance(dim, str) else dim for dim in shape)

    def input(self, name: str, shape: Dims, exact: bool = False) -> Value:
        """exact: stays float32 in a graph that computes in float16: places and times need the digits."""
        self.input_shapes[name] = self._sized(shape)
        value = Value(self, name)
        return value if exact or self._half is None else Value(self, self._halved(name))

    def output(self, name: str, value: Value, shape: Dims) -> None:
        if self._half is not None and value.name in self._half:
            value = self.op("Cast", value, to=TensorProto.FLOAT)
        for node in self._nodes:
            for names in (node.input, node.output):
                names[:] = [name if x == value.name else x for x in names]
        self.output_shapes[name] = self._sized(shape)

    def needed(self) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
        """Nodes and initialisers that the outputs depend on: of weights that were made into others while
        the graph was written, nothing remains."""
        wanted, nodes = set(self.output_shapes), []
        for node in reversed(self._nodes):
            if wanted & set(node.output):
                wanted.update(node.input)
                nodes.append(node)
        return nodes[::-1], [each for each in self._initializers if each.name in wanted]

    def model(self) -> onnx.ModelProto:
        inputs, outputs = (
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in side.items()]
            for side in (self.input_shapes, self.output_shapes)
        )
        nodes, initializers = self.needed()
        graph = helper.make_graph(nodes, self.name, inputs, outputs, initializers)
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(
            graph, producer_name="splitmask", ir_version=IR_VERSION, opset_imports=opsets
        )

    def serialized(self) -> bytes:
        data: bytes = self.model().SerializeToString(deterministic=True)
        return data
