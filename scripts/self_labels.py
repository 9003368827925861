"""Makes a data set of things that a model finds by itself on pictures that few or no people have labelled.

    python scripts/self_labels.py MODEL DATA OUT/self.tar [--kinds coco,photo] [--part 0/1] [--limit N]

MODEL is what `--model` takes, run by PyTorch; DATA a folder with the pictures, of which only such that
training sees are taken. A grid of clicks is answered on each picture and on its mirror image. Masks on which
both agree and that are thought to be good are looked at again from nearby, where small things are large, and
kept if they stay what they were. What cuts through a thing that somebody has labelled goes. (A teacher that
sees more than its student: Xie et al. 2020, "Self-training with Noisy Student"; the grid: Kirillov et al.
2023, "Segment Anything".)
"""

from __future__ import annotations

import argparse
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from whole_objects import add_file, train_name

from splitmask.errors import DataError, ModelError
from splitmask.files import write_bytes
from splitmask.model import Sam2
from splitmask.model.weights import load_model
from splitmask.train.readers import ImageSample, Problems, object_mask, objects_in, open_data, split

GRID = 14  # clicks along a side
AGREE, GOOD, STAYS = 0.8, 0.65, 0.75  # IoU with the mirror image's mask; predicted; with the one from nearby
SAME = 0.7  # IoU of two masks that are one thing
MOST = 40  # things of a picture
EVERY = 6  # of a clip's frames
MAPS = 3

BoolArray = npt.NDArray[np.bool_]


class Teacher:
    """Pictures (H, W, 3) uint8 → masks (n, H, W) bool of things, largest first."""

    def __init__(self, model: Sam2, device: torch.device) -> None:
        self.model, self.device = model.to(device).eval(), device
        self.side = model.preset.image_size
        self.mean = torch.tensor(model.preset.mean, device=device).reshape(3, 1, 1)
        self.std = torch.tensor(model.preset.std, device=device).reshape(3, 1, 1)

    @torch.inference_mode()
    def __call__(self, image: npt.NDArray[np.uint8]) -> BoolArray:
        picture = torch.from_numpy(image.copy()).to(self.device).permute(2, 0, 1)[None].float() / 255
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            logits = self._found(self._square(picture))
            masks = (
                self._from_nearby(picture, logits) if len(logits) else logits.new_zeros(0, *image.shape[:2])
            )
        areas = masks.flatten(1).sum(1)
        order = areas.argsort(descending=True)
        return np.asarray(masks[order[areas[order] > 0]].bool().cpu().numpy())

    def _square(self, picture: Tensor) -> Tensor:
        size = (self.side, self.side)
        square = F.interpolate(picture, size, mode="bilinear", align_corners=False, antialias=True)
        return (square - self.mean) / self.std

    def _found(self, square: Tensor) -> Tensor:
        """square (1, 3, S, S) → logits (n, M, M) of things that both views agree on."""
        line = (torch.arange(GRID, device=self.device) + 0.5) * self.side / GRID - 0.5
        points = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).reshape(-1, 1, 2)
        mirrored = torch.stack((self.side - 1 - points[..., 0], points[..., 1]), -1)
        maps = self.model.encode(torch.cat((square, square.flip(-1))))
        here = self._clicked([x[:1] for x in maps], points)
        there = self._clicked([x[1:] for x in maps], mirrored)
        logits = (here[0] + there[0].flip(-1)) / 2
        quality = (here[1] + there[1]) / 2
        agree = overlap(here[0] > 0, there[0].flip(-1) > 0)
        share = (logits > 0).float().mean((-2, -1))
        fine = (
            (agree > AGREE) & (quality > GOOD) & (share > 25 / self.model.preset.mask_size**2) & (share < 0.7)
        )
        return distinct(logits[fine], (quality * agree)[fine])

    def _clicked(self, maps: list[Tensor], points: Tensor) -> tuple[Tensor, Tensor]:
        """Points (n, 1, 2) on one picture → readings (3n, M, M), predicted IoU (3n,)."""
        n = len(points)
        masks, ious, *_ = self._decode(maps, points, torch.ones(n, 1), None)
        return masks[:, 1:].flatten(0, 1).float(), ious[:, 1:].flatten().float()

    def _decode(
        self, maps: list[Tensor], points: Tensor, labels: Tensor, given: Tensor | None
    ) -> list[Tensor]:
        n, side = len(points), self.model.preset.mask_size
        hr0, hr1, embed = (x.expand(n, -1, -1, -1) for x in maps)
        has = torch.full((n,), float(given is not None), device=self.device)
        given = torch.zeros(n, 1, side, side, device=self.device) if given is None else given
        return list(self.model.decode(embed, hr0, hr1, points, labels.to(self.device), given, has))

    def _from_nearby(self, picture: Tensor, logits: Tensor) -> Tensor:
        """Each thing (n, M, M) from nearby → masks (n, H, W), empty where it did not stay what it was."""
        n, (h, w) = len(logits), picture.shape[-2:]
        low, high = spans(logits > 0)
        size = ((high - low) * 1.6).clamp(0.2, 1.0)
        start = ((low + high - size) / 2).clamp_min(0).minimum(1 - size)
        crops = window(picture.expand(n, -1, -1, -1), start, size, (self.side, self.side))
        maps = self.model.encode((crops - self.mean) / self.std)
        corners = torch.stack(((low - start) / size, (high - start) / size), 1) * self.side - 0.5
        before = window(logits[:, None].clamp(-32, 32), start, size, logits.shape[-2:])
        labels = torch.tensor([[2.0, 3.0]]).expand(n, -1)
        masks, ious, presence, _ = self._decode(list(maps), corners, labels, before)
        stays = overlap(masks[:, 0] > 0, before[:, 0] > 0) > STAYS
        stays = stays & (ious[:, 0] > GOOD) & (presence[:, 0] > 0)
        whole = window(masks[:, :1].float(), -start / size, 1 / size, (h, w))[:, 0]
        return (whole > 0) & inside(start, size, (h, w)) & stays[:, None, None]


def overlap(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of masks (n, h, w) with their like → (n,)."""
    both, either = (one & other).flatten(1).sum(1), (one | other).flatten(1).sum(1)
    return both / either.clamp_min(1)


def distinct(logits: Tensor, scores: Tensor) -> Tensor:
    """Of masks of one thing the best one stays: logits (n, M, M), scores (n,) → (k, M, M), best first."""
    order = scores.argsort(descending=True)[:1000]
    logits = logits[order]
    flat = (logits > 0).flatten(1).float()
    both, areas = flat @ flat.T, flat.sum(1)
    same = (both / (areas[:, None] + areas[None] - both).clamp_min(1) > SAME).cpu().numpy()
    kept: list[int] = []
    for i in range(len(same)):
        if len(kept) < MOST and not same[i, kept].any():
            kept.append(i)
    return logits[kept]


def spans(masks: Tensor) -> tuple[Tensor, Tensor]:
    """masks (n, M, M) → least and greatest x and y, (n, 2) each, as shares of the side."""
    m = masks.shape[-1]
    line = torch.arange(m, device=masks.device, dtype=torch.float32)
    across = torch.stack((masks.any(1), masks.any(2)), 1)  # (n, 2, M)
    low = torch.where(across, line, torch.full_like(line, m)).amin(2)
    high = torch.where(across, line + 1, torch.zeros_like(line)).amax(2)
    return low / m, high / m


def window(source: Tensor, start: Tensor, size: Tensor, shape: tuple[int, ...]) -> Tensor:
    """source (n, c, h, w), start and size (n, 2) as shares of it → (n, c, *shape) of that part."""
    ys, xs = (torch.arange(k, device=source.device).add(0.5) / k for k in shape)
    x = start[:, 0, None, None] + size[:, 0, None, None] * xs[None, None, :]
    y = start[:, 1, None, None] + size[:, 1, None, None] * ys[None, :, None]
    grid = torch.stack(torch.broadcast_tensors(x, y), -1) * 2 - 1
    return F.grid_sample(source.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)


def inside(start: Tensor, size: Tensor, shape: tuple[int, int]) -> Tensor:
    """(n, *shape) bool: the pixels that lie in each window."""
    ys, xs = (torch.arange(k, device=start.device).add(0.5) / k for k in shape)
    far = start + size
    within_x = (xs >= start[:, :1]) & (xs < far[:, :1])
    within_y = (ys >= start[:, 1:]) & (ys < far[:, 1:])
    return within_y[:, :, None] & within_x[:, None, :]


def uncut(masks: BoolArray, labelled: list[BoolArray]) -> BoolArray:
    """Without what takes a part of a labelled thing and a part of what is beside it."""
    for thing in labelled:
        both = (masks & thing).sum((1, 2))
        share = both / np.maximum(1, np.minimum(masks.sum((1, 2)), thing.sum()))
        masks = masks[(share < 0.1) | (share > 0.9)]
    return masks


def label_maps(masks: BoolArray, size: tuple[int, ...]) -> list[npt.NDArray[np.uint8]]:
    """Each mask goes to the first map on which it covers, and is covered by, little."""
    maps = [np.zeros(size, np.uint8) for _ in range(MAPS)]
    for number, mask in enumerate(masks, 1):
        for drawn in maps:
            if np.count_nonzero(drawn[mask]) < 0.05 * np.count_nonzero(mask):
                drawn[mask & (drawn == 0)] = number
                break
    return [drawn for drawn in maps if drawn.any()]


def chosen(data: Path, kinds: list[str], limit: int | None) -> list[ImageSample]:
    """Stills of the training part, and of clips every sixth frame."""
    reader, problems = open_data(data), Problems("skip")
    clips = {clip.name for clip in reader.clips(problems)}
    samples: list[ImageSample] = []
    for kind in kinds:
        own = [s for s in reader.images(problems) if s.kind == kind and split(s.name) == "train"]
        own = own[::EVERY] if any(s.name.rsplit("_", 1)[0] in clips for s in own) else own
        samples += own[:limit]
    return samples


def files(teacher: Teacher, samples: list[ImageSample]) -> Iterator[tuple[str, bytes]]:
    """Names and contents; a picture on which nothing is found is left out."""
    for done, sample in enumerate(samples):
        image, labels = sample.load_image(), sample.load_labels()
        known = [object_mask(labels, key) for key in objects_in(labels)] if labels else []
        masks = uncut(teacher(image), [each for each in known if each.shape == image.shape[:2]])
        maps = label_maps(masks, image.shape[:2])
        if done % 100 == 0:
            print(f"{done} of {len(samples)}: {len(masks)} things on {sample.name}", flush=True)
        if not maps:
            continue
        name = train_name("self", sample.name)
        yield f"{name}.webp", packed(image, "WEBP", quality=92)
        for number, drawn in enumerate(maps):
            yield f"{name}.{number}.png", packed(drawn, "PNG")


def packed(pixels: npt.NDArray[np.uint8], form: str, **options: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, form, **options)
    return out.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kinds", default="coco,photo,bsds,davis,human,cat,car")
    parser.add_argument("--part", default="0/1", help="which of how many, for several at once")
    parser.add_argument("--limit", type=int, help="pictures of each kind at most")
    given = parser.parse_args()
    part, parts = map(int, given.part.split("/"))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        teacher = Teacher(load_model(given.model), device)
        samples = chosen(given.data, given.kinds.split(","), given.limit)[part::parts]
        held = io.BytesIO()
        with tarfile.open(fileobj=held, mode="w") as tar:
            for name, content in files(teacher, samples):
                add_file(tar, name, content)
        given.out.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(given.out, held.getvalue())
    except (DataError, ModelError) as error:
        raise SystemExit(str(error)) from error
    print(f"{given.out}: {held.tell() / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
