"""A model's four verbs as ONNX graphs. Needs the `onnx` extra; running the graphs does not."""
