"""`splitmask segment`, from the picture to the files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli_helpers import files, photo, small_model, splitmask
from splitmask.effects import PALETTE
from splitmask.masks import rle
from splitmask.media import read_image
from splitmask.result import Result, load_result

Capsys = pytest.CaptureFixture[str]


def segment(capsys: Capsys, *words: object) -> str:
    """Runs it with the small model; it has to succeed. What it printed."""
    outcome = splitmask(capsys, "segment", "--model", small_model(), *words)
    assert (outcome.code, outcome.err) == (0, "")
    return outcome.out


def masks_of(result: Result) -> dict[int, np.ndarray]:
    return {mask.id: rle.decode(mask.rle) for mask in result.frames[0].objects}


def test_one_click_gives_all_files_and_they_agree(capsys: Capsys, tmp_path: Path) -> None:
    image = photo(tmp_path / "photo.png")
    out = segment(capsys, image, "--point", "30,30", "-o", tmp_path / "out")
    folder = tmp_path / "out" / "photo"
    assert files(tmp_path / "out") == [
        "photo/masks.json",
        "photo/masks/1/photo.png",
        "photo/overlay.png",
        "photo/result.json",
    ]
    result = load_result(folder / "result.json")
    mask = masks_of(result)[1]
    assert np.array_equal(read_image(folder / "masks" / "1" / "photo.png")[..., 0] > 0, mask)
    codes = json.loads((folder / "masks.json").read_text())
    assert codes["frames"][0]["objects"][0]["rle"] == result.frames[0].objects[0].rle.to_json()
    assert result.prompts[0].points == ((30, 30),)
    assert (result.source.width, result.source.height, result.complete) == (90, 60, True)
    assert read_image(folder / "overlay.png").shape == (60, 90, 3)
    score = result.frames[0].objects[0].score
    assert re.search(rf"object 1: score {score:.2f}, {mask.mean() * 100:.1f} %", out)
    assert re.match(r"photo\.png: 90 × 60, \d+ ms → ", out)


def test_several_objects(capsys: Capsys, tmp_path: Path) -> None:
    image = photo(tmp_path / "photo.png")
    segment(
        capsys, image, "--object", "cat", "--point", "30,30", "--object", "dog", "--box", "5,5,40,40",
        "-o", tmp_path,
    )  # fmt: skip
    result = load_result(tmp_path / "photo" / "result.json")
    assert [(item.name, item.color) for item in result.objects] == [("cat", PALETTE[0]), ("dog", PALETTE[1])]
    assert [(p.points, p.box) for p in result.prompts] == [(((30, 30),), None), ((), (5, 5, 40, 40))]
    assert set(masks_of(result)) == {1, 2}


def test_the_click_takes_the_best_of_what_multimask_gives(capsys: Capsys, tmp_path: Path) -> None:
    image = photo(tmp_path / "photo.png")
    segment(capsys, image, "--point", "30,30", "-o", tmp_path / "one")
    segment(capsys, image, "--point", "30,30", "--multimask", "-o", tmp_path / "three")
    one = load_result(tmp_path / "one" / "photo" / "result.json").frames[0].objects
    three = load_result(tmp_path / "three" / "photo" / "result.json").frames[0].objects
    assert [mask.id for mask in three] == [1, 2, 3]
    best = max(three, key=lambda mask: mask.score)
    assert (one[0].rle, one[0].score) == (best.rle, best.score)


def test_multimask_of_two_objects_keeps_them_apart(capsys: Capsys, tmp_path: Path) -> None:
    image = photo(tmp_path / "photo.png")
    words = ["--object", "a", "--point", "30,30", "--object", "b", "--point", "60,20", "--multimask"]
    segment(capsys, image, *words, "-o", tmp_path)
    objects = load_result(tmp_path / "photo" / "result.json").objects
    assert [item.id for item in objects] == [1, 2, 3, 4, 5, 6]
    assert [item.name for item in objects][::3] == ["a (1 of 3)", "b (1 of 3)"]


def test_a_mask_and_a_point_refine_each_other(capsys: Capsys, tmp_path: Path) -> None:
    image = photo(tmp_path / "photo.png")
    rough = np.zeros((60, 90), np.uint8)
    rough[15:45, 15:45] = 255
    Image.fromarray(rough).save(tmp_path / "rough.png")
    segment(capsys, image, "--mask", tmp_path / "rough.png", "--point", "70,10,0", "-o", tmp_path)
    prompt = load_result(tmp_path / "photo" / "result.json").prompts[0]
    assert prompt.mask is not None
    assert np.array_equal(rle.decode(prompt.mask), rough > 0)
    assert (prompt.points, prompt.labels) == (((70, 10),), (0,))


def test_several_images_get_a_folder_each(capsys: Capsys, tmp_path: Path) -> None:
    images = [photo(tmp_path / "a.png"), photo(tmp_path / "b.jpg", 61, 47)]
    out = segment(capsys, *images, "--point", "20,20", "-o", tmp_path / "out")
    assert [line.split(":")[0] for line in out.splitlines()[::2]] == ["a.png", "b.jpg"]
    sizes = [load_result(tmp_path / "out" / name / "result.json").source.width for name in "ab"]
    assert sizes == [90, 61]


def test_save_chooses_the_exports(capsys: Capsys, tmp_path: Path) -> None:
    segment(capsys, photo(tmp_path / "a.png"), "--point", "20,20", "--save", "coco,davis", "-o", tmp_path)
    assert files(tmp_path / "a") == ["coco.json", "davis/a.png", "overlay.png", "result.json"]


def test_an_earlier_result_stays_unless_told_otherwise(capsys: Capsys, tmp_path: Path) -> None:
    image = photo(tmp_path / "a.png")
    segment(capsys, image, "--point", "20,20", "-o", tmp_path)
    before = (tmp_path / "a" / "result.json").read_bytes()
    words = ["segment", "--model", small_model(), image, "--point", "50,50", "-o", tmp_path]
    error = splitmask(capsys, *words).error
    assert "--overwrite" in error
    assert (tmp_path / "a" / "result.json").read_bytes() == before
    assert splitmask(capsys, *words, "--overwrite").code == 0
    assert (tmp_path / "a" / "result.json").read_bytes() != before


def test_two_images_of_one_name_are_refused(capsys: Capsys, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    images = photo(tmp_path / "a.png"), photo(tmp_path / "x" / "a.jpg")
    error = splitmask(capsys, "segment", *images, "--point", "1,1", "-o", tmp_path / "out").error
    assert "would both write to a/" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("save", "says"), [("jpeg2000", "there is no such export"), ("overlay_mp4", "a video is not made")]
)
def test_an_export_that_does_not_fit(capsys: Capsys, tmp_path: Path, save: str, says: str) -> None:
    image = photo(tmp_path / "a.png")
    assert says in splitmask(capsys, "segment", image, "--point", "1,1", "--save", save).error
