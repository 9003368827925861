"""The yardstick: a 2048³ float32 matrix product through the same runtime as the model.

Milliseconds say more about the machine than about the program; a ratio to this holds from laptop to
server. The graph is one node, written here as ONNX bytes, so that no other package is needed.
"""

from __future__ import annotations

import time

import numpy as np

SIDE = 2048

_FLOAT = 1  # TensorProto.FLOAT
_IR_VERSION, _OPSET = 8, 17


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _message(field: int, *parts: bytes) -> bytes:
    """A length-delimited protobuf field: a nested message, or a string."""
    body = b"".join(parts)
    return _varint(field << 3 | 2) + _varint(len(body)) + body


def _matrix(field: int, name: bytes, side: int) -> bytes:
    """ValueInfoProto of a (side, side) float32 tensor."""
    dim = _message(1, _number(1, side))
    tensor = _message(1, _number(1, _FLOAT), _message(2, dim, dim))
    return _message(field, _message(1, name), _message(2, tensor))


def matmul_model(side: int = SIDE) -> bytes:
    """ModelProto of y = a @ b for (side, side) matrices; field numbers as in onnx.proto."""
    node = _message(1, _message(1, b"a"), _message(1, b"b"), _message(2, b"y"), _message(4, b"MatMul"))
    values = _matrix(11, b"a", side) + _matrix(11, b"b", side) + _matrix(12, b"y", side)
    graph = _message(7, node, _message(2, b"matmul"), values)
    return _number(1, _IR_VERSION) + graph + _message(8, _number(2, _OPSET))


class Matmul:
    """The product, ready to be timed."""

    def __init__(self, threads: int, side: int = SIDE) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        # its workers must not spin while the model runs
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self._session = ort.InferenceSession(matmul_model(side), options, providers=["CPUExecutionProvider"])
        rng = np.random.default_rng(0)
        self._feeds = {name: rng.standard_normal((side, side), np.float32) for name in "ab"}

    def __call__(self) -> float:
        """Runs it once; milliseconds."""
        start = time.perf_counter()
        self._session.run(None, self._feeds)
        return (time.perf_counter() - start) * 1000
