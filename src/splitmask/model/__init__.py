"""The network in PyTorch: SAM 2.1, SAM 2.0 and `nano`, from presets."""

from splitmask.model.sam2 import Sam2

__all__ = ["Sam2"]
