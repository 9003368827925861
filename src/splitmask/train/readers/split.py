"""Which samples training never sees. Decided once, by name alone, on every machine the same."""

from __future__ import annotations

import hashlib
import re
from typing import Literal

Split = Literal["held-out", "train"]

# Of DAVIS, whole sequences: a person, an animal, two vehicles; slow and fast, one with occlusion.
HELD_OUT_SEQUENCES = frozenset({"dance-jump", "mallard-water", "motorbike", "train"})
_HELD_OUT_BELOW = 26  # of the 256 values of a hash's first byte

_DAVIS = re.compile(r"davis_(?P<sequence>.+?)(_\d{5})?")


def split(name: str) -> Split:
    """A sample's name (`coco_000000000025`, `davis_train_00012`, `davis_train`) → its part.

    Held out: of davis four whole sequences; of the rest what the first byte of the name's SHA-1 says.
    """
    davis = _DAVIS.fullmatch(name)
    if davis:
        return "held-out" if davis["sequence"] in HELD_OUT_SEQUENCES else "train"
    first = hashlib.sha1(name.encode(), usedforsecurity=False).digest()[0]
    return "held-out" if first < _HELD_OUT_BELOW else "train"
