"""ONNX Runtime on an NVIDIA card: chosen, tested, bound to its memory, and of one mind with the CPU.

With `onnxruntime-gpu` and no card what is tested is that it is passed over. The file needs neither torch
nor onnx, but for graphs of half precision.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from scene_helpers import FRAMES, SCENE, iou, of_clicks, tracked, worst_iou, write_clip
from splitmask.demo.scene import Shot
from splitmask.engine import golden, load
from splitmask.engine.graphs import read_graphs
from splitmask.engine.ort import OrtEngine
from splitmask.engine.providers import PROVIDERS, VARIABLE, Graph
from splitmask.errors import ModelError
from splitmask.types import Decoded, Features, Recollection

NANO = Path(str(resources.files("splitmask"))) / "weights" / "nano"
MAPS = ("image_embed", "high_res_feats_0", "high_res_feats_1")


def cards() -> int:
    """How many the driver sees; asked of the driver itself, so that a fault of ours does not skip a test."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    return count.value if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 else 0


HAS_CUDA = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
pytestmark = pytest.mark.skipif(
    not HAS_CUDA, reason="onnxruntime was built without CUDA: onnxruntime-gpu has it"
)
with_card = pytest.mark.skipif(not HAS_CUDA or not cards(), reason="no NVIDIA card answers here")


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture(scope="module")
def cuda() -> OrtEngine:
    return OrtEngine(NANO, provider="cuda")


@pytest.fixture(scope="module")
def cpu() -> OrtEngine:
    return OrtEngine(NANO, provider="cpu")


@pytest.fixture(scope="module")
def shots() -> list[Shot]:
    return list(SCENE.shots())


@pytest.fixture(scope="module")
def on_cpu(cpu: OrtEngine, shots: list[Shot], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list]:
    """The scene's clip, and how the CPU tracks it."""
    path = write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", shots)
    return path, list(tracked(cpu, path, shots[0]))


def click(engine: OrtEngine, features: Features, b: int = 1) -> Decoded:
    points = np.linspace(100, 400, 2 * b, dtype=np.float32).reshape(b, 1, 2)
    return engine.decode(features, points, np.ones((b, 1), np.float32))


def recollections(engine: OrtEngine, features: Features, decoded: Decoded) -> list[Recollection]:
    ones = np.ones(len(decoded.masks), np.float32)
    memories = engine.remember(features, decoded.masks[:, :1], ones, decoded.presence)
    return [
        Recollection(((m, 0),), ((p, 0.1),)) for m, p in zip(memories, decoded.pointers[:, 0], strict=True)
    ]


@with_card
def test_it_is_what_is_taken_where_nobody_says_which(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert load("nano").description.endswith(" · CUDA")
        assert load("nano", provider="cuda").description.endswith(" · CUDA")
        assert load("nano", "ort", device="cuda").description.endswith(" · CUDA")
    assert not caplog.messages


@with_card
def test_tensorrt_without_its_libraries_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = load("nano", provider="tensorrt,cuda,cpu").description
    if found.endswith(" · TensorRT"):
        pytest.skip("TensorRT is installed")
    assert found.endswith(" · CUDA")
    (said,) = caplog.messages
    # as the loader says it, or the runtime
    assert re.fullmatch(r"TensorRT is not used: .*(libnvinfer|TensorRT libraries).*; trying CUDA", said), said
    with pytest.raises(ModelError, match=r"TensorRT cannot be used: .*(libnvinfer|TensorRT libraries)"):
        load("nano", provider="tensorrt")


@pytest.mark.parametrize("provider", ["auto", "cuda,cpu"])
def test_without_a_card_the_cpu_computes_and_one_line_says_why(provider: str) -> None:
    code = f"from splitmask import load; print(load('nano', provider={provider!r}).description)"
    hidden = os.environ | {"CUDA_VISIBLE_DEVICES": "-1"}
    run = subprocess.run([sys.executable, "-c", code], env=hidden, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == [f"nano · onnxruntime {onnxruntime.__version__} · CPU"]
    (said,) = run.stderr.splitlines()
    assert said.startswith("CUDA is not used: ")
    assert said.endswith("; trying CPU")
    assert len(said) < 250
    assert "onnxruntime_src" not in said
    assert "hostname" not in said


@with_card
def test_its_libraries_are_found_where_pip_put_them() -> None:
    """In a process that has not imported torch, which would have loaded them."""
    code = "import sys; from splitmask import load; print(load('nano', provider='cuda').description)"
    code += "; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.endswith(" · CUDA\nFalse\n")
    assert run.stderr == ""


@with_card
def test_it_answers_as_the_cpu_did(cuda: OrtEngine) -> None:
    graphs = read_graphs(NANO)
    cases = golden.read(NANO, graphs)
    assert set(cases) == set(graphs.graphs)
    for name, off in cuda.differences().items():
        assert off < 1e-5, name  # TF32 is off by 1e-4 and more


@with_card
@pytest.mark.parametrize("name", ["image_encoder", "mask_decoder", "memory_encoder", "memory_attention"])
def test_wrong_answers_are_refused(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = Path(shutil.copytree(NANO, tmp_path / "model"))
    swap_answers(folder, name)
    with pytest.raises(ModelError, match=rf"CUDA cannot be used: {name} answers \w+ wrongly, off by "):
        OrtEngine(folder, provider="cuda")
    with caplog.at_level(logging.WARNING):
        assert OrtEngine(folder).description.endswith(" · CPU")
    assert f"{name} answers" in caplog.text


def swap_answers(folder: Path, name: str) -> None:
    """What the graph ought to answer, backwards."""
    listed = json.loads((folder / golden.FILE).read_text("utf-8"))["cases"]
    data = np.fromfile(folder / golden.BINARY, "<f4")
    outputs = next(case["outputs"] for case in listed if case["graph"] == name)
    for output in outputs.values():
        start = output["offset"] // 4
        data[start : start + output["count"]] = data[start : start + output["count"]][::-1].copy()
    data.tofile(folder / golden.BINARY)


@with_card
def test_features_stay_on_the_card(
    cuda: OrtEngine, cpu: OrtEngine, shots: list[Shot], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched, sent = watched(monkeypatch)
    features = cuda.encode(shots[0].image)
    decoded = click(cuda, features, 3)
    past = recollections(cuda, features, decoded)
    recalled = cuda.recall(features, past)
    again = click(cuda, recalled, 3)
    for name in MAPS:
        assert getattr(features, name).device_name() == "cuda"
        assert getattr(recalled, name).device_name() == "cuda"
    assert recalled.image_embed.shape()[0] == 3
    assert set(fetched) == {"cpu"}  # answers; nothing that lies on the card is copied from it
    assert not sent & set(MAPS)
    theirs = cpu.encode(shots[0].image)
    wanted = click(cpu, theirs, 3)
    expected = click(cpu, cpu.recall(theirs, recollections(cpu, theirs, wanted)), 3)
    for a, b in ((decoded, wanted), (again, expected)):
        assert np.abs(a.masks - b.masks).max() < 0.01 * np.abs(b.masks).max()


def watched(monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], set[str]]:
    """Where each tensor lies that is made an array of, and the names of inputs that come from arrays."""
    fetched: list[str] = []
    sent: set[str] = set()
    to_numpy, bind = onnxruntime.OrtValue.numpy, onnxruntime.IOBinding.bind_cpu_input

    def numpy(value: onnxruntime.OrtValue) -> np.ndarray:
        fetched.append(value.device_name())
        return to_numpy(value)

    def bind_cpu_input(binding: onnxruntime.IOBinding, name: str, array: np.ndarray) -> None:
        sent.add(name)
        bind(binding, name, array)

    monkeypatch.setattr(onnxruntime.OrtValue, "numpy", numpy)
    monkeypatch.setattr(onnxruntime.IOBinding, "bind_cpu_input", bind_cpu_input)
    return fetched, sent


@with_card
def test_features_travel_to_the_card_and_back(cuda: OrtEngine, cpu: OrtEngine, shots: list[Shot]) -> None:
    arrays = cpu.encode(shots[0].image)
    there = cuda.from_arrays(arrays)
    back = cuda.to_arrays(there)
    for name in MAPS:
        assert getattr(there, name).device_name() == "cuda"
        assert np.array_equal(getattr(back, name), getattr(arrays, name))
    assert np.abs(click(cuda, there).masks - click(cpu, arrays).masks).max() < 0.05


@with_card
def test_clicks_give_the_masks_that_the_cpu_gives(cuda: OrtEngine, cpu: OrtEngine, shots: list[Shot]) -> None:
    pairs = zip(of_clicks(cuda, shots[::8]), of_clicks(cpu, shots[::8]), strict=True)
    found = [iou(ours, theirs) for (ours, _), (theirs, _) in pairs]
    assert len(found) >= 10
    assert min(found) >= 0.99, found


@with_card
def test_a_clip_is_tracked_as_the_cpu_tracks_it(
    cuda: OrtEngine, shots: list[Shot], on_cpu: tuple[Path, list]
) -> None:
    path, theirs = on_cpu
    ours = list(tracked(cuda, path, shots[0]))
    assert len(ours) == FRAMES
    assert worst_iou(ours, theirs) >= 0.99
    assert sum(frame[1].any() for frame in ours) > FRAMES // 2, "nothing was tracked"


@with_card
def test_a_session_serves_many_threads_at_once(cuda: OrtEngine, shots: list[Shot]) -> None:
    asked = [*shots[:16]] * 4

    def answer(shot: Shot) -> np.ndarray:
        features = cuda.encode(shot.image)
        recalled = cuda.recall(features, recollections(cuda, features, click(cuda, features, 2)))
        return click(cuda, recalled, 2).masks

    alone = [answer(shot) for shot in asked[:16]]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(answer, asked))
    for at, masks in enumerate(together):
        assert np.abs(masks - alone[at % 16]).max() < 0.01 * np.abs(alone[at % 16]).max(), at
    assert np.abs(alone[0] - alone[15]).max() > 0.1 * np.abs(alone[0]).max(), "pictures do not tell apart"


@pytest.fixture
def half(tmp_path: Path) -> Path:
    """nano with arithmetic in float16."""
    for package in ("torch", "onnx", "safetensors"):
        pytest.importorskip(package)
    from splitmask.model.weights import load_model
    from splitmask.onnx.export import export
    from splitmask.onnx.form import Form

    export(load_model("nano"), tmp_path / "half", Form("fp16"))
    return tmp_path / "half"


@with_card
def test_half_precision_tracks_alike(half: Path, shots: list[Shot], on_cpu: tuple[Path, list]) -> None:
    path, theirs = on_cpu
    engine = OrtEngine(half, provider="cuda")
    assert max(engine.differences().values()) < golden.TOLERANCE
    ours = list(tracked(engine, path, shots[0]))
    kept = [iou(a[key], b[key]) for a, b in zip(ours, theirs, strict=True) for key in a | b]
    assert np.mean(kept) >= 0.98


@with_card
def test_a_graph_alone_keeps_what_it_is_told_to(cpu: OrtEngine) -> None:
    graph = Graph((NANO / "image_encoder.onnx").read_bytes(), PROVIDERS["cuda"], 1, NANO)
    square = np.zeros((1, 3, 512, 512), np.float32)
    kept, fetched = (graph.run({"image": square}, ["image_embed"], keep)[0] for keep in (True, False))
    assert kept.device_name() == "cuda"
    assert isinstance(fetched, np.ndarray)
    assert np.array_equal(kept.numpy(), fetched)
