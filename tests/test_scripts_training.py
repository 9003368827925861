"""The scripts between the parts of `recipes/nano.sh`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from splitmask.masks import rle
from splitmask.train.readers import Problems, open_data, split

ROOT = Path(__file__).parents[1]


def run(script: str, *arguments: Path | str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_weights_are_averaged_tensor_by_tensor(tmp_path: Path) -> None:
    before, after, out = (tmp_path / f"{name}.safetensors" for name in ("before", "after", "out"))
    half, count = torch.tensor([1.0, 2.0]).half(), torch.tensor([7])
    save_file({"w": half, "n": count}, before, metadata={"preset": "old"})
    save_file({"w": half + 1, "n": count + 1}, after, metadata={"preset": "new"})
    assert run("average_weights.py", before, after, "0.25", out).returncode == 0
    mixed = load_file(out)
    assert mixed["w"].dtype == torch.float16
    assert mixed["w"].tolist() == [1.25, 2.25]
    assert mixed["n"].tolist() == [8], "what is no weight is the later one's"
    with safe_open(out, "pt") as file:
        assert file.metadata() == {"preset": "new"}


def test_two_models_are_not_averaged(tmp_path: Path) -> None:
    for name, size in (("a", 2), ("b", 3)):
        save_file({"w": torch.zeros(size)}, tmp_path / f"{name}.safetensors")
    paths = [tmp_path / f"{name}.safetensors" for name in ("a", "b")]
    done = run("average_weights.py", *paths, "0.5", tmp_path / "out.safetensors")
    assert "no two states of one model" in done.stderr
    assert done.returncode != 0
    assert not (tmp_path / "out.safetensors").exists()


def labelled(folder: Path, names: list[str]) -> Path:
    """Pictures, and a COCO file with two things on each that overlap in a column."""
    folder.mkdir()
    images, annotations = [], []
    for i, name in enumerate(names):
        Image.fromarray(np.full((20, 30, 3), 8 * i, np.uint8)).save(folder / f"{name}.webp", lossless=True)
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / f"{name}.0.png")  # nobody labelled it
        images.append({"id": i, "file_name": f"{name}.webp", "width": 30, "height": 20})
        for columns in (slice(2, 12), slice(11, 20)):
            mask = np.zeros((20, 30), bool)
            mask[4:16, columns] = True
            code = {"size": [20, 30], "counts": rle.encode(mask).counts}
            annotations.append({"image_id": i, "segmentation": code})
    path = folder.parent / "labels.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    return path


def test_whole_objects_become_a_kind_that_training_sees(tmp_path: Path) -> None:
    names = [f"photo_{i}" for i in range(30)]  # of which some would be held out under another name
    labels = labelled(tmp_path / "photo", names)
    done = run("whole_objects.py", tmp_path / "photo", labels, tmp_path / "out" / "object.tar")
    assert done.returncode == 0, done.stderr
    samples = list(open_data(tmp_path / "out" / "object.tar").images(Problems("raise")))
    assert len(samples) == 30
    assert {sample.kind for sample in samples} == {"object"}
    assert all(split(sample.name) == "train" for sample in samples)
    (drawn,) = samples[0].load_labels()
    assert drawn[10].tolist() == [0] * 2 + [1] * 10 + [2] * 8 + [0] * 10, "the first lies on top"


def test_a_picture_that_is_missing_is_named(tmp_path: Path) -> None:
    labels = labelled(tmp_path / "photo", ["photo_a", "photo_b"])
    (tmp_path / "photo" / "photo_b.webp").unlink()
    done = run("whole_objects.py", tmp_path / "photo", labels, tmp_path / "object.tar")
    assert "there is no picture photo_b" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "object.tar").exists()


def test_the_packaged_labels_are_whole() -> None:
    document = json.loads((ROOT / "recipes" / "data" / "nano-objects.json").read_text("utf-8"))
    sizes = {image["id"]: [image["height"], image["width"]] for image in document["images"]}
    assert len(sizes) == 1543
    for annotation in document["annotations"]:
        code = rle.from_json(annotation["segmentation"])
        assert list(code.size) == sizes[annotation["image_id"]]
        assert rle.area(code) == annotation["area"] >= 16
    assert all(split(Path(image["file_name"]).stem) == "train" for image in document["images"])


def test_a_thing_that_nobody_labelled_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "photo"
    folder.mkdir()
    y, x = np.mgrid[:240, :320]
    disc = (x - 130) ** 2 + (y - 120) ** 2 < 60**2
    noise = np.random.default_rng(0).integers(0, 12, (240, 320, 3))
    picture = np.where(disc[..., None], (200, 60, 40), (60, 110, 70)) + noise
    for name in ("photo_train", held_out_name()):
        Image.fromarray(picture.astype(np.uint8)).save(folder / f"{name}.webp", quality=95)
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / f"{name}.0.png")
    done = run("self_labels.py", "nano", folder, tmp_path / "self.tar", "--kinds", "photo")
    assert done.returncode == 0, done.stderr
    (sample,) = open_data(tmp_path / "self.tar").images(Problems("raise"))
    assert sample.kind == "self"
    assert split(sample.name) == "train"
    found = [drawn == label for drawn in sample.load_labels() for label in np.unique(drawn[drawn > 0])]
    assert max((each & disc).sum() / (each | disc).sum() for each in found) > 0.9


def held_out_name() -> str:
    return next(name for name in (f"photo_{i}" for i in range(100)) if split(name) == "held-out")
