"""Memory attention of SAM 2: the features of a frame attend to what is remembered of an object."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from splitmask.model.layers import Attention
from splitmask.model.positions import rotary_table, rotate
from splitmask.presets import Preset


class MemoryAttentionLayer(nn.Module):
    def __init__(self, dim: int, memory_dim: int, mlp: int) -> None:
        super().__init__()
        self.self_attn = Attention(dim, heads=1)
        self.cross_attn_image = Attention(dim, heads=1, kv_dim=memory_dim)
        self.linear1 = nn.Linear(dim, mlp)
        self.linear2 = nn.Linear(mlp, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.norm3 = nn.LayerNorm(dim)

    def attend_self(self, x: Tensor, table: Tensor) -> Tensor:
        """x (b, hw, c) → the same; does not depend on any memory."""
        attn, normed = self.self_attn, self.norm1(x)
        q = rotate(attn.split_heads(attn.q_proj(normed)), table)
        k = rotate(attn.split_heads(attn.k_proj(normed)), table)
        return x + attn.attend(q, k, attn.split_heads(attn.v_proj(normed)))

    def project_keys(self, keys: Tensor, table: Tensor, pointers: int) -> Tensor:
        """Memory tokens with their positions (b, r·m + p, cm) → rotated keys; pointers are not turned."""
        k = self.cross_attn_image.k_proj(keys)
        b, n, c = k.shape
        spatial = k[:, : n - pointers].reshape(b, -1, table.shape[1], c)
        return torch.cat((rotate(spatial, table).reshape(b, n - pointers, c), k[:, n - pointers :]), dim=1)

    def forward(
        self,
        x: Tensor,
        keys: Tensor,
        values: Tensor,
        pointers: int,
        tables: tuple[Tensor, Tensor],
        bias: Tensor | None,
    ) -> Tensor:
        x = self.attend_self(x, tables[0])
        attn = self.cross_attn_image
        q = rotate(attn.split_heads(attn.q_proj(self.norm2(x))), tables[0])
        k = attn.split_heads(self.project_keys(keys, tables[1], pointers))
        x = x + attn.attend(q, k, attn.split_heads(attn.v_proj(values)), bias)
        return x + torch.as_tensor(self.linear2(F.relu(self.linear1(self.norm3(x)))))


class MemoryAttention(nn.Module):
    """x (b, hw, c), position (1, hw, c), memory tokens (b, n, cm) of which the last `pointers` are
    pointer tokens, positions (b, n, cm), bias (b, 1, 1, n) → (b, hw, c)."""

    table_query: Tensor
    table_memory: Tensor

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            MemoryAttentionLayer(preset.dim, preset.memory_dim, preset.memory_mlp)
            for _ in range(preset.memory_layers)
        )
        self.norm = nn.LayerNorm(preset.dim)
        query = rotary_table(preset.dim, preset.grid)
        memory = rotary_table(preset.dim, preset.memory_grid, preset.memory_pool)
        self.register_buffer("table_query", query, persistent=False)
        self.register_buffer("table_memory", memory, persistent=False)

    def forward(
        self,
        x: Tensor,
        position: Tensor,
        memory: Tensor,
        memory_position: Tensor,
        pointers: int,
        bias: Tensor | None = None,
    ) -> Tensor:
        x = x + 0.1 * position
        keys = memory + memory_position
        for layer in self.layers:
            x = layer(x, keys, memory, pointers, (self.table_query, self.table_memory), bias)
        return torch.as_tensor(self.norm(x))
