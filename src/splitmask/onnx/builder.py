"""ONNX graphs written down as arithmetic: `q @ k.T` on values becomes nodes.

Tracing would leave shape arithmetic and names that change with the tracer's version; here the nodes are
the ones that are meant, and the same weights give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float32]
Storage = Literal["fp32", "fp16"]
Dims = Sequence[int | str]

# Resize with `axes` needs 18; every runtime since 2023 has it
OPSET = 18
IR_VERSION = 8
# arrays of fewer numbers are stored as they are: a vector costs no bytes worth a Cast
SMALL = 1024


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
        return self.graph.op("MatMul", self, other)

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

    state: a model's parameters by name. storage: `fp16` keeps parameters as float16 followed by a Cast,
    which a runtime folds when it loads; arithmetic is float32 either way.
    """

    def __init__(self, name: str, state: Mapping[str, FloatArray], storage: Storage = "fp32") -> None:
        self.name = name
        self.state = state
        self.storage = storage
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
        results = tuple(Value(self, f"v{self._count + i}") for i in range(outputs))
        self._count += outputs
        node_name = f"{kind}_{len(self._nodes)}"
        made = [result.name for result in results]
        self._nodes.append(helper.make_node(kind, names, made, name=node_name, **attributes))
        return results

    def _value(self, operand: Operand) -> Value:
        if isinstance(operand, Value):
            return operand
        if isinstance(operand, np.ndarray) and operand.dtype == np.int64:
            return self._constant(operand)
        return self._constant(np.asarray(operand, np.float32))

    def _constant(self, array: Array, name: str = "") -> Value:
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._constants:
            name = name or f"c{len(self._initializers)}"
            self._initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
            self._constants[key] = Value(self, name)
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

    def input(self, name: str, shape: Dims) -> Value:
        self.input_shapes[name] = shape
        return Value(self, name)

    def output(self, name: str, value: Value, shape: Dims) -> None:
        for node in self._nodes:
            for names in (node.input, node.output):
                names[:] = [name if x == value.name else x for x in names]
        self.output_shapes[name] = shape

    def model(self) -> onnx.ModelProto:
        inputs, outputs = (
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in side.items()]
            for side in (self.input_shapes, self.output_shapes)
        )
        graph = helper.make_graph(self._nodes, self.name, inputs, outputs, self._initializers)
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(
            graph, producer_name="splitmask", ir_version=IR_VERSION, opset_imports=opsets
        )

    def serialized(self) -> bytes:
        data: bytes = self.model().SerializeToString(deterministic=True)
        return data
