"""Questions to a decoder's graph, in the shapes that it was exported for."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from threading import Lock

import numpy as np

from splitmask.engine.graphs import GraphSet
from splitmask.engine.providers import length, to_array
from splitmask.errors import ModelError, PromptError
from splitmask.masks.resize import upsample_logits
from splitmask.types import Decoded, Features, FloatArray, Tensor

SURPLUS = -2.0  # label of a point that fills up a fixed number of them
_SURE = 10.0  # presence where a decoder does not tell it
_MOST_PREPARED = 2  # frames; each takes as much memory as two of its features

Run = Callable[..., list[Tensor]]  # a graph's name and inputs → its outputs


class Decoder:
    """run: runs a graph of the set by its name; with `keep=True` outputs may stay on the device."""

    def __init__(self, graphs: GraphSet, run: Run) -> None:
        self._graphs, self._run = graphs, run
        self._one_by_one = graphs.points is not None or not graphs.tracks
        self._frames: dict[int, tuple[weakref.ref[Tensor], list[Tensor]]] = {}
        self._lock = Lock()

    def expect(self, features: Features) -> Features:
        """Features of a frame that may be clicked more than once: what the decoder makes of them alone is
        kept from the first click on, as long as they live."""
        embed = features.image_embed
        if "decode_prepare" in self._graphs.graphs and length(embed) == 1:
            key = id(embed)
            self._frames[key] = (weakref.ref(embed, lambda _: self._frames.pop(key, None) and None), [])
        return features

    def __call__(
        self, features: Features, points: FloatArray, labels: FloatArray, mask_input: FloatArray | None
    ) -> Decoded:
        """As `Engine.decode`. Raises PromptError for more points than the graph takes."""
        mask = None if mask_input is None else self._small(mask_input)
        if not self._one_by_one:
            return self._decoded(self._answers(features, points, labels, mask))
        embeds = features.image_embed
        parts = []
        for i in range(len(points)):
            own = slice(i, i + 1)
            embed = embeds if length(embeds) == 1 else to_array(embeds)[own]
            one = Features(embed, features.high_res_feats_0, features.high_res_feats_1)
            asked = self._filled(points[own], labels[own])
            parts.append(self._answers(one, *asked, None if mask is None else mask[own]))
        return self._decoded([np.concatenate(each) for each in zip(*parts, strict=True)])

    def _answers(
        self, features: Features, points: FloatArray, labels: FloatArray, mask: FloatArray | None
    ) -> Sequence[Tensor]:
        prepared = self._prepared(features) if mask is None else None
        if prepared is not None:
            return self._run("decode_prepared", *prepared, points, labels)
        b, side = len(points), self._graphs.preset.mask_size
        has_mask = np.full((b,), mask is not None, np.float32)
        mask = np.zeros((b, 1, side, side), np.float32) if mask is None else mask
        maps = features.image_embed, features.high_res_feats_0, features.high_res_feats_1
        return self._run("mask_decoder", *maps, points, labels, mask, has_mask)

    def _prepared(self, features: Features) -> list[Tensor] | None:
        known = self._frames.get(id(features.image_embed))
        if known is None or known[0]() is not features.image_embed:
            return None
        if not known[1]:
            maps = features.image_embed, features.high_res_feats_0, features.high_res_feats_1
            made = self._run("decode_prepare", *maps, keep=True)
            with self._lock:  # two threads may have made it
                known[1][:] = known[1] or made
            self._forget_oldest()
        return known[1]

    def _forget_oldest(self) -> None:
        ready = [key for key in list(self._frames) if (known := self._frames.get(key)) and known[1]]
        for key in ready[:-_MOST_PREPARED]:
            self._frames.pop(key, None)

    def _filled(self, points: FloatArray, labels: FloatArray) -> tuple[FloatArray, FloatArray]:
        """One object's points as many as the graph takes."""
        number, given = self._graphs.points, labels.shape[1]
        if number is None:
            return points, labels
        if given > number:
            raise PromptError(f"this export takes {number} points at most, not {given}: export with --points")
        more = ((0, 0), (0, number - given))
        return np.pad(points, (*more, (0, 0))), np.pad(labels, more, constant_values=SURPLUS)

    def _small(self, mask: FloatArray) -> FloatArray:
        """Logits as the decoder takes them, whatever size it gave them in."""
        side = self._graphs.preset.mask_size
        if mask.shape[-1] != 2 * side:
            return mask
        pairs = mask.reshape(len(mask), 1, side, 2, side, 2)
        return np.ascontiguousarray(pairs.mean((3, 5)), np.float32)

    def _decoded(self, answers: Sequence[Tensor]) -> Decoded:
        masks, ious, *more = (np.asarray(each) for each in answers)
        if self._graphs.tracks:
            presence, pointers = more
            return Decoded(masks, ious, presence[:, 0], pointers)
        b = len(masks)
        if masks.shape[1] == 3:  # the best of them stands for the single mask
            best = ious.argmax(1)[:, None]
            masks = np.concatenate((np.take_along_axis(masks, best[..., None, None], 1), masks), 1)
            ious = np.concatenate((np.take_along_axis(ious, best, 1), ious), 1)
        presence = more[0][:, 0] if more else np.full(b, _SURE, np.float32)
        return Decoded(masks, ious, presence, np.zeros((b, 4, self._graphs.preset.dim), np.float32))


def as_fixed(graphs: GraphSet, logits: FloatArray) -> FloatArray:
    """(b, 1, k, k) → the one size that a memory encoder of fixed shapes takes."""
    side = graphs.graphs["memory_encoder"].inputs[1].shape[-1]
    if not isinstance(side, int) or logits.shape[-1] == side:
        return logits
    return np.stack([upsample_logits(each[0], (side, side))[None] for each in logits])


def check_tracks(graphs: GraphSet) -> None:
    """Raises ModelError for a decoder with which nothing can be tracked."""
    if graphs.tracks:
        return
    lacks = "the single mask" if graphs.masks == 3 else "the object pointer"
    if graphs.masks == 3 and "object_pointer" not in graphs.tensors("mask_decoder")[1]:
        lacks = "the single mask and the object pointer"
    raise ModelError(
        f"{graphs.graphs['mask_decoder'].file} answers clicks on images only, for it lacks {lacks}: "
        "export the model with --masks 4 to track"
    )
