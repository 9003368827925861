"""The clip with its objects shown on it, as an H.264 video."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from splitmask.effects import EFFECTS, Effect, Layer, rgb
from splitmask.export.base import ClipInfo, Exporter, Masks, Writer
from splitmask.result import ObjectInfo
from splitmask.types import Frame


class OverlayMp4Writer(Writer):
    """One effect on every frame, at its time in the source, also where times are uneven.

    The video begins with the first frame given. Odd sides get one more row or column, as 4:2:0 needs.
    """

    def __init__(self, target: Path, clip: ClipInfo, objects: Sequence[ObjectInfo], effect: Effect) -> None:
        self._effect = effect
        super().__init__(target, clip, objects)

    def _start(self) -> None:
        from splitmask.export.video import VideoWriter  # PyAV takes 0.1 s to import

        size = (self.clip.height, self.clip.width)
        self._video = self._resources.enter_context(
            VideoWriter(self.staging, size, self.clip.rate, self.clip.time_base)
        )

    def _add(self, frame: Frame, masks: Masks) -> None:
        layers = [
            Layer(masks[item.id], rgb(item.color), item.name) for item in self.objects if item.id in masks
        ]
        self._video.write(self._effect.apply(frame.image, layers), frame.pts)


OVERLAY_MP4 = Exporter(
    "overlay_mp4",
    "Video with the objects tinted",
    "overlay.mp4",
    partial(OverlayMp4Writer, effect=EFFECTS["overlay"]),
)
LABELLED_MP4 = Exporter(
    "labelled_mp4",
    "Video with the objects tinted and named",
    "labelled.mp4",
    partial(OverlayMp4Writer, effect=EFFECTS["labelled"]),
)
