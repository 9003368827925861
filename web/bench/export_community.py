"""The community's route, to measure ours against: SAM 2.1 tiny, exported by `samexporter` as it comes.

    python web/bench/export_community.py OUT_FOLDER

Weights are random: they change no time. Needs torch, sam2 (scripts/install_sam2.sh) and
`pip install --no-deps samexporter`.
"""

from __future__ import annotations

import runpy
import sys
import tempfile
import warnings
from pathlib import Path

import onnxruntime as ort
import torch

from splitmask.bench.against_sam2 import prepare_torchvision

MODEL, CONFIG = "sam2.1_hiera_tiny", "configs/sam2.1/sam2.1_hiera_t.yaml"


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    prepare_torchvision()
    warnings.simplefilter("ignore")
    from sam2.build_sam import build_sam2

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "random.pt"
        torch.save({"model": build_sam2(CONFIG, device="cpu").state_dict()}, checkpoint)
        sys.argv = ["export_sam2", "--checkpoint", str(checkpoint), "--model_type", MODEL]
        raw = {name: Path(folder) / f"{name}.onnx" for name in ("encoder", "decoder")}
        for name, path in raw.items():
            sys.argv += [f"--output_{name}", str(path)]
        runpy.run_module("samexporter.export_sam2", run_name="__main__")
        for name, path in raw.items():
            fold(path, out / f"{name}.onnx")


def fold(path: Path, out: Path) -> None:
    """The runtime's own folding, ahead of time: onnxruntime-web refuses the shapes that newer versions of
    torch write into the encoder, and only this takes them out."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(out)
    options.log_severity_level = 3
    ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    main()
