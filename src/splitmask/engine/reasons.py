"""Why a graph does not load, in a line for people: ONNX Runtime's own reasons name places in its source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import onnxruntime as ort

_LONGEST = 300  # characters of one of its messages
_CODE = r"\[ONNXRuntimeError\] : \d+ : \w+ : "
# parentheses with what they hold, three deep: a signature's, whose arguments may be functions
_PARENTHESES = r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"
_SIGNATURE = rf"[\w:<>~,*& ]*?::[\w:<>~,*& ]*{_PARENTHESES}(?: const)?(?:::<lambda{_PARENTHESES}>)?"
_PLACE = rf"\S*\.(?:cc|cpp|cu|h|hpp):\d+ (?:{_SIGNATURE}|operator\(\)|\w+) "
_NOISE = re.compile(rf"{_CODE}|{_PLACE}|Exception during initialization: ")

# CUDA's own reason, before the machine's name and the place in the source
_CUDA = re.compile(r"\b(?:CUDA|CUDNN|CUDNN_FE|CUBLAS|CUFFT) failure -?\d+: [^;]+?(?= ;)")
_MISSING = re.compile(r'External data path does not exist: "(.+?)"')
_SHORT = re.compile(r"offset: (\d+) size to read: (\d+) given file_length: (\d+)")
_OPSET = re.compile(r"Opset (\d+) is under development.* domain (\S+) is till opset (\d+)")
_IR = re.compile(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)")
# a tensor's entry {key: "location", value: a name of less than 128 bytes} as protobuf writes it
_LOCATION = re.compile(rb"\n\x08location\x12([\x01-\x7f])", re.DOTALL)


def plain(message: str) -> str:
    """What the runtime says, on one line, without its codes and the places in its source."""
    if found := _CUDA.search(message):
        return found[0]
    lines = message.strip().splitlines() or ["it does not say why"]
    # a provider's own reason is the last of many lines that name places in its source
    line = lines[-1] if "Exception during initialization" in lines[0] else lines[0]
    return _NOISE.sub("", line).rstrip(".")[:_LONGEST]


def why_not_loaded(path: Path, graph: bytes, message: str) -> str:
    """graph: what the file at `path` holds; message: what ONNX Runtime says of it."""
    runtime = f"onnxruntime {ort.__version__}"
    if found := _OPSET.search(message):
        number, domain, most = found.groups()
        return f"{path} has opset {number} of {domain}, {runtime} runs {most} at most: upgrade onnxruntime"
    if found := _IR.search(message):
        number, most = found.groups()
        return f"{path} has IR version {number}, {runtime} reads {most} at most: upgrade onnxruntime"
    if found := _MISSING.search(message):
        return f"{path} lacks its weights, {found[1]}: copy or fetch the model's folder whole"
    if found := _SHORT.search(message):
        offset, size, there = map(int, found.groups())
        return cut_short(path, _weights(path, graph, there), there, offset + size)
    return f"{runtime} cannot load {path}: {plain(message)}; export or fetch the model again"


def cut_short(path: Path, weights: Path | None, there: int, needed: int) -> str:
    """What is said of a graph's weights in a file that ends too early; sizes in bytes."""
    named = "its weights' file" if weights is None else f"{weights}, its weights,"
    return f"{path} does not load: {named} has {there} bytes of {needed} or more; copy or fetch it again"


def _weights(path: Path, graph: bytes, size: int) -> Path | None:
    """Which of the files that a graph's weights are in has that size."""
    for file in {path.parent / name for name in _locations(graph)}:
        if file.is_file() and file.stat().st_size == size:
            return file
    return None


def _locations(graph: bytes) -> Iterator[str]:
    for entry in _LOCATION.finditer(graph):
        name = graph[entry.end() : entry.end() + entry[1][0]]
        yield name.decode("utf-8", "replace").replace("\0", "")
