"""Data folders and tars of any known layout → what `pack` reads."""

from __future__ import annotations

import hashlib
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


def gather(
    paths: Iterable[Path], part: str, problems: Problems, limit: int | None = None
) -> tuple[list[Source], dict[str, list[int]]]:
    """Sources of one part (`train`, `held-out`, `all`), and for each clip its frames among them, in order.

    limit: the most pictures of each kind, clips whole, chosen by their names alone.
    """
    sources: list[Source] = []
    clips: dict[str, list[tuple[int, int]]] = {}
    for path in paths:
        for group, samples in _groups(path, part, problems, limit).items():
            for sample in samples:
                frame = _FRAME.fullmatch(sample.name)
                of_clip = frame is not None and frame["clip"] == group
                if frame and of_clip:
                    clips.setdefault(group, []).append((int(frame["frame"]), len(sources)))
                sources.append(_source(sample, of_clip))
    return sources, {name: [i for _, i in sorted(frames)] for name, frames in clips.items()}


def _groups(path: Path, part: str, problems: Problems, limit: int | None) -> dict[str, list[ImageSample]]:
    """Stills by their own names, frames by those of their clips."""
    reader = open_data(path)
    known = {clip.name for clip in reader.clips(problems)}
    groups: dict[str, list[ImageSample]] = {}
    for sample in reader.images(problems):
        if part == "all" or split(sample.name) == part:
            frame = _FRAME.fullmatch(sample.name)
            clip = frame["clip"] if frame and frame["clip"] in known else None
            groups.setdefault(clip or sample.name, []).append(sample)
    return groups if limit is None else _limited(groups, limit)


def _limited(groups: dict[str, list[ImageSample]], limit: int) -> dict[str, list[ImageSample]]:
    """As many groups of each kind as fit, and at least one; which, their names say."""
    rooms: dict[str, int] = {}
    kept: dict[str, list[ImageSample]] = {}
    for name in sorted(groups, key=lambda name: hashlib.sha1(name.encode(), usedforsecurity=False).digest()):
        kind, size = groups[name][0].kind, len(groups[name])
        if size <= rooms.get(kind, limit) or kind not in rooms:
            kept[name] = groups[name]
            rooms[kind] = rooms.get(kind, limit) - size
    return kept
