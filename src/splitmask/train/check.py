"""A quick look at held-out data between training steps, on the device: clicks on stills, short clips.

`splitmask eval` measures properly; this tells within seconds whether a run goes the right way.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from splitmask.model import Sam2
from splitmask.train.corpus import Corpus
from splitmask.train.losses import iou
from splitmask.train.rollout import Plan, Rollout, Verbs
from splitmask.train.scenes import Layers, draw
from splitmask.train.targets import Objects, choose, click


def _whole(corpus: Corpus, samples: npt.NDArray[np.int64]) -> Layers:
    """Samples (b, t) shown whole, with nothing pasted."""
    b, t = samples.shape
    sizes = corpus.sizes.cpu().numpy()[samples]
    affine = np.zeros((b, t, 1, 2, 3), np.float32)
    for axis, side in ((0, sizes[..., 1]), (1, sizes[..., 0])):
        affine[:, :, 0, axis, axis] = affine[:, :, 0, axis, 2] = side / 2
    maps = np.array([[corpus.row(int(s)) for s in row] for row in samples], np.int64)
    arrays = (samples[..., None], maps[..., None], np.zeros((b, 1), np.int64),
              affine, affine, np.zeros((b, 1, 5), np.float32))  # fmt: skip
    return Layers(*(torch.from_numpy(np.ascontiguousarray(x)).to(corpus.images.device) for x in arrays))


class Check:
    """Mean IoU by kind after 1, 3 and 5 clicks, and along clips of 8 frames from the first mask."""

    def __init__(self, corpus: Corpus, model: Sam2, batch: int = 32, stride: int = 3) -> None:
        self.corpus, self.model, self.batch, self.stride = corpus, model, batch, stride
        self.rollout = Rollout(model, Verbs.of(model, "none"))

    def _scene(self, samples: npt.NDArray[np.int64], count: int) -> tuple[Tensor, Objects]:
        images, labels = draw(self.corpus, _whole(self.corpus, samples), self.model.preset.image_size)
        mean, std = (torch.tensor(x, device=images.device).reshape(3, 1, 1)
                     for x in (self.model.preset.mean, self.model.preset.std))  # fmt: skip
        return (images - mean) / std, choose(labels, count, 16)

    @torch.no_grad()
    def __call__(self) -> dict[str, float]:
        training = [module for module in self.model.modules() if module.training]
        self.model.eval()
        device = self.corpus.images.device
        gpus = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(gpus), torch.autocast(device.type, torch.bfloat16, enabled=bool(gpus)):
            torch.manual_seed(0)
            scores = {**self._clicks(), **self._clips()}
        for module in training:
            module.training = True
        return scores

    def _clicks(self) -> dict[str, float]:
        of_clip = {i for frames in self.corpus.clips.values() for i in frames}
        picked = [int(i) for i in np.flatnonzero(self.corpus.labelled) if i not in of_clip]
        picked += [i for frames in self.corpus.clips.values() for i in frames[::8]]
        found: dict[str, list[tuple[float, ...]]] = defaultdict(list)
        for at in range(0, len(picked), self.batch):
            chunk = np.array(picked[at : at + self.batch])
            images, objects = self._scene(chunk[:, None], 2)
            scores = self._rounds(images, objects).cpu().numpy()
            valid = objects.valid.cpu().numpy() > 0
            for n, scene in enumerate(np.repeat(chunk, 2)):
                if valid[n]:
                    found[self.corpus.names[scene].split("_")[0]].append(tuple(scores[n]))
        means = {
            f"{kind}/{r}": float(np.mean([row[r - 1] for row in rows]))
            for kind, rows in sorted(found.items())
            for r in (1, 3, 5)
        }
        for r in (1, 3, 5) if means else ():
            means[f"clicks/{r}"] = float(np.mean([v for k, v in means.items() if k.endswith(f"/{r}")]))
        return means

    def _rounds(self, images: Tensor, objects: Objects) -> Tensor:
        """(n, 5) IoU after each click."""
        maps = [x[objects.scene] for x in self.model.encode(images[:, 0])]
        target = objects.masks[:, 0]
        point, label = click(target, torch.zeros_like(target), random=0.0)
        points, labels = point[:, None], label[:, None]
        logits, has = torch.zeros_like(target), torch.zeros(len(target), device=target.device)
        scores = []
        for r in range(5):
            masks, ious, *_ = self.model.decode(maps[2], maps[0], maps[1], points, labels, logits, has)
            best = (
                ious[:, 1:].argmax(1) + 1
                if r == 0
                else torch.zeros(len(masks), dtype=torch.long, device=masks.device)
            )
            logits = (
                masks[torch.arange(len(masks), device=masks.device), best][:, None].float().clamp(-32, 32)
            )
            has = torch.ones_like(has)
            scores.append(iou(logits, target)[:, 0])
            point, label = click(target, (logits > 0).float(), random=0.0)
            points, labels = torch.cat((points, point[:, None]), 1), torch.cat((labels, label[:, None]), 1)
        return torch.stack(scores, dim=1)

    def _clips(self) -> dict[str, float]:
        means = {}
        for name, frames in self.corpus.clips.items():
            starts = range(0, max(1, len(frames) - 7 * self.stride), 8)
            samples = np.array(
                [[frames[min(s + self.stride * i, len(frames) - 1)] for i in range(8)] for s in starts]
            )
            images, objects = self._scene(samples, 1)
            outcome = self.rollout(images, objects, Plan(start="mask"))
            scores = torch.stack(
                [iou(x, objects.masks[:, i])[:, 0] for i, x in enumerate(outcome.logits)][1:]
            )
            means[f"track/{name}"] = float(scores.mean())
        if means:
            means["track/mean"] = float(np.mean(list(means.values())))
        return means
