"""Where the built studio lies: inside the package, or in the checkout it was built in."""

from __future__ import annotations

from pathlib import Path

from splitmask.errors import ServeError

_PACKAGE = Path(__file__).parents[1]
PACKAGED = _PACKAGE / "studio" / "site"
CHECKOUT = _PACKAGE.parents[1] / "web" / "dist"


def find_site(folder: Path | None = None) -> Path:
    """The folder with the studio's `index.html`. folder: one built elsewhere.

    Raises ServeError if the studio is not there.
    """
    for place in (PACKAGED, CHECKOUT) if folder is None else (folder,):
        if (place / "index.html").is_file():
            return place
    if folder is not None:
        raise ServeError(f"{folder}: no index.html in it; `make site` says where it wrote the studio")
    raise ServeError("the studio is not built here: run `make site` in a checkout, which needs Node 20")
