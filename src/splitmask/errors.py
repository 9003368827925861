"""Everything that can go wrong because of what the user gave.

Each error is one line: what is wrong, where, and what to do. The command line prints it and exits
with code 2, the server answers 4xx with it, the studio shows it. Anything else that is raised is a
defect of splitmask and keeps its traceback.
"""

from __future__ import annotations


class SplitmaskError(Exception):
    """Base of all user-facing errors. `str(error)` is one line, ready to be shown."""


class MediaError(SplitmaskError):
    """An image, video or frame folder cannot be read."""


class PromptError(SplitmaskError, ValueError):
    """A point, box, mask, label, frame or object id does not fit the image or clip."""


class ModelError(SplitmaskError):
    """A model is unknown, damaged, or does not fit what is asked of it."""


class OutputError(SplitmaskError):
    """A result cannot be written."""


class BundleError(SplitmaskError):
    """An embedding bundle cannot be read."""


class DataError(SplitmaskError):
    """Training or evaluation data cannot be read."""


class MaskError(SplitmaskError, ValueError):
    """A mask, or its run-length encoding, is malformed."""


class ResultError(SplitmaskError, ValueError):
    """A `result.json` cannot be read; the message names the field."""


class ServeError(SplitmaskError):
    """A server cannot be started, or lacks what it should serve."""
