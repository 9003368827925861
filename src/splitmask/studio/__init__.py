"""The studio's static site: where it lies, and a small server for it."""

from splitmask.studio.app import build_app
from splitmask.studio.site import find_site

__all__ = ["build_app", "find_site"]
