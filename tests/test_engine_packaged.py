"""The model that comes with the package: complete, small enough, and the same in both engines."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from splitmask.engine import load
from splitmask.engine.base import Engine
from splitmask.engine.graphs import GraphSet, read_graphs
from splitmask.model.weights import load_model, sha256_of
from splitmask.onnx.package import package
from splitmask.types import Features, Recollection

FOLDER = Path(str(resources.files("splitmask"))) / "weights" / "nano"
WEIGHTS = FOLDER / "nano.safetensors"


@pytest.fixture(scope="module")
def graphs() -> GraphSet:
    return read_graphs(FOLDER)


def test_the_graphs_take_21_megabytes_at_most(graphs: GraphSet) -> None:
    assert sum((FOLDER / graph.file).stat().st_size for graph in graphs.graphs.values()) <= 21e6


def test_both_forms_come_from_the_same_file(graphs: GraphSet) -> None:
    assert graphs.weights_sha256 == sha256_of(WEIGHTS)


def test_packaging_the_weights_again_gives_what_is_there(tmp_path: Path) -> None:
    package(load_model("nano"), tmp_path)
    for made in tmp_path.iterdir():
        assert made.read_bytes() == (FOLDER / made.name).read_bytes(), made.name


def shapes() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A disc and a bar on a shaded ground."""
    y, x = np.mgrid[:240, :320]
    image = np.stack((x % 256, y, 255 - y), axis=2).astype(np.uint8)
    image[(x - 100) ** 2 + (y - 120) ** 2 < 50**2] = (220, 40, 40)
    image[60:200, 220:260] = (30, 30, 200)
    return image


def answer(engine: Engine, features: Features) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    side = engine.preset.image_size
    points = np.array([[[100 / 320, 0.5]], [[0.75, 0.5]]], np.float32) * side
    return engine.decode(features, points, np.ones((2, 1), np.float32)).masks


def test_both_engines_give_the_same_logits() -> None:
    ours, theirs = load("nano", "ort"), load("nano", "torch", device="cpu")
    a, b = ours.encode(shapes()), theirs.encode(shapes())
    clicked, expected = answer(ours, a), answer(theirs, b)
    assert np.abs(clicked - expected).max() < 1e-3
    ones = np.ones(2, np.float32)
    recalled = []
    for engine, features in ((ours, a), (theirs, b)):
        memories = engine.remember(features, expected[:, :1], ones, ones)
        pointer = np.linspace(-1, 1, engine.preset.dim, dtype=np.float32)
        wanted = [Recollection(((memory, 0),), ((pointer, 0.0),)) for memory in memories]
        recalled.append(answer(engine, engine.recall(features, wanted)))
    assert np.abs(recalled[0] - recalled[1]).max() < 1e-3
