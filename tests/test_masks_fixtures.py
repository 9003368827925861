"""fixtures/masks is what the masks of the studio are held to; it has to say what Python does."""

from __future__ import annotations

import make_mask_fixtures


def test_the_file_is_what_python_does() -> None:
    assert make_mask_fixtures.OUT.read_text(encoding="utf-8") == make_mask_fixtures.fixtures()
