"""Click an object once, in any image or video, and get its mask through the whole clip."""

__version__ = "0.1.0"
