"""Makes the data set of whole objects that the last part of `recipes/nano.sh` adds.

    python scripts/whole_objects.py DATA recipes/data/nano-objects.json OUT/object.tar

DATA holds the pictures (the kinds bsds, coco and photo of the model card's data, as `splitmask train` reads
them); the JSON, which is COCO's, holds masks of the whole things on 1,543 of them.
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from splitmask.errors import DataError
from splitmask.files import write_bytes
from splitmask.masks import rle
from splitmask.train.readers import Problems, open_data, split


def train_name(kind: str, name: str) -> str:
    """A name that `split` never holds out: of the pictures, only such that training sees are labelled."""
    names = (f"{kind}_{name}{'x' * extra}" for extra in count())
    return next(each for each in names if split(each) == "train")


def label_map(annotations: list[dict[str, Any]], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Masks of one picture → (H, W), the first 1, the next 2, …; earlier ones lie above later ones."""
    labels = np.zeros(size, np.uint8)
    for number, annotation in reversed(list(enumerate(annotations, 1))):
        labels[rle.decode(rle.from_json(annotation["segmentation"]))] = number
    return labels


def files(data: Path, labels: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Names and contents. Raises DataError if a picture is missing."""
    masks: dict[int, list[dict[str, Any]]] = {}
    for annotation in labels["annotations"]:
        masks.setdefault(annotation["image_id"], []).append(annotation)
    pictures = {sample.name: sample for sample in open_data(data).images(Problems("raise"))}
    for image in labels["images"]:
        name = Path(image["file_name"]).stem
        if name not in pictures:
            raise DataError(f"{data}: there is no picture {name}; give the folder that holds all kinds")
        picture = io.BytesIO()
        Image.fromarray(pictures[name].load_image()).save(picture, "WEBP", quality=92)
        drawn = io.BytesIO()
        Image.fromarray(label_map(masks[image["id"]], (image["height"], image["width"]))).save(drawn, "PNG")
        named = train_name("object", name)
        yield f"{named}.webp", picture.getvalue()
        yield f"{named}.0.png", drawn.getvalue()


def add_file(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def main(data: Path, labels: Path, out: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files(data, json.loads(labels.read_text("utf-8"))):
            add_file(tar, name, content)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(out, packed.getvalue())
    print(f"{out}: {packed.tell() / 1e6:.1f} MB")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    try:
        main(*map(Path, sys.argv[1:]))
    except DataError as error:
        raise SystemExit(str(error)) from error
