"""Scenes for training, composed on the device: a base picture, things pasted over it, all on their own
paths. One frame is an image; several are a clip with known masks, occlusion and presence.

Copy-paste after Ghiasi et al. 2021; moving cut-outs as training video after Perazzi et al. 2017
("MaskTrack") and Oh et al. 2019 ("STM").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from splitmask.train.corpus import Corpus

PASTE_ID = 251  # label of the first pasted thing; the next has the next id
Array = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SceneParams:
    frames: int = 1
    pastes: int = 2
    paste_chance: float = 0.5  # of each paste
    blob_chance: float = 0.3  # that a pasted thing is a random shape, not a labelled object
    full_frame_chance: float = 0.5  # base shown as inference shows it: all of it, stretched
    real_clip_chance: float = 0.5  # with several frames: a sequence of the corpus, not a still
    max_stride: int = 4  # of frames in a real sequence


@dataclass(frozen=True, slots=True)
class Layers:
    """What the host chose, before the device draws it. p is 1 + pastes; layer 0 is the base."""

    samples: Tensor  # (b, t, p) int64
    maps: Tensor  # (b, t, p) int64 row of Corpus.maps
    labels: Tensor  # (b, p) −2 nothing, −1 a random blob, 0 all (base), else the label to cut out
    affine: Tensor  # (b, t, p, 2, 3) output −1…1 → canvas pixels
    shape: Tensor  # (b, t, p, 2, 3) the same for the canvas of a pasted thing's random shape
    colour: Tensor  # (b, p, 5) brightness, contrast, saturation, gamma, warmth


def _pose(cx: float, cy: float, sx: float, sy: float, angle: float, ox: float, oy: float) -> Array:
    """Source pixel = S·R·(output − (ox, oy)) + (cx, cy); s in source pixels per half frame."""
    c, s = math.cos(angle), math.sin(angle)
    linear = np.array([[sx * c, sx * s], [-sy * s, sy * c]], np.float32)
    offset = np.array([cx, cy], np.float32) - linear @ np.array([ox, oy], np.float32)
    return np.concatenate((linear, offset[:, None]), axis=1)


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

    def sample(self, batch: int) -> Layers:
        p, t = self.params.pastes + 1, self.params.frames
        samples, maps = np.zeros((batch, t, p), np.int64), np.zeros((batch, t, p), np.int64)
        labels = np.full((batch, p), -2, np.int64)
        affine, shape = (np.zeros((batch, t, p, 2, 3), np.float32) for _ in range(2))
        still = self.rng.choice(self.samples, batch, p=self.weights)
        for b in range(batch):
            self._base(int(still[b]), samples[b, :, 0], maps[b, :, 0], affine[b, :, 0])
            labels[b, 0] = 0
            labelled = bool(self.corpus.labelled[samples[b, 0, 0]])
            for j in range(1, p):
                # a picture without labels needs something on it to learn from
                if self.rng.random() < self.params.paste_chance or (j == 1 and not labelled):
                    labels[b, j] = self._paste(
                        samples[b, :, j], maps[b, :, j], affine[b, :, j], shape[b, :, j]
                    )
        colour = self.rng.normal(size=(batch, p, 5)).astype(np.float32)
        tensors = (torch.from_numpy(x) for x in (samples, maps, labels, affine, shape, colour))
        device = self.corpus.images.device
        if device.type == "cuda":
            return Layers(*(x.pin_memory().to(device, non_blocking=True) for x in tensors))
        return Layers(*tensors)

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
            affine[i] = _pose(
                cx + drift[0] * s * w, cy + drift[1] * s * h,
                flip * z * w / 2 * aspect, z * h / 2 / aspect, angle + drift[3] * s, 0.0, 0.0,
            )  # fmt: skip

    def _paste(self, samples: Rows, maps: Rows, affine: Array, shape: Array) -> int:
        """A thing on its own path; returns its label on its own map, −1 for a random shape."""
        rng = self.rng
        if len(self.cut_weights) == 0 or rng.random() < self.params.blob_chance:
            sample = int(rng.integers(len(self.samples)))
            h, w = self.sizes[sample]
            side = float(rng.uniform(0.3, 0.8) * min(h, w))
            x0, y0 = rng.uniform(0, w - side), rng.uniform(0, h - side)
            box, label, row = (x0, y0, x0 + side, y0 + side), -1, self._any_map(sample)
        else:
            cut = self.corpus.cuts[int(np.searchsorted(self.cut_weights, rng.random()))]
            sample, label, row, box = cut.sample, cut.label, cut.map, cut.box
        samples[:], maps[:] = sample, row
        self._path(affine, shape, box)
        return label

    def _path(self, affine: Array, shape: Array, box: tuple[float, float, float, float]) -> None:
        rng, t = self.rng, len(affine)
        x0, y0, x1, y1 = box
        reach = math.exp(
            rng.uniform(math.log(0.08), math.log(0.75))
        )  # of the frame's half side, per half box
        scale = max(x1 - x0, y1 - y0) / 2 / reach
        aspect, angle = math.exp(rng.normal() * 0.15), rng.normal() * 0.25
        flip = -1.0 if rng.random() < 0.5 else 1.0
        start, velocity = rng.uniform(-0.9, 0.9, 2), rng.normal(size=2) * 0.6
        swing, phase, turns = rng.normal(size=2) * 0.2, rng.uniform(0, 6.28), rng.uniform(0.5, 2.0)
        spin, grow = rng.normal() * 0.3, rng.normal() * 0.25
        for i in range(t):
            s = i / max(t - 1, 1)
            position = start + velocity * s + swing * math.sin(phase + 6.28 * turns * s)
            turn, k = angle + spin * s, math.exp(-grow * s)
            kx, ky, half = flip * k * aspect, k / aspect, self.corpus.side / 2
            affine[i] = _pose((x0 + x1) / 2, (y0 + y1) / 2, scale * kx, scale * ky, turn, *position)
            shape[i] = _pose(half, half, half / reach * kx, half / reach * ky, turn, *position)


def _sample_layer(source: Tensor, affine: Tensor, size: int, mode: str) -> Tensor:
    """source (n, c, side, side), affine (n, 2, 3) to canvas pixels → (n, c, size, size)."""
    side = source.shape[-1]
    line = (torch.arange(size, device=source.device, dtype=torch.float32) + 0.5) / size * 2 - 1
    x, y = line[None, None, :], line[None, :, None]
    a = affine[:, :, :, None, None]
    grid = torch.stack([a[:, i, 0] * x + a[:, i, 1] * y + a[:, i, 2] for i in (0, 1)], dim=-1)
    return F.grid_sample(source, grid * (2 / side) - 1, mode=mode, padding_mode="zeros", align_corners=False)


def _inside(affine: Tensor, sizes: Tensor, size: int) -> Tensor:
    """(n, 1, size, size): where the output looks at the picture, not at the canvas beyond it."""
    line = (torch.arange(size, device=affine.device, dtype=torch.float32) + 0.5) / size * 2 - 1
    x, y = line[None, None, :], line[None, :, None]
    a = affine[:, :, :, None, None]
    px, py = (a[:, i, 0] * x + a[:, i, 1] * y + a[:, i, 2] for i in (0, 1))
    h, w = sizes[:, 0, None, None], sizes[:, 1, None, None]
    return ((px >= 0) & (px < w) & (py >= 0) & (py < h))[:, None]


def _recolour(rgb: Tensor, c: Tensor) -> Tensor:
    """rgb (n, 3, h, w) in 0…1, c (n, 5) normal draws → the same, recoloured."""
    b, contrast, saturation, gamma, warmth = (x[:, None, None, None] for x in c.unbind(1))
    rgb = rgb.clamp(1e-3, 1) ** torch.exp(gamma * 0.15)
    grey = rgb.mean(dim=1, keepdim=True)
    # one picture in about twenty loses its colour
    colourless = (saturation < -1.65).to(rgb.dtype)
    rgb = grey + (rgb - grey) * (torch.exp(saturation * 0.3) * (1 - colourless))
    tint = torch.cat((warmth, torch.zeros_like(warmth), -warmth), dim=1) * 0.04
    return ((rgb - 0.45) * torch.exp(contrast * 0.2) + 0.45 + b * 0.08 + tint).clamp(0, 1)


def _blobs(n: int, size: int, device: torch.device) -> Tensor:
    """(n, 1, size, size) smooth random shapes about the centre, in bool."""
    noise = F.interpolate(
        torch.randn(n, 1, 6, 6, device=device), size=size, mode="bicubic", align_corners=False
    )
    line = torch.linspace(-1, 1, size, device=device)
    radius = (line[None, :] ** 2 + line[:, None] ** 2).sqrt()
    return (0.62 - radius + 0.22 * noise) > 0


def draw(corpus: Corpus, layers: Layers, size: int) -> tuple[Tensor, Tensor]:
    """→ images (b, t, 3, size, size) in 0…1 and label maps (b, t, size, size) uint8."""
    b, t, p = layers.samples.shape
    flat = b * t
    device = corpus.images.device
    images = torch.rand(flat, 3, 1, 1, device=device).expand(-1, -1, size, size)
    labels = torch.zeros(flat, 1, size, size, device=device)
    for j in range(p):
        samples, affine = layers.samples[:, :, j].reshape(-1), layers.affine[:, :, j].reshape(-1, 2, 3)
        colour = layers.colour[:, None, j].expand(-1, t, -1).reshape(-1, 5)
        wanted = layers.labels[:, None, j].expand(-1, t).reshape(-1)[:, None, None, None]
        rgb = _recolour(_sample_layer(corpus.images[samples].float() / 255, affine, size, "bilinear"), colour)
        ids = _sample_layer(
            corpus.maps[layers.maps[:, :, j].reshape(-1)][:, None].float(), affine, size, "nearest"
        )
        here = _inside(affine, corpus.sizes[samples], size)
        if j == 0:
            images = torch.where(here, rgb, images)
            labels = ids * here
            continue
        blob = (
            _blobs(b, corpus.side, device)[:, None]
            .expand(-1, t, -1, -1, -1)
            .reshape(flat, 1, corpus.side, -1)
        )
        blob = _sample_layer(blob.float(), layers.shape[:, :, j].reshape(-1, 2, 3), size, "nearest") > 0.5
        shown = here & torch.where(wanted == -1, blob, (ids == wanted) & (wanted > 0))
        soft = F.avg_pool2d(shown.float(), 3, stride=1, padding=1, count_include_pad=False) * shown
        images = images * (1 - soft) + rgb * soft
        labels = torch.where(shown, torch.full_like(labels, PASTE_ID + j - 1), labels)
    return images.reshape(b, t, 3, size, size), labels.reshape(b, t, size, size).to(torch.uint8)


def degrade(images: Tensor) -> Tensor:
    """Noise and blur of cameras and codecs; images (b, t, 3, h, w) in 0…1."""
    b, t = images.shape[:2]
    flat = images.flatten(0, 1)
    amount = (
        (torch.rand(b, device=images.device) ** 3)[:, None].expand(-1, t).reshape(-1)[:, None, None, None]
    )
    blurred = F.avg_pool2d(F.avg_pool2d(flat, 3, 1, 1), 3, 1, 1)
    mix = (torch.rand(b, device=images.device) - 0.6).clamp_min(0)[:, None].expand(-1, t).reshape(-1) * 2.5
    flat = flat + (blurred - flat) * mix[:, None, None, None]
    return (flat + torch.randn_like(flat) * 0.06 * amount).clamp(0, 1).reshape(images.shape)
