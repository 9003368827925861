"""COCO and YOLO, read back by pycocotools and by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pycocotools.mask as coco_mask
import pytest
from PIL import Image, ImageDraw
from pycocotools.coco import COCO

from export_helpers import CLIP, OBJECTS, STILL, clip_frames, names
from splitmask.export import EXPORTERS, ClipInfo
from splitmask.result import ObjectInfo
from splitmask.types import BoolArray

pytestmark = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # pycocotools' own


def export(name: str, out: Path, clip: ClipInfo = CLIP, objects: tuple[ObjectInfo, ...] = OBJECTS) -> Path:
    exporter = EXPORTERS[name]
    with exporter.open(out, clip, objects) as writer:
        for frame, masks in clip_frames(1 if clip.is_still else 5, clip):
            writer.add(frame, masks)
    return out / exporter.target


def iou(a: BoolArray, b: BoolArray) -> float:
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize(("name", "least"), [("coco", 0.93), ("coco_rle", 1.0)])
def test_coco(name: str, least: float, tmp_path: Path) -> None:
    data = COCO(export(name, tmp_path))
    assert [item["name"] for item in data.loadCats(data.getCatIds())] == ["dog", "red ball"]
    for (frame, masks), image_id in zip(clip_frames(), data.getImgIds(), strict=True):
        image = data.loadImgs(image_id)[0]
        assert image["file_name"] == f"{frame.index:06d}.jpg"
        assert (image["height"], image["width"]) == frame.size
        annotations: list[dict[str, Any]] = data.loadAnns(data.getAnnIds(image_id))
        assert [item["track_id"] for item in annotations] == list(masks)
        for item in annotations:
            mask = masks[item["track_id"]]
            assert iou(data.annToMask(item).astype(bool), mask) >= least
            assert item["area"] == mask.sum()
            code = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
            assert item["bbox"] == coco_mask.toBbox(code).tolist()


def test_coco_of_a_still_and_of_objects_of_one_name(tmp_path: Path) -> None:
    same = (ObjectInfo(1, "dog", "#000000"), ObjectInfo(2, "dog", "#ffffff"))
    data = json.loads(export("coco", tmp_path, STILL, same).read_text())
    assert data["images"][0]["file_name"] == "photo.of.me.jpg"
    assert data["categories"] == [{"id": 1, "name": "dog"}]
    assert [item["category_id"] for item in data["annotations"]] == [1, 1]


def test_yolo(tmp_path: Path) -> None:
    folder = export("yolo", tmp_path)
    assert names(folder) == ["data.yaml", *(f"labels/{index:06d}.txt" for index in range(5))]
    for frame, masks in clip_frames():
        lines = (folder / "labels" / f"{frame.index:06d}.txt").read_text().splitlines()
        assert [int(line.split()[0]) + 1 for line in lines] == list(masks)
        for line, mask in zip(lines, masks.values(), strict=True):
            ring = np.array(line.split()[1:], float).reshape(-1, 2)
            assert ring.min() >= 0
            assert ring.max() <= 1
            assert iou(painted(ring * 8 * (61, 47), 8), mask) > 0.9


def painted(ring: Any, scale: int) -> BoolArray:
    """Pillow's polygon at a multiple of the size, sampled at the middle of each pixel."""
    picture = Image.new("1", (61 * scale, 47 * scale))
    ImageDraw.Draw(picture).polygon([tuple(point) for point in ring], fill=1)
    return np.array(picture)[scale // 2 :: scale, scale // 2 :: scale]


def test_yolo_names_are_quoted(tmp_path: Path) -> None:
    odd = (ObjectInfo(1, 'yes: "x" #1', "#000000"), ObjectInfo(2, "Käfer", "#ffffff"))
    text = (export("yolo", tmp_path, objects=odd) / "data.yaml").read_text()
    assert '  0: "yes: \\"x\\" #1"\n  1: "K\\u00e4fer"\n' in text


def test_an_empty_mask_is_no_annotation(tmp_path: Path) -> None:
    frame, masks = next(clip_frames())
    masks[1] = np.zeros_like(masks[1])
    for name in ("coco", "yolo"):
        with EXPORTERS[name].open(tmp_path, CLIP, OBJECTS) as writer:
            writer.add(frame, masks)
    assert [item["track_id"] for item in json.loads((tmp_path / "coco.json").read_text())["annotations"]] == [
        2
    ]
    assert (tmp_path / "yolo" / "labels" / "000000.txt").read_text().startswith("1 ")
