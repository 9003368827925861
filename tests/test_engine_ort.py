"""ONNX Runtime against torch: verb by verb, in batches, from threads and over a little tracker's loop."""

from __future__ import annotations

import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from onnx_helpers import SMALL_PRESETS, redrawn, relative
from splitmask.engine import padding
from splitmask.engine.base import Engine
from splitmask.engine.graphs import FILE, read_graphs
from splitmask.engine.ort import OrtEngine
from splitmask.engine.torch import TorchEngine
from splitmask.errors import ModelError
from splitmask.onnx.export import export
from splitmask.presets import PRESETS, Preset
from splitmask.types import Decoded, Features, Memory, Recollection

Pair = tuple[OrtEngine, TorchEngine]


@pytest.fixture(scope="module", params=["test-conv", "test-hiera"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    model = redrawn(SMALL_PRESETS[request.param], half=True)
    folder = tmp_path_factory.mktemp("graphs")
    export(model, folder)
    return OrtEngine(folder, threads=1), TorchEngine(model, "cpu")


@pytest.fixture
def folder(pair: Pair, tmp_path: Path) -> Path:
    """A copy of the graphs, to be damaged."""
    return Path(shutil.copytree(pair[0].folder, tmp_path / "graphs"))


def picture(seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (45, 83, 3), np.uint8)


def click(engine: Engine, features: Features, b: int = 1) -> Decoded:
    side = engine.preset.image_size
    points = np.linspace(0.2, 0.8, 4 * b, dtype=np.float32).reshape(b, 2, 2) * side
    return engine.decode(features, points, np.tile(np.array([1, 0], np.float32), (b, 1)))


def no_points(b: int) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float32]], ...]:
    return np.zeros((b, 1, 2), np.float32), np.full((b, 1), -1, np.float32)


def same(ours: Decoded, theirs: Decoded, tolerance: float = 1e-4) -> None:
    for name in ("masks", "ious", "presence", "pointers"):
        assert relative(getattr(ours, name), getattr(theirs, name)) < tolerance, name


def test_every_verb_agrees_with_torch(pair: Pair) -> None:
    (ours, theirs), image = pair, picture()
    a, b = ours.encode(image), theirs.encode(image)
    for name in ("image_embed", "high_res_feats_0", "high_res_feats_1"):
        assert relative(getattr(a, name), getattr(b, name)) < 1e-4
    same(click(ours, a, 3), click(theirs, b, 3))
    assert relative(ours.unconditioned(a).image_embed, theirs.unconditioned(b).image_embed) < 1e-4
    logits = click(theirs, b, 3).masks[:, :1]
    given = logits, np.array([1, 0, 1], np.float32), np.array([1, -1, 2], np.float32)
    for x, y in zip(ours.remember(a, *given), theirs.remember(b, *given), strict=True):
        assert relative(x.map, y.map) < 1e-4


def test_constants_agree_with_torch(pair: Pair) -> None:
    ours, theirs = (engine.constants for engine in pair)
    np.testing.assert_array_equal(ours.no_obj_ptr, theirs.no_obj_ptr)
    np.testing.assert_array_equal(ours.mask_downsample_weight, theirs.mask_downsample_weight)
    assert ours.mask_downsample_bias == pytest.approx(theirs.mask_downsample_bias, rel=1e-6)


def test_a_mask_that_is_fed_back_is_used(pair: Pair) -> None:
    engine = pair[0]
    features, side = engine.encode(picture()), engine.preset.mask_size
    fed = np.full((1, 1, side, side), 8, np.float32)
    plain, refined = (engine.decode(features, *no_points(1), mask) for mask in (None, fed))
    assert relative(plain.masks, refined.masks) > 1e-3


def recollections(memories: list[Memory], pointers: Decoded) -> list[Recollection]:
    """Three objects that remember 1, 3 and 2 frames, by 2, 0 and 4 pointers."""
    kept = [(pointers.pointers[0, i], 0.2 * i) for i in range(4)]
    return [
        Recollection(((memories[0], 0),), tuple(kept[:2])),
        Recollection(((memories[1], 0), (memories[2], 6), (memories[0], 1)), ()),
        Recollection(((memories[2], 0), (memories[1], 3)), tuple(kept)),
    ]


def test_objects_of_a_batch_do_not_touch_each_other(pair: Pair) -> None:
    engine = pair[0]
    features = engine.encode(picture())
    decoded = click(engine, features, 3)
    ones = np.ones(3, np.float32)
    wanted = recollections(engine.remember(features, decoded.masks[:, :1], ones, ones), decoded)
    together = engine.recall(features, wanted).image_embed
    for i, each in enumerate(wanted):
        alone = engine.recall(features, [each]).image_embed
        assert relative(together[i : i + 1], alone) < 1e-5


def test_objects_that_are_too_many_for_one_call_are_recalled_in_several(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = pair[0]
    features = engine.encode(picture())
    decoded = click(engine, features, 3)
    ones = np.ones(3, np.float32)
    wanted = recollections(engine.remember(features, decoded.masks[:, :1], ones, ones), decoded)
    together = engine.recall(features, wanted).image_embed
    again = engine.recall(engine.recall(features, wanted), wanted).image_embed
    monkeypatch.setattr(padding, "SCORES", 1)
    assert padding.objects_at_once(wanted, engine.preset) == 1
    np.testing.assert_allclose(engine.recall(features, wanted).image_embed, together, rtol=1e-4, atol=1e-4)
    alone = engine.recall(engine.recall(features, wanted), wanted).image_embed
    np.testing.assert_allclose(alone, again, rtol=1e-3, atol=1e-3)


def test_how_many_objects_are_recalled_at_once() -> None:
    def batch(preset: Preset) -> int:
        memory, pointer = Memory(None), np.zeros(preset.dim, np.float32)
        return padding.objects_at_once([Recollection(((memory, 0),) * 7, ((pointer, 0.0),) * 16)], preset)

    assert batch(PRESETS["nano"]) == 8
    assert batch(PRESETS["sam2.1-tiny"]) == 1


def track(engine: Engine, frames: int) -> list[Decoded]:
    """Two objects, clicked on the first frame and carried on from memory."""
    memories: list[list[Memory]] = []
    pointers: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = []
    seen = []
    for t in range(frames):
        features = engine.encode(picture(t))
        conditioned = features
        if t:
            recent = range(max(1, t - 6), t)
            wanted = [
                Recollection(
                    ((memories[0][i], 0), *((memories[k][i], t - k) for k in recent)),
                    tuple((pointers[k][i], (t - k) / 15) for k in range(t)),
                )
                for i in range(2)
            ]
            conditioned = engine.recall(features, wanted)
        decoded = engine.decode(conditioned, *no_points(2)) if t else click(engine, features, 2)
        seen.append(decoded)
        made = engine.remember(
            features, decoded.masks[:, :1], np.full(2, not t, np.float32), decoded.presence
        )
        memories.append(made)
        pointers.append(decoded.pointers[:, 0])
    return seen


def test_a_clip_is_tracked_as_torch_tracks_it(pair: Pair) -> None:
    for ours, theirs in zip(*(track(engine, 9) for engine in pair), strict=True):
        same(ours, theirs, 1e-3)


def test_threads_share_an_engine(pair: Pair) -> None:
    engine = OrtEngine(pair[0].folder, threads=1)  # one that has not loaded its graphs yet
    images = [picture(i) for i in range(4)]
    alone = [click(pair[0], pair[0].encode(image)) for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda image: click(engine, engine.encode(image)), images))
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_allclose(a.masks, b.masks, rtol=1e-5, atol=1e-5)


def test_the_arithmetic_of_the_caller_stays_as_it_is(pair: Pair) -> None:
    """A runtime may be told to flush denormals; it would do so in the caller's thread too."""
    engine = OrtEngine(pair[0].folder, threads=1)
    engine.encode(picture())
    assert np.float32(1e-39) * np.float32(1) > 0


def test_it_says_what_it_is(pair: Pair) -> None:
    engine = pair[0]
    assert engine.description.startswith(f"{engine.preset.name} · onnxruntime ")
    assert (engine.max_prompted, pair[1].max_prompted) == (4, -1)
    assert engine.weights_sha256 == read_graphs(engine.folder).weights_sha256


def refused(folder: Path, *words: str) -> None:
    with pytest.raises(ModelError) as error:
        OrtEngine(folder, threads=1).encode(picture())
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def rewrite(folder: Path, **changes: object) -> None:
    import json

    content = json.loads((folder / FILE).read_text())
    for path, value in changes.items():
        target, *rest = path.split("__")
        at = content
        while rest:
            at, target, rest = at[target], rest[0], rest[1:]
        at[target] = value
    (folder / FILE).write_text(json.dumps(content))


def replace_encoder(folder: Path, data: bytes) -> None:
    (folder / "image_encoder.onnx").write_bytes(data)
    rewrite(folder, graphs__image_encoder__sha256=hashlib.sha256(data).hexdigest())


def test_a_graph_that_is_missing_or_changed_is_named(folder: Path) -> None:
    graph = folder / "image_encoder.onnx"
    whole = graph.read_bytes()
    graph.write_bytes(whole[:1000])
    refused(folder, "image_encoder.onnx", f"1000 bytes of {len(whole)}")
    graph.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    refused(folder, "image_encoder.onnx", "graphs.json")
    graph.unlink()
    refused(folder, "image_encoder.onnx", "No such file")


def test_a_graph_that_is_none_is_named(folder: Path) -> None:
    replace_encoder(folder, b"not a graph")
    refused(folder, "image_encoder.onnx", "onnxruntime")


def test_a_graph_of_an_opset_to_come_is_named(folder: Path) -> None:
    made = onnx.load(folder / "image_encoder.onnx")
    made.opset_import[0].version = 999
    replace_encoder(folder, made.SerializeToString())
    refused(folder, "image_encoder.onnx has opset 999 of ai.onnx", "upgrade")
    made.opset_import[0].version, made.ir_version = 18, 99
    replace_encoder(folder, made.SerializeToString())
    refused(folder, "image_encoder.onnx has IR version 99", "upgrade")


def test_a_graph_without_its_tensors_is_named(folder: Path) -> None:
    tensors = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("image", "other")
    ]
    graph = helper.make_graph([helper.make_node("Relu", ["image"], ["other"])], "g", tensors[:1], tensors[1:])
    made = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])
    replace_encoder(folder, made.SerializeToString())
    refused(folder, "image_encoder.onnx", "'high_res_feats_0'")


def test_weights_beside_a_graph_are_found_and_named_where_they_are_missing(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    graph = folder / "image_encoder.onnx"
    expected = OrtEngine(folder, threads=1).encode(picture()).image_embed
    made = onnx.load(graph)
    onnx.save(made, graph, save_as_external_data=True, location="encoder.data", size_threshold=1024)
    replace_encoder(folder, graph.read_bytes())
    assert (folder / "encoder.data").stat().st_size > 1000
    np.testing.assert_array_equal(OrtEngine(folder, threads=1).encode(picture()).image_embed, expected)
    (folder / "encoder.data").rename(folder / "lost.data")
    refused(folder, "image_encoder.onnx lacks its weights, ", "encoder.data: copy or fetch")
    whole = (folder / "lost.data").read_bytes()
    (folder / "encoder.data").write_bytes(whole[:-1])
    last = f"encoder.data, its weights, has {len(whole) - 1} bytes of {len(whole)} or more"
    refused(folder, "image_encoder.onnx does not load: ", last)
    size = len(whole) + 4096
    listed = {"file": "encoder.data", "bytes": size, "sha256": hashlib.sha256(whole).hexdigest()}
    rewrite(folder, graphs__image_encoder__data=listed)
    refused(folder, "image_encoder.onnx does not load: ", f"has {len(whole) - 1} bytes of {size} or more")
    assert capfd.readouterr() == ("", ""), "the runtime has a log of its own"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": "other"}, "format"),
        ({"version": 2}, "version 2"),
        ({"preset": "sam9"}, "sam9"),
        ({"imageSize": 7}, "imageSize"),
        ({"graphs__mask_decoder__inputs": []}, "image_embed"),
        ({"graphs__mask_decoder__file": "../mask_decoder.onnx"}, "file"),
        ({"constants__noObjPtr": [1.0]}, "noObjPtr"),
        ({"graphs": {}}, "graphs.image_encoder"),
    ],
)
def test_graphs_json_is_checked(folder: Path, changes: dict[str, object], said: str) -> None:
    rewrite(folder, **changes)
    refused(folder, str(folder / FILE), said)


def test_a_folder_without_graphs_json_or_with_a_damaged_one_is_named(folder: Path) -> None:
    (folder / FILE).write_text('{"format": ')
    refused(folder, FILE, "damaged")
    (folder / FILE).unlink()
    refused(folder, FILE, "No such file")
