"""Whole runs on drawn data: what they write, say and refuse, and that they learn."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import readers_helpers as made
from export_helpers import names
from splitmask.errors import DataError, ModelError
from splitmask.model import Sam2
from splitmask.model.weights import load_model, save_model
from splitmask.presets import PRESETS, TEST_CONV, TEST_HIERA, ConvParams
from splitmask.train.check import Check
from splitmask.train.readers import split
from splitmask.train.recipe import Phase, Recipe
from splitmask.train.run import RunOptions, train
from splitmask.train.scenes import SceneParams
from splitmask.train.trainer import Trainer
from train_helpers import drawn, project, recipe

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("data"), count=24)


def run(given: Recipe, options: RunOptions, steps: int | None = None) -> tuple[Trainer, list[str]]:
    """Trains; with `steps` it is stopped after that many."""
    lines: list[str] = []
    asked = iter(range(1, 10**6))
    stopper = nullcontext(lambda: steps is not None and next(asked) >= steps)
    done = train(given, options, lines.append, stopper)
    return done, lines


def test_what_a_run_leaves_behind(tmp_path: Path, data: Path) -> None:
    done, lines = run(recipe(eval_minutes=9.0), RunOptions((data,), tmp_path / "out"))
    assert done.steps == 4
    assert names(tmp_path / "out") == ["curves.png", "last.pt", "log.json", "test-conv.safetensors"]
    said = "\n".join(lines)
    assert "no GPU found: training on the CPU" in said
    assert "train: 22 pictures, 44 objects, 0 clips, 0 skipped" in said
    assert "held-out: 2 pictures" in said
    assert "step 1," in said
    assert "images/s" in said
    assert "left" in said
    log = json.loads((tmp_path / "out" / "log.json").read_text())
    assert log[-1]["step"] == 4
    assert {"held-out/drawn/1", "held-out/clicks/5"} <= set(log[-1])
    exported = load_model(tmp_path / "out" / "test-conv.safetensors").state_dict()
    for key, value in done.average.state.items():
        torch.testing.assert_close(exported[key], value, rtol=2e-3, atol=1e-3)


def test_a_runs_checkpoint_is_a_model(tmp_path: Path, data: Path) -> None:
    done, _ = run(recipe(), RunOptions((data,), tmp_path))
    loaded = load_model(tmp_path / "last.pt")
    assert loaded.preset is TEST_CONV
    for key, value in done.average.state.items():
        assert torch.equal(loaded.state_dict()[key], value), "its average is what is used"


def test_a_stopped_run_continues(tmp_path: Path, data: Path) -> None:
    whole, _ = run(recipe(), RunOptions((data,), tmp_path / "whole"))
    halted, lines = run(recipe(), RunOptions((data,), tmp_path / "out"), steps=2)
    assert halted.steps == 2
    assert lines[-1] == "stopped at step 2; the same command continues"
    continued, lines = run(recipe(), RunOptions((data,), tmp_path / "out"))
    assert f"continues {tmp_path / 'out' / 'last.pt'} at step 2, 50.0% done" in lines
    for key, value in whole.model.state_dict().items():
        torch.testing.assert_close(continued.model.state_dict()[key], value, rtol=1e-4, atol=1e-5)
    _, lines = run(recipe(lr=0.5), RunOptions((data,), tmp_path / "out"))
    assert "the recipe has changed since: lr" in lines
    assert any(line.startswith("the recipe is done already") for line in lines)
    anew, _ = run(recipe(), RunOptions((data,), tmp_path / "out", resume=False), steps=1)
    assert anew.steps == 1


def test_a_run_that_diverges_keeps_the_checkpoint_before(tmp_path: Path, data: Path) -> None:
    run(recipe(steps=2), RunOptions((data,), tmp_path))
    before = (tmp_path / "last.pt").read_bytes()
    with pytest.raises(ModelError, match=r"training has diverged: image/\w+ is nan at step"):
        run(recipe(steps=6, lr=1e30, warmup=1), RunOptions((data,), tmp_path))
    assert (tmp_path / "last.pt").read_bytes() == before


def test_weights_to_begin_from(tmp_path: Path, data: Path) -> None:
    given, _ = run(recipe(), RunOptions((data,), tmp_path / "a"))
    begun, _ = run(
        recipe(lr=0.0, final_lr=0.0), RunOptions((data,), tmp_path / "b", start=tmp_path / "a" / "last.pt")
    )
    for key, _ in begun.model.named_parameters():
        assert torch.equal(begun.model.state_dict()[key], given.average.state[key]), key


def test_fine_tuning_an_official_checkpoint(tmp_path: Path, data: Path) -> None:
    """As the official release stores it, of a small model of the same family."""
    torch.manual_seed(3)
    torch.save({"model": Sam2(TEST_HIERA).state_dict()}, tmp_path / "official.pt")
    frozen = ("memory_attention", "image_encoder.trunk.blocks.0.")
    given = recipe(preset="", steps=2, lr=1e-3, layer_decay=0.5, freeze=frozen, freeze_norm=True)
    done, _ = run(given, RunOptions((data,), tmp_path / "out", start=tmp_path / "official.pt"))
    assert done.preset is TEST_HIERA
    before, after = load_model(tmp_path / "official.pt").state_dict(), done.model.state_dict()

    def moved(key: str) -> float:
        return float((before[key] - after[key]).abs().max())

    assert moved("memory_attention.norm.weight") == 0
    assert moved("image_encoder.trunk.blocks.0.attn.qkv.weight") == 0
    early, late = (moved(f"image_encoder.trunk.blocks.{i}.attn.qkv.weight") for i in (1, 7))
    assert 0 < early < late / 10 < moved("sam_mask_decoder.iou_token.weight")
    assert (tmp_path / "out" / "test-hiera.safetensors").is_file()


def test_a_checkpoint_of_another_model_names_keys(tmp_path: Path, data: Path) -> None:
    save_model(Sam2(TEST_HIERA), tmp_path / "hiera.safetensors")
    with pytest.raises(ModelError, match=r"does not fit test-conv: \d+ missing .*it looks like test-hiera"):
        run(recipe(), RunOptions((data,), tmp_path / "out", start=tmp_path / "hiera.safetensors"))
    with pytest.raises(DataError, match="give --start or --preset"):
        run(recipe(preset=""), RunOptions((data,), tmp_path / "out"))
    with pytest.raises(ModelError, match="no parameter of test-conv begins so"):
        run(recipe(freeze=("trunk",)), RunOptions((data,), tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_data_that_is_not_there_or_unknown(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no training data"):
        run(recipe(), RunOptions((), tmp_path / "out"))
    with pytest.raises(DataError, match="there is no data at"):
        run(recipe(), RunOptions((tmp_path / "none",), tmp_path / "out"))
    (tmp_path / "some" / "folder").mkdir(parents=True)
    with pytest.raises(DataError, match="has no layout that is known"):
        run(recipe(), RunOptions((tmp_path / "some",), tmp_path / "out"))
    made.davis(tmp_path / "davis", ("train",))
    with pytest.raises(DataError, match="no picture to train on in the part 'train'"):
        run(recipe(), RunOptions((tmp_path / "davis",), tmp_path / "out"))


def test_a_broken_picture_is_skipped_or_refused(tmp_path: Path) -> None:
    root = project(tmp_path / "data", count=8)
    broken, small, *_ = [f"drawn_{i}" for i in range(8) if split(f"drawn_{i}") == "train"]
    (root / "drawn" / f"{broken}.webp").write_bytes(b"RIFF not a picture")
    Image.fromarray(np.ones((5, 5), np.uint8)).save(root / "drawn" / f"{small}.0.png")
    options = RunOptions((root,), tmp_path / "out")
    _, lines = run(recipe(steps=1), options)
    assert any(line.startswith("skipped") and f"{broken}.webp is not a picture" in line for line in lines)
    assert any(line.startswith("skipped") and "label map 0 is 5×5 pixels" in line for line in lines)
    assert any("2 skipped" in line for line in lines)
    with pytest.raises(DataError, match=broken):
        run(recipe(steps=1), replace(options, on_error="raise", resume=False))


def test_a_limit_takes_whole_clips(tmp_path: Path) -> None:
    made.davis(tmp_path / "davis", ("bear", "camel", "swan"))
    _, lines = run(recipe(steps=1), RunOptions((tmp_path / "davis",), tmp_path / "out", limit=11))
    assert any(line.startswith("train: 10 pictures") and "2 clips" in line for line in lines)


def test_a_run_by_the_clock(tmp_path: Path, data: Path) -> None:
    done, lines = run(recipe(minutes=0.03, steps=1), RunOptions((data,), tmp_path))
    assert 1.8 <= done.spent < 30
    assert done.steps > 1
    assert not any(line.startswith("stopped") for line in lines)


# Small enough for a processor, large enough to learn what a shape is.
LEARNER = replace(
    TEST_CONV,
    name="test-learner",
    trunk=ConvParams(channels=(16, 32, 48, 64), mid=(16, 24, 32), depths=(1, 1, 1, 1), num_heads=2),
    dim=64,
    decoder_mlp=128,
)


def test_it_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, LEARNER.name, LEARNER)
    phase = Phase("image", 1.0, batch=8, objects=2, scene=SceneParams(pastes=1), rounds=(1, 2))
    given = recipe((phase,), preset=LEARNER.name, steps=250, warmup=20, lr=2e-3, ema=0.97, least_cells=4)
    corpus, unseen = drawn(24), drawn(16, first=100)
    run = Trainer(given, corpus, tmp_path)
    before = Check(unseen, run.model)()
    while run.progress < 1:
        run.step()
    after = Check(unseen, run.model)()
    assert before["drawn/5"] < 0.2
    assert after["drawn/1"] > 0.4
    assert after["drawn/5"] > 0.65
