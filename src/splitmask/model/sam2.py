"""SAM 2 as four stateless verbs (Ravi et al. 2024, "SAM 2: Segment Anything in Images and Videos").

Parameter names are those of the official checkpoints, so they load without a table of renames. Each
verb has the signature of its ONNX graph (docs/graphs.md); float tensors only.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from splitmask.model.encoder import ImageEncoder
from splitmask.model.layers import Mlp
from splitmask.model.mask_decoder import MaskDecoder
from splitmask.model.memory_attention import MemoryAttention
from splitmask.model.memory_encoder import MemoryEncoder
from splitmask.model.positions import sine_1d, sine_map
from splitmask.model.prompt_encoder import PromptEncoder
from splitmask.presets import Preset


class Sam2(nn.Module):
    position: Tensor
    memory_position: Tensor
    no_obj_embed_spatial: Tensor | None

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.preset = preset
        c, cm = preset.dim, preset.memory_dim
        self.image_encoder = ImageEncoder(preset)
        self.sam_prompt_encoder = PromptEncoder(c, preset.image_size)
        self.sam_mask_decoder = MaskDecoder(preset)
        self.memory_encoder = MemoryEncoder(preset)
        self.memory_attention = MemoryAttention(preset)
        self.mask_downsample = nn.Conv2d(1, 1, kernel_size=4, stride=4)
        self.obj_ptr_proj = Mlp(c, c, c, 3)
        self.obj_ptr_tpos_proj = nn.Linear(c, cm) if preset.pointer_tpos else None
        self.maskmem_tpos_enc = nn.Parameter(torch.randn(preset.num_memories, 1, 1, cm) * 0.02)
        self.no_mem_embed = nn.Parameter(torch.randn(1, 1, c) * 0.02)
        # in every official checkpoint; no path of inference reads it
        self.no_mem_pos_enc = nn.Parameter(torch.randn(1, 1, c) * 0.02)
        self.no_obj_ptr = nn.Parameter(torch.randn(1, c) * 0.02)
        spatial = nn.Parameter(torch.randn(1, cm) * 0.02) if preset.no_obj_embed_spatial else None
        self.register_parameter("no_obj_embed_spatial", spatial)
        self.register_buffer("position", sine_map(c, preset.grid), persistent=False)
        self.register_buffer("memory_position", sine_map(cm, preset.memory_grid), persistent=False)

    def _no_mem(self) -> Tensor:
        return self.no_mem_embed.reshape(1, -1, 1, 1)

    def encode(self, image: Tensor, position: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """image (b, 3, S, S), normalised → high_res_feats_0 (b, c/8, S/4, S/4),
        high_res_feats_1 (b, c/4, S/8, S/8), image_embed (b, c, S/16, S/16) with `no_mem_embed`.
        position: of `Hiera.position`, where it has been computed before."""
        decoder = self.sam_mask_decoder
        high_res_0, high_res_1, coarse = self.image_encoder(image, decoder.conv_s0, decoder.conv_s1, position)
        return high_res_0, high_res_1, coarse + self._no_mem()

    def decode(
        self,
        image_embed: Tensor,
        high_res_feats_0: Tensor,
        high_res_feats_1: Tensor,
        point_coords: Tensor,
        point_labels: Tensor,
        mask_input: Tensor,
        has_mask_input: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """→ masks (b, 4, M, M), iou_predictions (b, 4), object_score_logits (b, 1),
        object_pointer (b, 4, c). Points (b, n, 2) in S×S space; one −1 token is appended here."""
        prompt = self.sam_prompt_encoder
        masks, ious, presence, tokens = self.sam_mask_decoder(
            image_embed,
            prompt.pe_layer.grid(self.preset.grid).to(image_embed.dtype),
            prompt.points(point_coords, point_labels),
            prompt.mask(mask_input, has_mask_input),
            (high_res_feats_0, high_res_feats_1),
        )
        return masks, ious, presence, self.obj_ptr_proj(tokens)

    def remember(
        self, image_embed: Tensor, mask_logits: Tensor, binarize: Tensor, object_score_logits: Tensor
    ) -> Tensor:
        """image_embed (1|b, c, h, w) from `encode`, mask_logits (b, 1, k, k), binarize (b,), presence
        (b, 1) → memory (b, cm, h', w')."""
        side = self.preset.image_size // self.preset.memory_mask_stride
        if mask_logits.shape[-1] != side:
            mask_logits = F.interpolate(mask_logits, size=(side, side), mode="bilinear", align_corners=False)
        hard = binarize.reshape(-1, 1, 1, 1)
        mask = hard * (mask_logits > 0).to(mask_logits.dtype) + (1 - hard) * torch.sigmoid(mask_logits)
        scale, shift = self.preset.memory_mask_scale
        mask = (mask * scale + shift).to(image_embed.dtype)
        memory = self.memory_encoder(image_embed - self._no_mem(), mask)
        if self.no_obj_embed_spatial is not None:
            absent = (object_score_logits <= 0).to(memory.dtype).reshape(-1, 1, 1, 1)
            memory = memory + absent * self.no_obj_embed_spatial.reshape(1, -1, 1, 1)
        return torch.as_tensor(memory)

    def memory_tokens(self, memory: Tensor, memory_tpos: Tensor) -> tuple[Tensor, Tensor]:
        """memory (b, r, cm, h', w'), memory_tpos (b, r, slots) one-hot → tokens and their positions,
        both (b, r·h'·w', cm)."""
        b, _, cm = memory.shape[:3]
        tokens = memory.flatten(3).transpose(2, 3)
        # slot 0 is a prompted frame, slot k the k-th latest other; checkpoints keep slot 0 last
        table = self.maskmem_tpos_enc.reshape(-1, cm)
        time = memory_tpos @ torch.cat((table[-1:], table[:-1]))
        place = self.memory_position.flatten(1).transpose(0, 1)
        positions = time[:, :, None, :] + place
        return tokens.reshape(b, -1, cm), positions.reshape(b, -1, cm)

    def pointer_tokens(self, pointers: Tensor, pointer_dt: Tensor) -> tuple[Tensor, Tensor]:
        """pointers (b, p, c), pointer_dt (b, p) divided signed times → tokens and positions, both
        (b, p·c/cm, cm): each pointer is cut into c/cm tokens that share a position."""
        b, p, c = pointers.shape
        cm = self.preset.memory_dim
        tokens = pointers.reshape(b, p * (c // cm), cm)
        if self.obj_ptr_tpos_proj is None:
            return tokens, torch.zeros_like(tokens)
        time = self.obj_ptr_tpos_proj(sine_1d(pointer_dt, c).to(pointers.dtype))
        return tokens, time.repeat_interleave(c // cm, dim=1)

    def recall(
        self,
        image_embed: Tensor,
        memory: Tensor,
        memory_tpos: Tensor,
        memory_bias: Tensor | None,
        pointers: Tensor,
        pointer_dt: Tensor,
        pointer_bias: Tensor | None,
    ) -> Tensor:
        """image_embed (1|b, c, h, w) from `encode`, memory (b, r, cm, h', w'), memory_tpos (b, r, 7),
        memory_bias (b, r), pointers (b, p, c), pointer_dt (b, p), pointer_bias (b, p) →
        image_embed (b, c, h, w) to be decoded. Biases are added to the scores; None for all zeros."""
        b, cm = memory.shape[0], self.preset.memory_dim
        tokens, positions = self.memory_tokens(memory, memory_tpos)
        pointer_tokens, pointer_positions = self.pointer_tokens(pointers, pointer_dt)
        bias = None
        if memory_bias is not None and pointer_bias is not None:
            cells = self.preset.memory_grid**2
            parts = (
                memory_bias.repeat_interleave(cells, dim=1),
                pointer_bias.repeat_interleave(self.preset.dim // cm, dim=1),
            )
            bias = torch.cat(parts, dim=1)[:, None, None, :]
        x = (image_embed - self._no_mem()).flatten(2).transpose(1, 2)
        out: Tensor = self.memory_attention(
            x.expand(b, -1, -1),
            self.position.flatten(1).transpose(0, 1)[None],
            torch.cat((tokens, pointer_tokens), dim=1),
            torch.cat((positions, pointer_positions), dim=1),
            pointer_tokens.shape[1],
            bias,
        )
        return out.transpose(1, 2).reshape(b, -1, self.preset.grid, self.preset.grid)
