"""Frame + masks → frame: one function each, one table. uint8 RGB in and out."""

from __future__ import annotations

from splitmask.effects.base import Effect, Layer, Rgb
from splitmask.effects.isolate import cutout, erase
from splitmask.effects.marks import labelled
from splitmask.effects.palette import PALETTE, color_of, rgb
from splitmask.effects.tint import overlay

EFFECTS: dict[str, Effect] = {
    effect.name: effect
    for effect in (
        Effect("overlay", "Tint and outline", overlay),
        Effect("labelled", "Tint, outline and name", labelled),
        Effect("cutout", "Cut out on transparency", cutout, has_alpha=True),
        Effect("erase", "Erase the background", erase),
    )
}

__all__ = [
    "EFFECTS",
    "PALETTE",
    "Effect",
    "Layer",
    "Rgb",
    "color_of",
    "cutout",
    "erase",
    "labelled",
    "overlay",
    "rgb",
]
