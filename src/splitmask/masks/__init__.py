"""Masks without a model: run-length codes, resizing, shapes. numpy (and Pillow's resampler) only."""
