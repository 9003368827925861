"""Recipes: read whole, and what is wrong in them is named."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from splitmask.errors import DataError, ModelError
from splitmask.train.recipe import Recipe, changed, load_recipe, override, packaged
from train_helpers import recipe

ROOT = Path(__file__).parent.parent
PHASE = {"name": "a", "share": 1, "batch": 2, "objects": 1, "scene": {"frames": 2}}


def written(path: Path, **changes: object) -> Path:
    path.write_text(json.dumps({"phases": [PHASE], **changes}))
    return path


def test_a_recipe_fills_in_the_dataclasses(tmp_path: Path) -> None:
    phase = {**PHASE, "rounds": [2], "starts": ["mask", "box"], "scene": {"frames": 3, "pastes": 1}}
    path = written(tmp_path / "r.json", lr=1, freeze=["a.b"], weights={"coco": 2}, phases=[phase])
    loaded = load_recipe(path)
    assert (loaded.lr, loaded.freeze, loaded.weights) == (1, ("a.b",), {"coco": 2})
    assert loaded.phases[0].starts == ("mask", "box")
    assert loaded.phases[0].rounds == (2,)
    assert (loaded.phases[0].scene.frames, loaded.phases[0].scene.paste_chance) == (3, 0.5)
    assert loaded.seed == Recipe().seed


@pytest.mark.parametrize("name", packaged())
def test_recipes_of_the_package(name: str) -> None:
    loaded = load_recipe(name)
    assert loaded.about
    assert loaded.preset == ""


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.json")), ids=lambda p: p.name)
def test_recipes_of_the_repository(path: Path) -> None:
    assert load_recipe(path).phases


def test_a_file_comes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "finetune", seed=77)
    monkeypatch.chdir(tmp_path)
    assert load_recipe("finetune").seed == 77


def test_pictures_are_kept_as_large_as_the_model_needs_them(tmp_path: Path) -> None:
    assert recipe(preset="nano").picture_side() == 448
    assert recipe(preset="sam2.1-tiny").picture_side() == 896
    assert recipe(preset="nano", side=96).picture_side() == 96


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"phases": []}, "no `phases`"),
        ({"stepz": 3}, "there is no 'stepz'; known are about, preset"),
        ({"steps": "many"}, "steps: expected int, found 'many'"),
        ({"steps": True}, "steps: expected int"),
        ({"steps": 0}, "`steps` is 0, not 1 or more"),
        ({"lr": -1.0}, "`lr` is below zero"),
        ({"layer_decay": 0}, "`layer_decay` is 0, not above 0"),
        ({"drop_path": 1}, "`drop_path` is 1, not 0 or more and below 1"),
        ({"loss_cell": 3}, "`loss_cell` is 3, not 1, 2 or 4"),
        ({"compile": "some"}, "`compile` is 'some', not one of none, encode, all"),
        ({"freeze": "trunk"}, "freeze: expected a list"),
        ({"weights": {"coco": "x"}}, "weights, coco: expected float"),
        ({"weights": {"coco": -1}}, "below zero"),
        ({"phases": [{**PHASE, "batch": 0}]}, "phase 'a': `batch`"),
        ({"phases": [{"name": "a"}]}, "phases[0]: missing 4 required"),
        ({"phases": [{**PHASE, "scene": {"frame": 1}}]}, "phases[0], scene: there is no 'frame'"),
        ({"phases": [{**PHASE, "share": 0}]}, "`share` is 0"),
        ({"phases": [{**PHASE, "rounds": [0]}]}, "`rounds`"),
        ({"phases": [{**PHASE, "starts": ["boxes"]}]}, "`starts` are of point, box, mask"),
        ({"phases": [{**PHASE, "starts": ["mask"], "scene": {}}]}, "a start from a mask"),
        ({"phases": [{**PHASE, "scene": {"pastes": 5}}]}, "`pastes` are 0 to 4"),
        ({"phases": [3]}, "phases[0]: expected an object"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    path = written(tmp_path / "r.json", **changes)
    with pytest.raises(DataError) as error:
        load_recipe(path)
    assert words in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_recipe_that_is_not_there_or_no_json(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="give a file, or one of finetune"):
        load_recipe(tmp_path / "none.json")
    with pytest.raises(DataError, match="cannot read the recipe"):
        load_recipe(tmp_path)
    (tmp_path / "r.json").write_text("{")
    with pytest.raises(DataError, match="is no JSON"):
        load_recipe(tmp_path / "r.json")


def test_another_length_or_model() -> None:
    given = recipe(minutes=3.0, steps=10)
    assert override(given, 50, None, None).minutes == 0
    assert override(given, 50, None, None).steps == 50
    assert override(given, None, 1.5, "test-hiera").minutes == 1.5
    assert override(given, None, None, "test-hiera").preset == "test-hiera"
    assert override(given, None, None, None) == given
    with pytest.raises(ModelError, match="unknown model 'x'"):
        override(given, None, None, "x")


def test_what_has_changed_since_a_checkpoint() -> None:
    before = asdict(recipe(steps=10, minutes=1.0, lr=1e-3))
    assert changed(before, asdict(recipe(steps=20, minutes=0.0, lr=1e-3))) == []
    assert changed(before, asdict(recipe(lr=1e-4, freeze=("a",)))) == ["freeze", "lr"]
