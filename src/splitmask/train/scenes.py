"""Scenes for training, composed on the device: a base picture, things pasted over it, all on their own
paths. One frame is an image; several are a clip with known masks, occlusion and presence.

Copy-paste after Ghiasi et al. 2021; moving cut-outs as training video after Perazzi et al. 2017
("MaskTrack") and Oh et al. 2019 ("STM").
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from splitmask.train.corpus import Corpus

PASTE_ID = 251  # label of the first pasted thing; the next has the next id


@dataclass(frozen=True, slots=True)
class SceneParams:
    frames: int = 1
    pastes: int = 2
    paste_chance: float = 0.5  # of each paste
    blob_chance: float = 0.3  # that a pasted thing is a random shape, not a labelled object
    full_frame_chance: float = 0.5  # base shown as inference shows it: all of it, stretched
    real_clip_chance: float = 0.5  # with several frames: a sequence of the corpus, not a still
    max_stride: int = 4  # of frames in a real sequence
    away_chance: float = 0.0  # that on a clip something is hidden, or out of the frame, for long
    twin_chance: float = 0.0  # that what is pasted looks like what is there already
    colour: float = 1.0  # how far colours are changed


@dataclass(frozen=True, slots=True)
class Layers:
    """What the host chose, before the device draws it. p is 1 + pastes; layer 0 is the base."""

    samples: Tensor  # (b, t, p) int64
    maps: Tensor  # (b, t, p) int64 row of Corpus.maps
    labels: Tensor  # (b, p) −2 nothing, −1 a random blob, 0 all (base), else the label to cut out
    affine: Tensor  # (b, t, p, 2, 3) output −1…1 → canvas pixels
    shape: Tensor  # (b, t, p, 2, 3) the same for the canvas of a pasted thing's random shape
    colour: Tensor  # (b, p, 5) brightness, contrast, saturation, gamma, warmth


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
    beyond = torch.rand(b, 1, 3, 1, 1, device=device).expand(-1, t, -1, size, size)
    images = beyond.reshape(flat, 3, size, size)
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
