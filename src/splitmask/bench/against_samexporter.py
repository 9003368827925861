"""Our graphs beside those that `samexporter` makes of the same weights, through the same ONNX Runtime.

samexporter is no part of splitmask; `scripts/install_samexporter.sh` installs it. SAM 2.1 is measured with
drawn weights, whose time is that of any others; how far its int8 is off is therefore told as an error of
logits, while nano, which is trained, also tells what becomes of its masks.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from splitmask.bench.pairs import Contender, FloatArray, Ratio, in_turn, session_of
from splitmask.demo.scene import Scene
from splitmask.engine.graphs import OPTIONAL, TENSORS
from splitmask.engine.preprocess import normalised, stretch
from splitmask.errors import ModelError
from splitmask.model import Sam2
from splitmask.model.weights import load_model
from splitmask.onnx.agreement import Agreement, grid_of_clicks
from splitmask.onnx.export import MAKERS, PREPARING, export, state_of
from splitmask.onnx.form import Form, Precision
from splitmask.presets import PRESETS, Preset
from splitmask.types import ByteArray

SUBJECT = "sam2.1-tiny"
_NEEDED = ("samexporter", "sam2", "torchvision", "cv2")
_CALL = (
    "import runpy; from splitmask.bench.against_sam2 import prepare_torchvision; prepare_torchvision(); "
    "runpy.run_module('samexporter.export_sam2', run_name='__main__')"
)
_CLICK_REPEATS = 5
_SEEN = 12  # pictures from which int8 learns ranges

Tick = Callable[[], object]


def check_installed() -> None:
    """Raises ModelError where samexporter or what it needs is missing."""
    lacking = [name for name in _NEEDED if find_spec(name) is None]
    if lacking:
        raise ModelError(
            f"bench ort compares with samexporter, which lacks {', '.join(lacking)} here: "
            "run scripts/install_samexporter.sh"
        )


def checkpoint(preset: Preset, folder: Path, seed: int = 0) -> Sam2:
    """A model with drawn weights, and its `.pt` as the official release has it."""
    torch.manual_seed(seed)
    model = Sam2(preset).eval().requires_grad_(False)
    torch.save({"model": model.state_dict()}, folder / preset.checkpoint)
    return model


def export_theirs(preset: Preset, folder: Path) -> tuple[Path, Path]:
    """samexporter's encoder and decoder of the checkpoint in a folder. Raises ModelError if it fails."""
    encoder, decoder = folder / "theirs_encoder.onnx", folder / "theirs_decoder.onnx"
    arguments = {
        "--checkpoint": str(folder / preset.checkpoint),
        "--output_encoder": str(encoder),
        "--output_decoder": str(decoder),
        "--model_type": preset.checkpoint.removesuffix(".pt"),
    }
    command = [sys.executable, "-W", "ignore", "-c", _CALL]
    run = subprocess.run([*command, *(x for pair in arguments.items() for x in pair)], capture_output=True)
    if run.returncode:
        said = run.stderr.decode(errors="replace").strip().splitlines() or ["nothing said"]
        raise ModelError(f"samexporter failed to export {preset.name}: {said[-1]}")
    return encoder, decoder


def steps(rounds: int) -> int:
    """How often `measure` ticks."""
    return 2 + 4 * rounds  # encoders, decoders, and nano twice


@dataclass(frozen=True, slots=True)
class _Subject:
    """One model's graphs as sessions; `feed` by their names."""

    model: Sam2
    threads: int
    pictures: Sequence[ByteArray]

    @property
    def preset(self) -> Preset:
        return self.model.preset

    def image(self) -> FloatArray:
        return normalised(stretch(self.pictures[0], self.preset.image_size), self.preset)

    def encoder(self, folder: Path, precision: Precision) -> Contender:
        export(self.model, folder / precision, Form(precision), pictures=self.pictures)
        session = session_of(str(folder / precision / "image_encoder.onnx"), self.threads)
        return Contender(precision, session, {"image": self.image()})

    def graph(self, name: str) -> object:
        graph = (MAKERS | PREPARING)[name](self.preset, state_of(self.model), Form("fp32"))
        return session_of(graph.serialized(), self.threads)

    def clicks(self, features: Sequence[FloatArray]) -> FloatArray:
        """Masks of a grid of clicks on the features of an encoder."""
        points = grid_of_clicks(self.preset.image_size)
        session = self.graph("mask_decoder")
        feed = _decoder_feed(self.preset, features, points)
        masks: FloatArray = session.run(["masks"], feed)[0]  # type: ignore[attr-defined]
        return masks


def _decoder_feed(
    preset: Preset, features: Sequence[FloatArray], points: FloatArray
) -> dict[str, FloatArray]:
    """A click each, (b, 1, 2), without a mask; features as the encoder gives them."""
    b, side = len(points), preset.mask_size
    high_res_0, high_res_1, embed = features
    empty = np.zeros((b, 1, side, side), np.float32), np.zeros(b, np.float32)
    inputs = (embed, high_res_0, high_res_1, points, np.ones((b, 1), np.float32), *empty)
    return dict(zip(TENSORS["mask_decoder"][0], inputs, strict=True))


def measure(folder: Path, rounds: int, threads: int, tick: Tick) -> tuple[list[Ratio], list[Agreement]]:
    """Everything, with exports in `folder`. Ticks `steps(rounds)` times. Raises ModelError."""
    check_installed()
    pictures = [shot.image for shot in Scene(length=_SEEN).shots()]
    sam = _Subject(checkpoint(PRESETS[SUBJECT], folder), threads, pictures)
    encoder, decoder = export_theirs(sam.preset, folder)
    tick()
    plain = Contender("plain", session_of(str(encoder), threads), {"image": sam.image()})
    ours = [sam.encoder(folder, precision) for precision in ("fp32", "int8")]
    tick()
    in_turn([plain, *ours], rounds, 1, tick)
    ratios = [
        Ratio.of(f"{SUBJECT}: encode, float32", plain, ours[0], 1.15),
        Ratio.of(f"{SUBJECT}: encode, int8", plain, ours[1], 2.0),
        *_click(sam, session_of(str(decoder), threads), ours[0].run(), rounds, tick),
    ]
    agreements = [_agreement(sam, ours, f"{SUBJECT} int8 to float32, drawn weights")]
    nano = _Subject(load_model("nano"), threads, pictures)
    both = [nano.encoder(folder / "nano", precision) for precision in ("fp16-storage", "int8")]
    in_turn(both, 2 * rounds, 2, tick)
    ratios.append(Ratio.of("nano: encode, int8 to float32 of ours", both[0], both[1], 1.4))
    agreements.append(_agreement(nano, both, "nano int8 to float32, rendered picture"))
    return ratios, agreements


def _click(
    sam: _Subject, theirs: object, features: Sequence[FloatArray], rounds: int, tick: Tick
) -> list[Ratio]:
    feed = _decoder_feed(sam.preset, features, np.full((1, 1, 2), 500, np.float32))
    prepare = Contender("prepare", sam.graph("decode_prepare"), {k: feed[k] for k in list(feed)[:3]})
    ready = dict(zip(OPTIONAL["decode_prepare"][1], prepare.run(), strict=True))
    asked = {name: feed[name] for name in ("point_coords", "point_labels")}
    plain = Contender("theirs", theirs, feed)
    once = Contender("once", sam.graph("mask_decoder"), feed)
    again = Contender("again", sam.graph("decode_prepared"), ready | asked)
    in_turn([plain, once, again, prepare], rounds, _CLICK_REPEATS, tick)
    return [
        Ratio.of(f"{SUBJECT}: click on a prepared frame", plain, again, 1.7),
        Ratio.of(f"{SUBJECT}: click otherwise", plain, once),
        Ratio.of(f"{SUBJECT}: preparing a frame, to a click", plain, prepare),
    ]


def _agreement(subject: _Subject, encoders: Sequence[Contender], name: str) -> Agreement:
    wanted, found = (subject.clicks(each.run()) for each in encoders)
    return Agreement.of(name, found, wanted)
