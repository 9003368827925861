"""Bundles with features of a model's shapes, drawn at random."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from splitmask.bundle import Bundle, Origin, Preprocess
from splitmask.presets import TEST_CONV, Preset
from splitmask.types import Features

FEATURES = ("image_embed", "high_res_feats_0", "high_res_feats_1")


def drawn(preset: Preset = TEST_CONV, seed: int = 0) -> Bundle:
    rng, c, h = np.random.default_rng(seed), preset.dim, preset.grid
    shapes = (1, c, h, h), (1, c // 8, 4 * h, 4 * h), (1, c // 4, 2 * h, 2 * h)
    features = Features(*(rng.normal(0, 2, shape).astype(np.float32) for shape in shapes))
    origin = Origin("photo.jpg", "ab" * 32)
    return Bundle(features, (60, 90), preset.name, "cd" * 32, Preprocess.of(preset), origin, b"\xff\xd8")


def arrays(bundle: Bundle) -> dict[str, np.ndarray]:
    return {name: getattr(bundle.features, name) for name in FEATURES}


def edited(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Changes a saved bundle's manifest."""
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text())
    change(manifest)
    file.write_text(json.dumps(manifest))
    return folder


def with_map(bundle: Bundle, **maps: np.ndarray) -> Bundle:
    return replace(bundle, features=replace(bundle.features, **maps))
