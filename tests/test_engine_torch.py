"""The PyTorch engine: the same numbers as the plain model, whatever it keeps, shares or rearranges."""

from __future__ import annotations

import copy
import gc
import threading
from collections.abc import Iterable
from functools import cache

import numpy as np
import pytest
import torch

import compat_official as official
from splitmask.engine.torch import TorchEngine, choose_device
from splitmask.engine.torch_recall import attend
from splitmask.model import Sam2
from splitmask.model.layers import in_parts
from splitmask.presets import TEST_CONV, TEST_HIERA, Preset
from splitmask.types import Features, Memory, Recollection

PRESETS = {preset.name: preset for preset in (TEST_CONV, TEST_HIERA)}
each_model = pytest.mark.parametrize("name", PRESETS)


@cache
def model(name: str) -> Sam2:
    torch.manual_seed(0)
    made = Sam2(PRESETS[name])
    drawn = official.redraw(made, seed=1)
    made.load_state_dict({key: value for key, value in drawn.items() if "running" not in key}, strict=False)
    return made.eval()


@cache
def engine(name: str, dtype: torch.dtype = torch.float32) -> TorchEngine:
    return TorchEngine(copy.deepcopy(model(name)), "cpu", dtype)


def picture(preset: Preset, seed: int = 0) -> np.ndarray:
    return official.picture(preset.image_size, preset.image_size, seed)


def recollection(preset: Preset, memories: int, pointers: int, seed: int = 0) -> Recollection:
    random = np.random.default_rng(seed)
    side = preset.memory_grid
    maps = random.normal(size=(memories, preset.memory_dim, side, side)).astype(np.float32)
    slots = [i % preset.num_memories for i in range(memories)]
    return Recollection(
        tuple((Memory(torch.from_numpy(each)), slot) for each, slot in zip(maps, slots, strict=True)),
        tuple((random.normal(size=preset.dim).astype(np.float32), i / 15) for i in range(pointers)),
    )


def plain_recall(name: str, features: Features, each: Recollection) -> torch.Tensor:
    """By the model itself."""
    preset = PRESETS[name]
    maps = torch.stack([memory.map for memory, _ in each.memories])[None]
    slots = torch.nn.functional.one_hot(
        torch.tensor([slot for _, slot in each.memories]), preset.num_memories
    ).float()
    pointers = np.stack([pointer for pointer, _ in each.pointers] or [np.zeros((0, preset.dim), np.float32)])
    pointers = torch.from_numpy(pointers.reshape(1, -1, preset.dim))
    times = torch.tensor([[dt for _, dt in each.pointers]], dtype=torch.float32)
    with torch.inference_mode():
        return model(name).recall(features.image_embed, maps, slots[None], None, pointers, times, None)


@each_model
@pytest.mark.parametrize(("memories", "pointers"), [(1, 0), (1, 1), (7, 16), (10, 19)])
def test_recall(name: str, memories: int, pointers: int) -> None:
    features = engine(name).encode(picture(PRESETS[name]))
    wanted = recollection(PRESETS[name], memories, pointers)
    result = engine(name).recall(features, [wanted]).image_embed
    torch.testing.assert_close(result, plain_recall(name, features, wanted), rtol=0, atol=1e-4)


@each_model
def test_recall_of_objects_that_remember_differently(name: str) -> None:
    preset = PRESETS[name]
    features = engine(name).encode(picture(preset))
    wanted = [recollection(preset, r, p, seed=r) for r, p in ((1, 1), (7, 16), (3, 2))]
    results = engine(name).recall(features, wanted).image_embed
    for result, each in zip(results, wanted, strict=True):
        torch.testing.assert_close(result[None], plain_recall(name, features, each), rtol=0, atol=1e-4)


@each_model
def test_recall_pads_and_masks_where_objects_share_a_batch(name: str) -> None:
    """What a GPU runs, on the CPU."""
    preset = PRESETS[name]
    batched = TorchEngine(copy.deepcopy(model(name)), "cpu")
    batched._cpu_recall = None
    features = batched.encode(picture(preset))
    wanted = [recollection(preset, r, p, seed=r) for r, p in ((1, 0), (7, 16), (3, 2))]
    expected = engine(name).recall(features, wanted).image_embed
    torch.testing.assert_close(batched.recall(features, wanted).image_embed, expected, rtol=0, atol=1e-4)
    expected = engine(name).recall(features, wanted[1:2]).image_embed
    torch.testing.assert_close(batched.recall(features, wanted[1:2]).image_embed, expected, rtol=0, atol=1e-4)


def test_features_of_several_frames_may_be_recalled_together() -> None:
    preset = TEST_HIERA
    maps = [engine(preset.name).encode(picture(preset, seed)) for seed in (1, 2)]
    joined = Features(torch.cat([each.image_embed for each in maps]), *vars_of(maps[0]))
    wanted = [recollection(preset, 2, 2, seed) for seed in (1, 2)]
    results = engine(preset.name).recall(joined, wanted).image_embed
    for result, features, each in zip(results, maps, wanted, strict=True):
        alone = engine(preset.name).recall(features, [each]).image_embed
        torch.testing.assert_close(result[None], alone, rtol=0, atol=1e-4)


def vars_of(features: Features) -> tuple[torch.Tensor, torch.Tensor]:
    return features.high_res_feats_0, features.high_res_feats_1


@pytest.mark.parametrize("scale", [0.1, 30.0])
@pytest.mark.parametrize("far", [False, True])
def test_attention_is_softmax_attention(scale: float, far: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    q, keys = (torch.randn(1100, 8, generator=generator) * scale, torch.randn(8, 1500, generator=generator))
    values = torch.randn(1500, 5, generator=generator)
    if far:
        keys[:, 7] = q[3] * 100 / scale  # a key that the sample misses, and whose `exp` overflows
    blocks = [(keys[:, :40], values[:40]), (keys[:, 40:], values[40:]), (keys[:, :0], values[:0])]
    expected = torch.softmax((q.double() @ keys.double()), dim=1) @ values.double()
    result = attend(q, keys[:, 16::16], blocks.copy)
    torch.testing.assert_close(result, expected.float(), rtol=0, atol=2e-4)


@each_model
def test_decode_from_what_is_kept_of_an_image(name: str) -> None:
    preset, plain = PRESETS[name], model(name)
    features = engine(name).encode(picture(preset))
    random = np.random.default_rng(0)
    maps = (features.image_embed, *vars_of(features))
    side = preset.mask_size
    for b, masked in ((1, False), (5, False), (3, True), (1, False)):
        points = (random.random((b, 2, 2)) * preset.image_size).astype(np.float32)
        labels = random.integers(0, 4, (b, 2)).astype(np.float32)
        mask = random.normal(size=(b, 1, side, side)).astype(np.float32) * 5 if masked else None
        decoded = engine(name).decode(features, points, labels, mask)
        given = np.zeros((b, 1, side, side), np.float32) if mask is None else mask
        inputs = (points, labels, given, np.full(b, masked, np.float32))
        with torch.inference_mode():
            expected = plain.decode(*maps, *(torch.from_numpy(x) for x in inputs))
        results = (decoded.masks, decoded.ious, decoded.presence[:, None], decoded.pointers)
        for result, reference in zip(results, expected, strict=True):
            np.testing.assert_allclose(result, reference, rtol=0, atol=1e-4)


@each_model
def test_encode_and_remember(name: str) -> None:
    preset, plain = PRESETS[name], model(name)
    image = picture(preset)
    features = engine(name).encode(image)
    normalised = (image / 255 - np.array(preset.mean)) / np.array(preset.std)
    with torch.inference_mode():
        expected = plain.encode(torch.from_numpy(normalised.transpose(2, 0, 1)[None]).float())
    for result, reference in zip((*vars_of(features), features.image_embed), expected, strict=True):
        torch.testing.assert_close(result, reference, rtol=0, atol=1e-4)
    logits = np.random.default_rng(0).normal(size=(2, 1, 20, 20)).astype(np.float32)
    binarize, presence = np.array([0, 1], np.float32), np.array([3, -3], np.float32)
    memories = engine(name).remember(features, logits, binarize, presence)
    given = (torch.from_numpy(each) for each in (logits, binarize, presence[:, None]))
    with torch.inference_mode():
        expected = plain.remember(features.image_embed, *given)
    torch.testing.assert_close(torch.stack([m.map for m in memories]), expected, rtol=0, atol=1e-4)


def test_what_is_kept_goes_with_the_features() -> None:
    made = TorchEngine(copy.deepcopy(model("test-hiera")), "cpu")
    features = made.encode(picture(TEST_HIERA))
    made.decode(features, np.zeros((1, 1, 2), np.float32), np.ones((1, 1), np.float32))
    made.recall(features, [recollection(TEST_HIERA, 1, 1)])
    assert made._cpu_recall is not None
    assert len(made._image_sides) == len(made._cpu_recall._shared) == 1
    del features
    gc.collect()
    assert len(made._image_sides) == len(made._cpu_recall._shared) == 0


def test_threads_may_share_an_engine() -> None:
    features = [engine("test-hiera").encode(picture(TEST_HIERA, seed)) for seed in range(4)]
    wanted = recollection(TEST_HIERA, 3, 3)
    expected = [engine("test-hiera").recall(each, [wanted]).image_embed for each in features]
    fresh = [Features(each.image_embed, *vars_of(each)) for each in features]
    results: dict[int, torch.Tensor] = {}

    def work(indices: Iterable[int]) -> None:
        for i in indices:
            results[i] = engine("test-hiera").recall(fresh[i], [wanted]).image_embed

    threads = [threading.Thread(target=work, args=(order,)) for order in (range(4), range(3, -1, -1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(4):
        torch.testing.assert_close(results[i], expected[i], rtol=0, atol=1e-5)


@each_model
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_close(name: str, dtype: torch.dtype) -> None:
    preset = PRESETS[name]
    full, half = engine(name), engine(name, dtype)
    points, labels = np.full((1, 1, 2), preset.image_size / 3, np.float32), np.ones((1, 1), np.float32)
    masks = []
    for each in (full, half):
        features = each.encode(picture(preset))
        memory = each.remember(features, *first_mask(preset))
        recalled = each.recall(
            features, [Recollection(((memory[0], 0),), ((np.ones(preset.dim, np.float32), 0.1),))]
        )
        decoded = each.decode(recalled, points, labels)
        assert {x.dtype for x in (decoded.masks, decoded.ious, decoded.pointers)} == {np.dtype("float32")}
        masks.append(decoded.masks > 0)
    assert half.dtype == dtype
    assert (masks[0] == masks[1]).mean() > 0.97


def first_mask(preset: Preset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    logits = np.full((1, 1, preset.mask_size, preset.mask_size), -8, np.float32)
    logits[..., 3:9, 3:9] = 8
    return logits, np.ones(1, np.float32), np.ones(1, np.float32)


def test_points_keep_their_precision_in_a_model_of_half_precision() -> None:
    """Neighbouring pixels of a wide image are not one in bfloat16, whose steps are 4 there."""
    half = engine("test-hiera", torch.bfloat16)
    features = half.encode(picture(TEST_HIERA))
    labels = np.ones((2, 1), np.float32)
    decoded = half.decode(features, np.array([[[120.0, 9]], [[120.25, 9]]], np.float32), labels)
    assert not np.array_equal(decoded.masks[0], decoded.masks[1])


def test_an_engine_may_be_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []

    def compile_eagerly(function: object) -> object:
        compiled.append(function)
        return function

    monkeypatch.setattr(torch, "compile", compile_eagerly)
    made = TorchEngine(copy.deepcopy(model("test-conv")), "cpu", compile=True)
    expected = engine("test-conv").encode(picture(TEST_CONV)).image_embed
    torch.testing.assert_close(made.encode(picture(TEST_CONV)).image_embed, expected)
    assert compiled == [made.model.encode]


def test_features_travel_as_arrays() -> None:
    made = engine("test-hiera")
    features = made.encode(picture(TEST_HIERA))
    arrays = made.to_arrays(features)
    assert arrays.image_embed.dtype == np.float32
    assert torch.equal(made.from_arrays(arrays).high_res_feats_0, features.high_res_feats_0)


def test_description_and_device() -> None:
    assert engine("test-conv", torch.bfloat16).description.startswith("test-conv · torch ")
    assert engine("test-conv", torch.bfloat16).description.endswith("cpu bfloat16")
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device().type in ("cpu", "cuda", "mps")


def test_a_part_at_a_time_is_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(100, 6)
    with torch.inference_mode():
        whole = in_parts(torch.sin, x, 6)
        monkeypatch.setattr("splitmask.model.layers.PART_BYTES", 7 * 6 * 4)
        parts: list[int] = []

        def sine(part: torch.Tensor) -> torch.Tensor:
            parts.append(len(part))
            return torch.sin(part)

        assert torch.equal(in_parts(sine, x, 6), whole)
        assert parts == [7] * 14 + [2]
    parts.clear()
    in_parts(sine, x, 6)  # gradients go through one call
    assert parts == [100]


def test_a_trunk_in_parts_is_the_trunk(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = engine("test-hiera").encode(picture(TEST_HIERA))
    monkeypatch.setattr("splitmask.model.layers.PART_BYTES", 1 << 12)
    result = engine("test-hiera").encode(picture(TEST_HIERA))
    for a, b in zip(vars_of(result), vars_of(expected), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-4)
