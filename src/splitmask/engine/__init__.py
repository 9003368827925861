"""The four verbs (encode, recall, decode, remember) on PyTorch and on ONNX Runtime."""

from splitmask.engine.base import Engine, PolicyConstants

__all__ = ["Engine", "PolicyConstants"]
