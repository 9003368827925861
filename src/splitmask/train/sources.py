"""Data folders and tars of any known layout → what `pack` reads."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from splitmask.train.corpus import LabelMap, Source
from splitmask.train.readers import ImageSample, Problems, open_data, split
from splitmask.train.readers.samples import check_size
from splitmask.types import ByteArray

_FRAME = re.compile(r"(?P<clip>.+)_(?P<frame>\d+)")


def _source(sample: ImageSample, of_clip: bool) -> Source:
    def read() -> tuple[ByteArray, list[LabelMap]]:
        # unlike `load`, takes pictures that nobody labelled: they are backgrounds and textures
        image = sample.load_image()
        # a clip's object has the same map on every frame, so there an empty one counts
        labels = [m for m in sample.load_labels() if of_clip or m.any()]
        check_size(labels, image.shape[:2], sample.where)
        return image, labels

    return sample.name, read


def gather(paths: Iterable[Path], part: str, problems: Problems) -> tuple[list[Source], dict[str, list[int]]]:
    """Sources of one part (`train`, `held-out`, `all`), and for each clip its frames among them, in order."""
    sources: list[Source] = []
    clips: dict[str, list[tuple[int, int]]] = {}
    for path in paths:
        reader = open_data(path)
        known = {clip.name for clip in reader.clips(problems)}
        for sample in reader.images(problems):
            if part != "all" and split(sample.name) != part:
                continue
            frame = _FRAME.fullmatch(sample.name)
            of_clip = frame is not None and frame["clip"] in known
            if frame and of_clip:
                clips.setdefault(frame["clip"], []).append((int(frame["frame"]), len(sources)))
            sources.append(_source(sample, of_clip))
    return sources, {name: [i for _, i in sorted(frames)] for name, frames in clips.items()}
