"""A model as it comes with the package: a safetensors for torch and graphs of the very same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save

from splitmask.engine.graphs import GraphSet
from splitmask.files import write_bytes
from splitmask.model import Sam2
from splitmask.model.weights import PRESET_KEY, sha256_of
from splitmask.onnx.builder import SMALL
from splitmask.onnx.export import check_range, export, state_of
from splitmask.onnx.form import Form
from splitmask.types import ByteArray


def package(
    model: Sam2,
    out_dir: str | Path,
    form: Form | None = None,
    *,
    prepare: bool = False,
    ort_format: bool = False,
    pictures: Sequence[ByteArray] = (),
) -> GraphSet:
    """Writes `<preset>.safetensors` and what `export` writes; graphs.json names its sha256.

    But for `fp32` arrays of 1024 numbers and more are rounded to float16 in both; vectors stay float32: they
    weigh nothing, and statistics of batch norm would suffer. Same weights, same bytes. Raises ModelError
    for weights that float16 cannot hold, OutputError if the folder cannot be written.
    """
    whole = form is not None and form.precision == "fp32"
    if not whole:
        check_range(state_of(model))
    stored = {name: _stored(value, whole) for name, value in model.state_dict().items()}
    target = Path(out_dir) / f"{model.preset.name}.safetensors"
    write_bytes(target, save(stored, {PRESET_KEY: model.preset.name}))
    return export(
        model,
        out_dir,
        form,
        prepare=prepare,
        ort_format=ort_format,
        pictures=pictures,
        weights_sha256=sha256_of(target),
    )


def _stored(value: torch.Tensor, whole: bool) -> torch.Tensor:
    halved = not whole and value.is_floating_point() and value.numel() >= SMALL
    return value.detach().to("cpu", torch.float16 if halved else value.dtype).contiguous()
