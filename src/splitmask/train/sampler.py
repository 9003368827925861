"""Chooses what a scene shows: which picture, what is pasted over it, and how all of it moves."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from splitmask.train.corpus import Corpus, Cut
from splitmask.train.motion import Absence, Array, Points, aside, pose, seen_at, wander
from splitmask.train.scenes import Layers, SceneParams

Rows = npt.NDArray[np.int64]
Box = tuple[float, float, float, float]
# A pasted thing leaves the frame and comes back, something is laid over one, or one goes behind a wall.
How = Literal["leaves", "covered", "behind"]


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is pasted: a labelled thing of a picture, or (label −1) a random shape of its texture."""

    sample: int
    map: int
    label: int
    box: Box


@dataclass(slots=True)
class _Seen:
    """Where on the frames something is: centres (t, 2), and its larger half side; of what it was cut."""

    at: Points
    half: float
    piece: _Piece
    pause: Absence | None = None  # while it stands still behind what will hide it


@dataclass(slots=True)
class _Scene:
    """The rows of one scene in the batch's arrays: (t, p), (t, p), (p,), (t, p, 2, 3) twice, (p, 5)."""

    samples: Rows
    maps: Rows
    labels: Rows
    affine: Array
    shape: Array
    colour: Array


class SceneSampler:
    """Chooses what is drawn. Cheap, on the host, from one numpy generator (which resumes exactly)."""

    def __init__(
        self, corpus: Corpus, weights: npt.NDArray[np.float64], params: SceneParams, rng: np.random.Generator
    ) -> None:
        self.corpus, self.params, self.rng = corpus, params, rng
        self.sizes = corpus.sizes.cpu().numpy()
        self.weights = weights / weights.sum()
        self.samples = np.arange(len(corpus.names))
        self.clips = [c for c in corpus.clips.values() if len(c) >= 2]
        areas = np.array([c.area for c in corpus.cuts], np.float64)
        per_sample = np.array([self.weights[c.sample] for c in corpus.cuts])
        cut_weights = np.minimum(areas, 20000) ** 0.25 * np.maximum(per_sample, self.weights.max() / 20)
        self.cut_weights = np.cumsum(cut_weights / cut_weights.sum()) if len(areas) else areas
        self.cuts_of: dict[int, list[Cut]] = defaultdict(list)
        for cut in corpus.cuts:
            self.cuts_of[cut.sample].append(cut)

    def sample(self, batch: int) -> Layers:
        p, t = self.params.pastes + 1, self.params.frames
        samples, maps = np.zeros((batch, t, p), np.int64), np.zeros((batch, t, p), np.int64)
        labels = np.full((batch, p), -2, np.int64)
        affine, shape = (np.zeros((batch, t, p, 2, 3), np.float32) for _ in range(2))
        colour = self.rng.normal(size=(batch, p, 5)).astype(np.float32) * self.params.colour
        still = self.rng.choice(self.samples, batch, p=self.weights)
        for b in range(batch):
            self._compose(
                int(still[b]), _Scene(samples[b], maps[b], labels[b], affine[b], shape[b], colour[b])
            )
        tensors = (torch.from_numpy(x) for x in (samples, maps, labels, affine, shape, colour))
        device = self.corpus.images.device
        if device.type == "cuda":
            return Layers(*(x.pin_memory().to(device, non_blocking=True) for x in tensors))
        return Layers(*tensors)

    def _compose(self, still: int, scene: _Scene) -> None:
        params, rng = self.params, self.rng
        self._base(still, scene.samples[:, 0], scene.maps[:, 0], scene.affine[:, 0])
        scene.labels[0] = 0
        shown = self._shown(scene)
        last = len(scene.labels) - 1
        how = self._absence(last)
        hidden = how in ("covered", "behind")
        for j in range(1, last + (not hidden)):
            # a picture without labels needs something on it to learn from, an absence what is away
            forced = j == 1 and (
                not self.corpus.labelled[scene.samples[0, 0]]
                or how in ("leaves", "behind")
                or (hidden and not shown)
            )
            if forced or rng.random() < params.paste_chance:
                shown.append(self._paste(scene, j, shown, how if j == 1 else None))
        if hidden:
            behind = [seen for seen in shown if seen.pause is not None]
            self._hide(scene, last, behind[0] if behind else shown[int(rng.integers(len(shown)))])

    def _absence(self, pastes: int) -> How | None:
        """What takes something out of view for long, if anything does; to hide it takes a layer more."""
        if self.params.frames < 4 or pastes == 0 or self.rng.random() >= self.params.away_chance:
            return None
        ways: tuple[How, ...] = ("leaves", "covered", "behind") if pastes > 1 else ("leaves",)
        return ways[int(self.rng.integers(len(ways)))]

    def _any_map(self, sample: int) -> int:
        rows = self.corpus.rows(sample)
        return int(self.rng.integers(rows.start, rows.stop)) if rows else 0

    def _base(self, still: int, samples: Rows, maps: Rows, affine: Array) -> None:
        rng, t = self.rng, len(samples)
        samples[:] = still
        maps[:] = self._any_map(still)
        if t > 1 and self.clips and rng.random() < self.params.real_clip_chance:
            clip = self.clips[int(rng.integers(len(self.clips)))]
            stride = int(rng.integers(1, self.params.max_stride + 1))
            stride = max(1, min(stride, (len(clip) - 1) // max(t - 1, 1)))
            start = int(rng.integers(0, max(1, len(clip) - stride * (t - 1))))
            order = [min(start + stride * i, len(clip) - 1) for i in range(t)]
            samples[:] = [clip[i] for i in (order if rng.random() < 0.7 else order[::-1])]
            # an object has the same map on every frame; a frame without maps shows none
            number = int(rng.integers(max(1, len(self.corpus.rows(int(samples[0]))))))
            maps[:] = [self.corpus.row(int(s), number) for s in samples]
        h, w = self.sizes[int(samples[0])]
        self._view(affine, float(w), float(h))

    def _view(self, affine: Array, w: float, h: float) -> None:
        """A window on a w×h picture that drifts, zooms and turns a little over the frames."""
        rng, t = self.rng, len(affine)
        flip = -1.0 if rng.random() < 0.5 else 1.0
        if rng.random() < self.params.full_frame_chance:
            zoom, aspect, angle, cx, cy = rng.uniform(0.9, 1.02), 1.0, 0.0, w / 2, h / 2
        else:
            zoom = math.exp(rng.uniform(math.log(0.35), math.log(1.25)))
            aspect = math.exp(rng.uniform(-0.35, 0.35))
            angle = rng.normal() * 0.15
            room = max(0.0, 1 - zoom) / 2
            cx, cy = w * (0.5 + rng.uniform(-room, room)), h * (0.5 + rng.uniform(-room, room))
        drift = rng.normal(size=4) * (0.08, 0.08, 0.06, 0.05) if t > 1 else np.zeros(4)
        for i in range(t):
            s = i / max(t - 1, 1)
            z = zoom * math.exp(drift[2] * s)
            affine[i] = pose(
                cx + drift[0] * s * w, cy + drift[1] * s * h,
                flip * z * w / 2 * aspect, z * h / 2 / aspect, angle + drift[3] * s, 0.0, 0.0,
            )  # fmt: skip

    def _shown(self, scene: _Scene) -> list[_Seen]:
        """One of the base's own things, as the view shows it on the first frame and follows from there."""
        if self.params.frames == 1 and self.params.twin_chance == 0:
            return []
        row = int(scene.maps[0, 0])
        cuts = [c for c in self.cuts_of.get(int(scene.samples[0, 0]), ()) if c.map == row]
        if not cuts:
            return []
        cut = cuts[int(self.rng.integers(len(cuts)))]
        at, half = seen_at(scene.affine[:, 0], cut.box)
        for i, sample in enumerate(scene.samples[:, 0]):
            moved = [c for c in self.cuts_of.get(int(sample), ()) if c.label == cut.label]
            if moved and int(sample) != cut.sample:
                at[i] = seen_at(scene.affine[i : i + 1, 0], moved[0].box)[0][0]
        return [_Seen(at, half, _Piece(cut.sample, cut.map, cut.label, cut.box))]

    def _texture(self) -> _Piece:
        rng = self.rng
        sample = int(rng.integers(len(self.samples)))
        h, w = self.sizes[sample]
        side = float(rng.uniform(0.3, 0.8) * min(h, w))
        x0, y0 = rng.uniform(0, w - side), rng.uniform(0, h - side)
        return _Piece(sample, self._any_map(sample), -1, (x0, y0, x0 + side, y0 + side))

    def _thing(self) -> _Piece:
        if len(self.cut_weights) == 0 or self.rng.random() < self.params.blob_chance:
            return self._texture()
        at = int(np.searchsorted(self.cut_weights, self.rng.random()))
        cut = self.corpus.cuts[min(at, len(self.corpus.cuts) - 1)]
        return _Piece(cut.sample, cut.map, cut.label, cut.box)

    def _paste(self, scene: _Scene, j: int, shown: list[_Seen], how: How | None) -> _Seen:
        """A thing on its own path, or the twin of one that is shown."""
        rng, t = self.rng, len(scene.samples)
        # of the frame's half side, per half box
        reach = math.exp(rng.uniform(math.log(0.08), math.log(0.75)))
        models = [seen for seen in shown if seen.piece.label > 0]
        if models and rng.random() < self.params.twin_chance:
            model = models[int(rng.integers(len(models)))]
            piece, reach = model.piece, float(np.clip(model.half * math.exp(rng.normal() * 0.2), 0.05, 1.0))
            scene.colour[j] = scene.colour[j - 1] + 0.2 * scene.colour[j]
        else:
            piece = self._thing()
        away = Absence.draw(rng, t) if how in ("leaves", "behind") else None
        time = away.warp(t) if away and how == "behind" else np.arange(t) / max(t - 1, 1)
        positions = wander(rng, time)
        if away and how == "leaves":
            positions = positions + aside(rng, away.share(t))
        self._place(scene, j, piece, positions, reach)
        return _Seen(positions, reach, piece, away if how == "behind" else None)

    def _hide(self, scene: _Scene, j: int, victim: _Seen) -> None:
        """A wall stands where the victim pauses; or something larger lays itself over it and goes on."""
        rng, t = self.rng, len(scene.samples)
        reach = min(1.6, victim.half * rng.uniform(1.3, 2.2) + 0.05)
        if victim.pause:
            positions = np.repeat(victim.at[min(victim.pause.first, t - 1)][None], t, axis=0)
        else:
            positions = victim.at + aside(rng, 1 - Absence.draw(rng, t).share(t))
        self._place(scene, j, self._texture(), positions, reach, 0.6)

    def _place(
        self, scene: _Scene, j: int, piece: _Piece, positions: Points, reach: float, room: float = 1.0
    ) -> None:
        """Writes layer j. reach: half the piece's larger side; room: how much of it a shape fills."""
        rng, t = self.rng, len(positions)
        scene.samples[:, j], scene.maps[:, j], scene.labels[j] = piece.sample, piece.map, piece.label
        x0, y0, x1, y1 = piece.box
        reach = reach / room
        scale = max(x1 - x0, y1 - y0) / 2 / reach
        aspect, angle = math.exp(rng.normal() * 0.15), rng.normal() * 0.25
        flip = -1.0 if rng.random() < 0.5 else 1.0
        spin, grow = rng.normal() * 0.3, rng.normal() * 0.25
        half = self.corpus.side / 2
        for i in range(t):
            s = i / max(t - 1, 1)
            turn, k = angle + spin * s, math.exp(-grow * s)
            kx, ky = flip * k * aspect, k / aspect
            at = (float(positions[i, 0]), float(positions[i, 1]))
            scene.affine[i, j] = pose((x0 + x1) / 2, (y0 + y1) / 2, scale * kx, scale * ky, turn, *at)
            scene.shape[i, j] = pose(half, half, half / reach * kx, half / reach * ky, turn, *at)
