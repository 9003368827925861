"""The four verbs on PyTorch."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import cast

import numpy as np
import torch
from torch import Tensor

from splitmask.engine.base import PolicyConstants
from splitmask.engine.finite import is_finite, not_finite
from splitmask.engine.preprocess import stretch
from splitmask.engine.torch_recall import CpuRecall, Remembered
from splitmask.errors import ModelError
from splitmask.model import Sam2
from splitmask.model.hiera import Hiera
from splitmask.model.mask_decoder import ImageSide
from splitmask.presets import Preset
from splitmask.types import ByteArray, Decoded, Features, FloatArray, Memory, Recollection

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(name: str = "auto") -> torch.device:
    """`auto`: CUDA, then Apple's MPS, then the CPU. Raises ModelError for one that is not here."""
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, is_here in here.items() if is_here))
    kind, _, index = name.partition(":")
    if not here.get(kind) or (index and not index.isdecimal()):
        usable = ", ".join(kind for kind, is_here in here.items() if is_here)
        raise ModelError(f"PyTorch has no device {name!r} here: choose one of auto, {usable}")
    if kind == "cuda" and index and int(index) >= torch.cuda.device_count():
        raise ModelError(f"there is no {name}: this machine has {torch.cuda.device_count()} CUDA devices")
    return torch.device(name)


def choose_dtype(name: str) -> torch.dtype:
    """`fp32`, `bf16` or `fp16`. Raises ModelError for another."""
    if name not in _DTYPES:
        raise ModelError(f"unknown dtype {name!r}: choose one of {', '.join(_DTYPES)}")
    return _DTYPES[name]


class TorchEngine:
    """A `Sam2` module in evaluation mode on one device.

    dtype: of the image encoder, the memory attention and what is remembered, where the time goes. Prompts
    and masks stay in float32: in half precision, points are off by pixels and the edges of masks with
    them. The model is cast in place and its weights are taken as they are now: make a new engine when
    they change. compile: the image encoder, by
    `torch.compile`, which takes a minute at the first frame and needs a C++ compiler.
    """

    def __init__(
        self,
        model: Sam2,
        device: str | torch.device = "auto",
        dtype: torch.dtype = torch.float32,
        weights_sha256: str = "",
        compile: bool = False,  # noqa: A002 - what PyTorch calls it
    ) -> None:
        self.device = choose_device(device) if isinstance(device, str) else device
        self.dtype = dtype
        self.model = _cast(model.eval(), self.device, dtype)
        self.weights_sha256 = weights_sha256
        scale = 1.0 / (255.0 * np.asarray(self.preset.std, np.float32))
        shift = -np.asarray(self.preset.mean, np.float32) / np.asarray(self.preset.std, np.float32)
        self._scale = torch.from_numpy(scale.reshape(1, 3, 1, 1)).to(self.device)
        self._shift = torch.from_numpy(shift.reshape(1, 3, 1, 1)).to(self.device)
        with torch.inference_mode():
            self._prepare()
        self._encode = torch.compile(self.model.encode) if compile else self.model.encode

    def _prepare(self) -> None:
        """What depends on nothing but the weights."""
        model, side = self.model, self.preset.grid
        trunk = model.image_encoder.trunk
        self._position: Tensor | None = None
        if isinstance(trunk, Hiera):
            self._position = trunk.position(4 * side, 4 * side).contiguous()
        self._grid = model.sam_prompt_encoder.pe_layer.grid(side)
        self._no_mask = model.sam_prompt_encoder.no_mask_embed.weight.reshape(1, -1, 1, 1)
        self._cpu_recall = CpuRecall(model) if self.device.type == "cpu" else None
        self._image_sides: weakref.WeakKeyDictionary[Features, ImageSide] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    @property
    def max_prompted(self) -> int:
        return -1

    def _is_plain(self) -> bool:
        """Not under autocast, whose types what is kept would outlive."""
        return not torch.is_autocast_enabled(self.device.type)

    @property
    def preset(self) -> Preset:
        return self.model.preset

    @property
    def description(self) -> str:
        dtype = str(self.dtype).removeprefix("torch.")
        return f"{self.preset.name} · torch {torch.__version__.split('+')[0]} · {self.device} {dtype}"

    @property
    def constants(self) -> PolicyConstants:
        down = self.model.mask_downsample
        assert down.bias is not None
        return PolicyConstants(
            no_obj_ptr=_numpy(self.model.no_obj_ptr[0]),
            mask_downsample_weight=_numpy(down.weight[0, 0]),
            mask_downsample_bias=float(down.bias.detach()[0]),
        )

    def _tensor(self, array: FloatArray) -> Tensor:
        return _from_numpy(np.ascontiguousarray(array, np.float32)).to(self.device)

    @torch.inference_mode()
    def encode(self, image: ByteArray) -> Features:
        square = _from_numpy(stretch(image, self.preset.image_size)).to(self.device)
        x = square.permute(2, 0, 1)[None].float() * self._scale + self._shift
        return self.encode_batch(x)[0]

    def encode_batch(self, images: Tensor) -> list[Features]:
        """Normalised images (b, 3, S, S) on any device → features of each."""
        maps = self._encode(images.to(self.device, self.dtype), self._position)
        return [
            Features(embed[None], fine[None], middle[None]) for fine, middle, embed in zip(*maps, strict=True)
        ]

    def _mixed(self) -> AbstractContextManager[object]:
        """For what runs in `dtype` on values of float32."""
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    @torch.inference_mode()
    def recall(self, features: Features, recollections: Sequence[Recollection]) -> Features:
        if self._cpu_recall is not None and self._is_plain():
            embed = self._cpu_recall(features, [self._remembered(each) for each in recollections])
        else:
            inputs = self._padded(recollections)
            with self._mixed():
                embed = self.model.recall(cast(Tensor, features.image_embed), *inputs)
        return Features(embed.float(), features.high_res_feats_0, features.high_res_feats_1)

    def _remembered(self, recollection: Recollection) -> Remembered:
        pointers, times = np.zeros((0, self.preset.dim), np.float32), np.zeros(0, np.float32)
        if recollection.pointers:
            pointers = np.stack([pointer for pointer, _ in recollection.pointers])
            times = np.array([dt for _, dt in recollection.pointers], np.float32)
        maps = torch.stack([cast(Tensor, memory.map) for memory, _ in recollection.memories])
        slots = [slot for _, slot in recollection.memories]
        return Remembered(maps, slots, self._tensor(pointers), torch.from_numpy(times))

    def _padded(self, recollections: Sequence[Recollection]) -> tuple[Tensor, ...]:
        """Inputs of `Sam2.recall` after image_embed; shorter recollections are padded and biased away."""
        b, preset = len(recollections), self.preset
        r = max(len(x.memories) for x in recollections)
        p = max(len(x.pointers) for x in recollections)
        tpos = np.zeros((b, r, preset.num_memories), np.float32)
        biases = np.full((b, r), -1e4, np.float32), np.full((b, p), -1e4, np.float32)
        pointers, dts = np.zeros((b, p, preset.dim), np.float32), np.zeros((b, p), np.float32)
        maps: list[Tensor] = []
        for i, each in enumerate(recollections):
            kept = [cast(Tensor, memory.map).to(self.device) for memory, _ in each.memories]
            maps.append(torch.stack(kept + kept[:1] * (r - len(kept))))
            for j, (_, slot) in enumerate(each.memories):
                tpos[i, j, slot], biases[0][i, j] = 1.0, 0.0
            for j, (pointer, dt) in enumerate(each.pointers):
                pointers[i, j], dts[i, j], biases[1][i, j] = pointer, dt, 0.0
        full = not biases[0].any() and not biases[1].any()
        memory_bias, pointer_bias = (None, None) if full else tuple(self._tensor(x) for x in biases)
        rest = self._tensor(pointers), torch.from_numpy(dts).to(self.device), pointer_bias
        return torch.stack(maps), self._tensor(tpos), memory_bias, *rest  # type: ignore[return-value]

    @torch.inference_mode()
    def decode(
        self, features: Features, points: FloatArray, labels: FloatArray, mask_input: FloatArray | None = None
    ) -> Decoded:
        mask = None if mask_input is None else self._tensor(mask_input)
        decoded = self.decode_tensors(features, self._tensor(points), self._tensor(labels), mask)
        masks, ious, presence, pointers = (_numpy(x) for x in decoded)
        answer = Decoded(masks, ious, presence[:, 0], pointers)
        if not is_finite(answer):
            why = f"the weights are damaged, or {self.description} does not hold such numbers"
            raise not_finite(answer, self.to_arrays(features), f"{why}; try fp32, or fetch the model again")
        return answer

    def decode_tensors(
        self, features: Features, points: Tensor | None, labels: Tensor | None, mask: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """`decode` on tensors of this device: masks (b, 4, M, M), ious (b, 4), presence (b, 1),
        pointers (b, 4, c). Without points and labels the decoder gets no prompt token at all."""
        model, prompts = self.model, self.model.sam_prompt_encoder
        if points is None or labels is None:
            sparse = self._grid.new_zeros(1 if mask is None else len(mask), 0, self.preset.dim)
        else:
            sparse = prompts.points(points.float(), labels.float())
        dense = self._no_mask if mask is None else prompts.mask_downscaling(mask)
        masks, ious, presence, tokens = model.sam_mask_decoder(
            cast(Tensor, features.image_embed),
            self._grid,
            sparse,
            dense,
            (features.high_res_feats_0, features.high_res_feats_1),
            self._image_side(features) if mask is None and self._is_plain() else None,
        )
        return masks, ious, presence, model.obj_ptr_proj(tokens)

    def _image_side(self, features: Features) -> ImageSide:
        """The decoder's first projections of an image: computed at its first prompt, then kept with it."""
        with self._lock:
            side = self._image_sides.get(features)
        if side is None:
            embed = cast(Tensor, features.image_embed)
            side = self.model.sam_mask_decoder.project_image(embed, self._grid, self._no_mask)
            with self._lock:
                self._image_sides[features] = side
        return side

    @torch.inference_mode()
    def remember(
        self, features: Features, mask_logits: FloatArray, binarize: FloatArray, presence: FloatArray
    ) -> list[Memory]:
        arrays = (mask_logits, binarize, presence.reshape(-1, 1))
        return self.remember_tensors(features, *(self._tensor(a) for a in arrays))

    def remember_tensors(
        self, features: Features, mask_logits: Tensor, binarize: Tensor, presence: Tensor
    ) -> list[Memory]:
        """`remember` on tensors of this device; presence (b, 1)."""
        maps = self.model.remember(features.image_embed, mask_logits, binarize, presence)
        return [Memory(each) for each in maps.to(self.dtype)]

    @torch.inference_mode()
    def unconditioned(self, features: Features) -> Features:
        embed = features.image_embed - self.model.no_mem_embed.reshape(1, -1, 1, 1)
        return Features(embed, features.high_res_feats_0, features.high_res_feats_1)

    def to_arrays(self, features: Features) -> Features:
        maps = features.image_embed, features.high_res_feats_0, features.high_res_feats_1
        return Features(*map(_numpy, maps))

    def from_arrays(self, features: Features) -> Features:
        maps = features.image_embed, features.high_res_feats_0, features.high_res_feats_1
        return Features(*map(self._tensor, maps))


def _cast(model: Sam2, device: torch.device, dtype: torch.dtype) -> Sam2:
    """The image encoder, with what it ends in, and the memory attention, but for its angles."""
    attention, decoder = model.memory_attention, model.sam_mask_decoder
    model.to(device, torch.float32)
    tables = attention.table_query, attention.table_memory
    for module in (model.image_encoder, decoder.conv_s0, decoder.conv_s1, attention):
        module.to(dtype)
    attention.table_query, attention.table_memory = tables
    return model


def _from_numpy(array: ByteArray | FloatArray) -> Tensor:
    # PyTorch knows no read-only tensors
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _numpy(x: Tensor) -> FloatArray:
    return x.detach().float().cpu().numpy()
