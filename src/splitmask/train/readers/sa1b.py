"""SA-1B: per picture a JSON of the same name with run-length masks (Kirillov et al. 2023)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from splitmask.train.readers.documents import entry, read_json
from splitmask.train.readers.pictures import image_loader, pack
from splitmask.train.readers.samples import ClipSample, ImageSample, LabelMap, Problems
from splitmask.train.readers.segmentations import decode_all

SHAPE = "pictures sa_*.jpg, each beside a JSON of its name (also in folders sa_000000, sa_000001, …)"


def matches(path: Path) -> bool:
    return next(_pictures(path), None) is not None


class Sa1bReader:
    def __init__(self, path: Path) -> None:
        self._path = path

    def images(self, problems: Problems) -> Iterator[ImageSample]:
        for picture in _pictures(self._path):
            yield _sample(picture, problems)

    def clips(self, problems: Problems) -> Iterator[ClipSample]:
        return iter(())


def _sample(picture: Path, problems: Problems) -> ImageSample:
    document = picture.with_suffix(".json")

    def labels() -> list[LabelMap]:
        content = read_json(document)
        image = entry(content, "image", dict, str(document))
        size = entry(image, "height", int, str(document)), entry(image, "width", int, str(document))
        annotations = entry(content, "annotations", list, str(document))
        found = ((f"{document}, annotations[{n}]", _segmentation(a)) for n, a in enumerate(annotations))
        return pack(decode_all(found, size, problems))

    return ImageSample(f"sa1b_{picture.stem}", "sa1b", str(picture), image_loader(picture), labels)


def _segmentation(annotation: Any) -> Any:
    return annotation.get("segmentation") if isinstance(annotation, dict) else None


def _pictures(path: Path) -> Iterator[Path]:
    for pattern in ("*.jpg", "*/*.jpg"):
        for picture in sorted(path.glob(pattern)):
            if picture.with_suffix(".json").is_file():
                yield picture
