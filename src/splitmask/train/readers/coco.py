"""COCO instances: a folder of pictures and one JSON of polygons and run lengths (Lin et al. 2014)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from splitmask.errors import DataError
from splitmask.train.readers.documents import entry, head, read_json
from splitmask.train.readers.pictures import image_loader, pack
from splitmask.train.readers.samples import ClipSample, ImageSample, LabelMap, Problems
from splitmask.train.readers.segmentations import decode_all

SHAPE = (
    "a JSON with images and annotations (or a folder with annotations/instances_*.json) beside its pictures"
)


def matches(path: Path) -> bool:
    return bool(_documents(path))


class CocoReader:
    """Every picture of the JSON, those without an annotation unlabelled; crowd annotations left out."""

    def __init__(self, path: Path) -> None:
        self._documents = _documents(path)

    def images(self, problems: Problems) -> Iterator[ImageSample]:
        for document in self._documents:
            yield from _images(document, problems)

    def clips(self, problems: Problems) -> Iterator[ClipSample]:
        return iter(())


def _images(document: Path, problems: Problems) -> Iterator[ImageSample]:
    content = read_json(document)
    annotations: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for annotation in entry(content, "annotations", list, str(document)):
        if isinstance(annotation, dict) and not annotation.get("iscrowd"):
            annotations[annotation.get("image_id")].append(annotation)
    images = entry(content, "images", list, str(document))
    folder = _picture_folder(document, images)
    for number, image in enumerate(images):
        where = f"{document}, images[{number}]"
        try:
            sample = _sample(
                image, annotations[entry(image, "id", (int, str), where)], folder, where, problems
            )
        except DataError as error:
            problems.report(error)
        else:
            yield sample


def _sample(
    image: Any, annotations: list[dict[str, Any]], folder: Path, where: str, problems: Problems
) -> ImageSample:
    path = folder / entry(image, "file_name", str, where)
    size = entry(image, "height", int, where), entry(image, "width", int, where)

    def labels() -> list[LabelMap]:
        found = ((f"{path}, annotation {a.get('id')}", a.get("segmentation")) for a in annotations)
        return pack(decode_all(found, size, problems))

    return ImageSample(f"coco_{path.stem}", "coco", str(path), image_loader(path), labels)


def _documents(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix == ".json" and _is_coco(path) else []
    annotations = path / "annotations"
    named = sorted(annotations.glob("instances_*.json"))
    found = [*annotations.glob("*.json"), *path.glob("*.json"), *path.glob("*/_annotations.coco.json")]
    return named or [document for document in sorted(found) if _is_coco(document)]


def _is_coco(document: Path) -> bool:
    """By its first bytes; where a long list of annotations comes first, that says it."""
    text = head(document)
    return '"images"' in text or ('"annotations"' in text and '"image_id"' in text)


def _picture_folder(document: Path, images: list[Any]) -> Path:
    """The first usual place that has the first picture. Raises DataError that names the places."""
    if not images:
        raise DataError(f"{document} lists no images; choose the annotations that belong to your pictures")
    name = entry(images[0], "file_name", str, f"{document}, images[0]")
    part = document.stem.rpartition("_")[2]  # instances_train2017 → train2017
    root = document.parent.parent
    places = [
        document.parent,
        document.parent / "images",
        root / part,
        root / "images" / part,
        root / "images",
        root,
    ]
    for place in places:
        if (place / name).is_file():
            return place
    looked = ", ".join(str(place) for place in dict.fromkeys(places))
    raise DataError(f"{document}: its first picture {name} is in none of {looked}; put the pictures there")
