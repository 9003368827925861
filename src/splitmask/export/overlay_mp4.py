"""The clip with its objects shown on it, as an H.264 video."""

from __future__ import annotations

from splitmask.effects import Layer, rgb
from splitmask.effects.tint import overlay
from splitmask.export.base import Exporter, Masks, Writer
from splitmask.export.video import VideoWriter
from splitmask.types import Frame


class OverlayMp4Writer(Writer):
    """`overlay.mp4`: frame times as in the source, also where they are uneven; odd sides padded by one."""

    def _start(self) -> None:
        size = (self.clip.height, self.clip.width)
        self._video = self._resources.enter_context(
            VideoWriter(self.staging, size, self.clip.rate, self.clip.time_base)
        )

    def _add(self, frame: Frame, masks: Masks) -> None:
        layers = [
            Layer(masks[item.id], rgb(item.color), item.name) for item in self.objects if item.id in masks
        ]
        self._video.write(overlay(frame.image, layers), frame.pts)


OVERLAY_MP4 = Exporter("overlay_mp4", "Video with the objects tinted", "overlay.mp4", OverlayMp4Writer)
