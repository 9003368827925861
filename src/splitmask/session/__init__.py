"""The policy: which mask, which memories, what a click changes. Engines and windows know none of it."""

from splitmask.session.image import ImageSession
from splitmask.session.run import FrameResult
from splitmask.session.source import FrameSource, ImageStack
from splitmask.session.video import VideoSession

__all__ = ["FrameResult", "FrameSource", "ImageSession", "ImageStack", "VideoSession"]
