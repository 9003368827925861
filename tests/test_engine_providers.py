"""Which provider computes: chosen, fallen back from, bound to its memory, and refused where it is wrong."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from cli_helpers import photo, small_model, splitmask
from onnx_helpers import redrawn
from splitmask.engine import golden, load, providers
from splitmask.engine.graphs import FILE
from splitmask.engine.ort import OrtEngine
from splitmask.engine.providers import CPU, ORDER, PROVIDERS, Graph, Provider, candidates, first_working
from splitmask.errors import ModelError
from splitmask.onnx.export import export
from splitmask.presets import TEST_CONV
from splitmask.types import Decoded, Features, Recollection

HERE = set(onnxruntime.get_available_providers())
ABSENT = next(row for row in PROVIDERS.values() if row.execution not in HERE)
# The CPU, treated as a device with memory of its own: tensors stay in it between graphs.
BOUND = replace(CPU, name="bound", label="Bound", binds="cpu")


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(providers.VARIABLE, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Graphs with their golden answers, to be doctored."""
    copied = Path(shutil.copytree(small_model(), tmp_path / "model"))
    OrtEngine(copied, threads=1).write_golden()
    return copied


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (45, 83, 3), np.uint8)


def click(engine: OrtEngine, features: Features, b: int = 1) -> Decoded:
    points = np.linspace(8, 50, 4 * b, dtype=np.float32).reshape(b, 2, 2)
    return engine.decode(features, points, np.tile(np.array([1, 0], np.float32), (b, 1)))


def test_the_fastest_that_is_installed_comes_first_and_the_cpu_last() -> None:
    found = [row.name for row in candidates()]
    assert found == [name for name in ORDER[sys.platform] if PROVIDERS[name].execution in HERE]
    assert found[-1] == "cpu"
    assert all(row.execution in HERE for row in candidates())


def test_who_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    assert candidates("cpu") == candidates("cpu, cpu") == [CPU]
    monkeypatch.setenv(providers.VARIABLE, "abacus")
    with pytest.raises(ModelError, match=r"unknown provider 'abacus': choose auto or of .*cpu"):
        candidates()
    assert candidates("cpu") == [CPU]  # what is said in the call counts more


def test_a_provider_that_is_not_installed_is_named_with_what_brings_it() -> None:
    with pytest.raises(ModelError) as error:
        load(small_model(), provider=ABSENT.name)
    assert f"no provider {ABSENT.name!r} here: choose of " in str(error.value)
    assert f"or install {ABSENT.package}" in str(error.value)
    with pytest.raises(ModelError, match=f"no provider '{ABSENT.name}'"):
        load(small_model(), device=ABSENT.name)


def test_of_several_one_that_is_not_installed_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        engine = load(small_model(), provider=f"{ABSENT.name},cpu")
    assert "CPU" in engine.description
    assert f"install {ABSENT.package}; trying CPU" in caplog.text


def test_one_that_does_not_start_is_passed_over_with_a_reason(caplog: pytest.LogCaptureFixture) -> None:
    data = (Path(small_model()) / "mask_decoder.onnx").read_bytes()
    with caplog.at_level(logging.WARNING):
        graph = first_working([ABSENT, CPU], lambda row: Graph(data, row, 1, Path()))
    assert graph.provider is CPU
    (said,) = caplog.messages
    assert said == (
        f"{ABSENT.label} is not used: this onnxruntime was built without it; install {ABSENT.package}; "
        "trying CPU"
    )
    with pytest.raises(ModelError, match=f"{ABSENT.label} cannot be used: this onnxruntime was built"):
        first_working([ABSENT], lambda row: Graph(data, row, 1, Path()))


def test_it_says_what_it_computes_on() -> None:
    assert OrtEngine(small_model(), threads=1, provider="cpu").description.endswith(" · CPU")
    assert OrtEngine(small_model(), threads=1, provider=BOUND).description.endswith(" · Bound")


def test_tensors_that_stay_where_they_are_give_the_same_answers() -> None:
    plain, bound = (OrtEngine(small_model(), threads=1, provider=row) for row in ("cpu", BOUND))
    ours, theirs = bound.encode(picture()), plain.encode(picture())
    assert isinstance(ours.image_embed, onnxruntime.OrtValue)
    arrays = bound.to_arrays(ours)
    for name in ("image_embed", "high_res_feats_0", "high_res_feats_1"):
        assert np.array_equal(getattr(arrays, name), getattr(theirs, name))
    assert isinstance(bound.from_arrays(arrays).image_embed, onnxruntime.OrtValue)
    made = [_remembered(engine, features) for engine, features in ((bound, ours), (plain, theirs))]
    assert isinstance(made[0][0].image_embed, onnxruntime.OrtValue)
    np.testing.assert_allclose(made[0][1].masks, made[1][1].masks, rtol=1e-5, atol=1e-5)
    apart = bound.unconditioned(ours).image_embed
    np.testing.assert_allclose(apart, plain.unconditioned(theirs).image_embed, rtol=1e-6)
    assert click(bound, bound.from_arrays(arrays)).masks == pytest.approx(click(plain, theirs).masks)


def _remembered(engine: OrtEngine, features: Features) -> tuple[Features, Decoded]:
    """Three objects clicked, remembered, recalled twice over and decoded again."""
    decoded = click(engine, features, 3)
    ones = np.ones(3, np.float32)
    memories = engine.remember(features, decoded.masks[:, :1], ones, ones)
    wanted = [
        Recollection(((m, 0),), ((p, 0.1),)) for m, p in zip(memories, decoded.pointers[:, 0], strict=True)
    ]
    recalled = engine.recall(features, wanted)
    again = engine.recall(recalled, wanted)
    none = np.zeros((3, 1, 2), np.float32), np.full((3, 1), -1, np.float32)
    return recalled, engine.decode(again, *none)


def test_many_threads_share_a_session_and_its_bindings() -> None:
    serial = replace(BOUND, is_serial=True)
    alone = OrtEngine(small_model(), threads=1, provider="cpu")
    wanted = [click(alone, alone.encode(picture(i))).masks for i in range(8)]
    for row in (CPU, BOUND, serial):
        engine = OrtEngine(small_model(), threads=1, provider=row)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda i: click(engine, engine.encode(picture(i))).masks, range(8)))  # noqa: B023
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_threads_that_click_one_frame_share_what_is_prepared_for_it(tmp_path: Path) -> None:
    export(redrawn(TEST_CONV), tmp_path, prepare=True)
    plain = OrtEngine(small_model(), threads=1, provider="cpu")
    wanted = click(plain, plain.encode(picture())).masks
    together = Barrier(8)
    for row in (CPU, BOUND):
        engine = OrtEngine(tmp_path, threads=1, provider=row)
        for _ in range(20):
            features = engine.encode(picture())

            def first_click(_: int) -> np.ndarray:
                together.wait()
                return click(engine, features).masks  # noqa: B023

            with ThreadPoolExecutor(8) as pool:
                for masks in pool.map(first_click, range(8)):
                    np.testing.assert_allclose(masks, wanted, rtol=1e-3, atol=1e-3)


Change = Callable[[np.ndarray], np.ndarray]


def doctor(folder: Path, name: str, change: Change) -> None:
    """Changes the largest weight of a graph, in a way that the hashes of the folder vouch for."""
    model = onnx.load(folder / f"{name}.onnx")
    largest = max(model.graph.initializer, key=lambda each: numpy_helper.to_array(each).size)
    weights = numpy_helper.to_array(largest)
    largest.CopyFrom(numpy_helper.from_array(change(weights).astype(weights.dtype), largest.name))
    data = model.SerializeToString()
    (folder / f"{name}.onnx").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()

    def vouch(file: str, find: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        content = json.loads((folder / file).read_text())
        find(content)["sha256"] = digest
        (folder / file).write_text(json.dumps(content))

    vouch(FILE, lambda content: content["graphs"][name])
    vouch(golden.FILE, lambda content: next(c for c in content["cases"] if c["graph"] == name))


@pytest.mark.parametrize("name", ["image_encoder", "mask_decoder", "memory_encoder", "memory_attention"])
def test_a_provider_that_computes_wrongly_is_refused(folder: Path, name: str) -> None:
    assert OrtEngine(folder, threads=1, provider=BOUND).provider is BOUND
    doctor(folder, name, lambda weights: weights[::-1])
    with pytest.raises(ModelError, match=rf"Bound cannot be used: {name} answers \w+ wrongly, off by "):
        OrtEngine(folder, threads=1, provider=BOUND)
    lazy = OrtEngine(folder, threads=1, provider="cpu", self_test=True)
    with pytest.raises(ModelError, match=rf"failed on CPU: {name} answers"):
        _remembered(lazy, lazy.encode(picture()))
    trusting = OrtEngine(folder, threads=1, provider="cpu")
    _remembered(trusting, trusting.encode(picture()))  # the CPU is what others are compared with


def test_where_others_may_do_a_wrong_provider_is_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(PROVIDERS, "bound", BOUND)
    assert load(folder, provider="bound,cpu").description.endswith(" · Bound")
    doctor(folder, "memory_encoder", lambda weights: weights[::-1])
    monkeypatch.setenv(providers.VARIABLE, "bound,cpu")
    with caplog.at_level(logging.WARNING):
        assert load(folder).description.endswith(" · CPU")
    (said,) = caplog.messages
    assert re.fullmatch(
        r"Bound is not used: memory_encoder answers memory wrongly, off by \d+\.\d% of its largest value; "
        "trying CPU",
        said,
    )


def test_an_answer_that_is_none_is_a_wrong_one(folder: Path) -> None:
    doctor(folder, "memory_encoder", lambda weights: weights * np.nan)
    with pytest.raises(ModelError, match="Bound cannot be used: memory_encoder answers memory with NaN"):
        OrtEngine(folder, threads=1, provider=BOUND)


def test_rounding_is_no_wrong_answer(folder: Path) -> None:
    for name in ("image_encoder", "mask_decoder"):
        doctor(folder, name, lambda weights: weights * (1 + 1e-4))
    OrtEngine(folder, threads=1, provider=BOUND)


def test_without_golden_answers_the_cpu_is_asked(folder: Path) -> None:
    (folder / golden.FILE).unlink()
    OrtEngine(folder, threads=1, provider=BOUND)


def test_a_decoder_alone_is_tested_alone(folder: Path) -> None:
    for name in ("image_encoder", "memory_encoder", "memory_attention"):
        (folder / f"{name}.onnx").unlink()
    assert OrtEngine(folder, threads=1, provider=BOUND).provider is BOUND
    doctor(folder, "mask_decoder", lambda weights: -weights)
    with pytest.raises(ModelError, match="mask_decoder answers"):
        OrtEngine(folder, threads=1, provider=BOUND)


def test_a_graph_that_is_damaged_is_not_the_providers_fault(folder: Path) -> None:
    graph = folder / "mask_decoder.onnx"
    graph.write_bytes(graph.read_bytes()[:-7])
    with pytest.raises(ModelError, match=r"mask_decoder\.onnx is not the file that graphs\.json names"):
        OrtEngine(folder, threads=1, provider=BOUND)


@pytest.mark.parametrize("words", [["--provider", "abacus"], ["--provider", ABSENT.name]])
def test_the_command_line_says_it_in_a_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str]
) -> None:
    image = photo(tmp_path / "a.png")
    error = splitmask(
        capsys, "segment", image, "--point", "9,9", "--model", small_model(), *words, "-o", tmp_path / "o"
    ).error
    assert f"provider '{words[1]}'" in error


def test_every_row_says_what_it_needs_and_is_in_the_documents() -> None:
    page = (Path(__file__).parent.parent / "docs" / "providers.md").read_text("utf-8")
    assert re.findall(r"^\| `([a-z0-9-]+)` \|", page, re.MULTILINE) == list(PROVIDERS)
    assert {name for order in ORDER.values() for name in order} <= set(PROVIDERS)
    for row in PROVIDERS.values():
        assert row.execution in onnxruntime.get_all_providers()
        assert row.package
        assert isinstance(row, Provider)
