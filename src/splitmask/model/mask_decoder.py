"""Mask decoder of SAM 2: a two-way transformer over prompt tokens and the image, then four masks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from splitmask.model.layers import Attention, LayerNorm2d, Mlp
from splitmask.presets import Preset

# keys and values of an image for the tokens, and its queries of them: (1|b, heads, hw, d) each
ImageSide = tuple[Tensor, Tensor, Tensor]


class TwoWayBlock(nn.Module):
    """Tokens attend to themselves and to the image, the image attends to the tokens."""

    def __init__(self, dim: int, heads: int, mlp: int, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attn = Attention(dim, heads)
        self.norm1 = nn.LayerNorm(dim)
        self.cross_attn_token_to_image = Attention(dim, heads, downsample=2)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, mlp, dim, 2)
        self.norm3 = nn.LayerNorm(dim)
        self.norm4 = nn.LayerNorm(dim)
        self.cross_attn_image_to_token = Attention(dim, heads, downsample=2)

    def project_image(self, image: Tensor, image_pe: Tensor) -> ImageSide:
        """What does not depend on the tokens: keys and values for them, and the image's own queries."""
        to_image, to_token = self.cross_attn_token_to_image, self.cross_attn_image_to_token
        keyed = image + image_pe
        return (
            to_image.split_heads(to_image.k_proj(keyed)),
            to_image.split_heads(to_image.v_proj(image)),
            to_token.split_heads(to_token.q_proj(keyed)),
        )

    def forward(
        self,
        tokens: Tensor,
        image: Tensor,
        token_pe: Tensor,
        image_pe: Tensor,
        image_side: ImageSide | None = None,
    ) -> tuple[Tensor, Tensor]:
        if self.first:
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            q = tokens + token_pe
            tokens = tokens + self.self_attn(q, q, tokens)
        tokens = self.norm1(tokens)
        b = len(tokens)
        k, v, q = (x.expand(b, -1, -1, -1) for x in image_side or self.project_image(image, image_pe))
        to_image, to_token = self.cross_attn_token_to_image, self.cross_attn_image_to_token
        own = to_image.split_heads(to_image.q_proj(tokens + token_pe))
        tokens = self.norm2(tokens + to_image.attend(own, k, v))
        tokens = self.norm3(tokens + self.mlp(tokens))
        keys = to_token.split_heads(to_token.k_proj(tokens + token_pe))
        values = to_token.split_heads(to_token.v_proj(tokens))
        image = self.norm4(image + to_token.attend(q, keys, values))
        return tokens, image


class TwoWayTransformer(nn.Module):
    def __init__(self, dim: int, heads: int, mlp: int, depth: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TwoWayBlock(dim, heads, mlp, first=i == 0) for i in range(depth))
        self.final_attn_token_to_image = Attention(dim, heads, downsample=2)
        self.norm_final_attn = nn.LayerNorm(dim)

    def forward(
        self, tokens: Tensor, image: Tensor, image_pe: Tensor, image_side: ImageSide | None = None
    ) -> tuple[Tensor, Tensor]:
        """tokens (b, n, c), image (1|b, hw, c), image_pe (1, hw, c) → both, updated. image_side: what the
        first layer's `project_image` gives, where it has been computed before."""
        token_pe = tokens
        for layer in self.layers:
            tokens, image = layer(tokens, image, token_pe, image_pe, image_side)
            image_side = None
        attended = self.final_attn_token_to_image(tokens + token_pe, image + image_pe, image)
        return self.norm_final_attn(tokens + attended), image


class MaskDecoder(nn.Module):
    def __init__(self, preset: Preset, masks: int = 4) -> None:
        super().__init__()
        dim = preset.dim
        self.transformer = TwoWayTransformer(dim, preset.decoder_heads, preset.decoder_mlp)
        self.iou_token = nn.Embedding(1, dim)
        self.mask_tokens = nn.Embedding(masks, dim)
        self.obj_score_token = nn.Embedding(1, dim)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(dim, dim // 4, kernel_size=2, stride=2),
            LayerNorm2d(dim // 4),
            nn.GELU(),
            nn.ConvTranspose2d(dim // 4, dim // 8, kernel_size=2, stride=2),
            nn.GELU(),
        )
        self.conv_s0 = nn.Conv2d(dim, dim // 8, kernel_size=1)
        self.conv_s1 = nn.Conv2d(dim, dim // 4, kernel_size=1)
        self.output_hypernetworks_mlps = nn.ModuleList(Mlp(dim, dim, dim // 8, 3) for _ in range(masks))
        self.iou_prediction_head = Mlp(dim, preset.iou_hidden, masks, 3)
        self.pred_obj_score_head = Mlp(dim, dim, 1, 3)

    def upscale(self, image: Tensor, high_res_0: Tensor, high_res_1: Tensor) -> Tensor:
        """(b, c, h, w) → (b, c/8, 4h, 4w)."""
        up1, norm, act1, up2, act2 = self.output_upscaling
        return torch.as_tensor(act2(up2(act1(norm(up1(image) + high_res_1))) + high_res_0))

    def project_image(self, image: Tensor, image_pe: Tensor, dense: Tensor) -> ImageSide:
        """What depends on the image alone, to be computed once for many prompts without a mask: dense
        (1, c, 1, 1) is then the same for all of them."""
        first = self.transformer.layers[0]
        assert isinstance(first, TwoWayBlock)
        return first.project_image(_tokens(image + dense), _tokens(image_pe))

    def forward(
        self,
        image: Tensor,
        image_pe: Tensor,
        sparse: Tensor,
        dense: Tensor,
        high_res: tuple[Tensor, Tensor],
        image_side: ImageSide | None = None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """image (1|b, c, h, w), sparse (b, n, c), dense (1|b, c, h, w), high_res (1|b, …) →
        masks (b, 4, M, M), ious (b, 4), presence (b, 1), mask tokens (b, 4, c)."""
        b, _, c = sparse.shape
        own = torch.cat((self.obj_score_token.weight, self.iou_token.weight, self.mask_tokens.weight))
        tokens = torch.cat((own.expand(b, -1, -1), sparse), dim=1)
        src = image + dense
        h, w = src.shape[-2:]
        hs, src = self.transformer(tokens, _tokens(src), _tokens(image_pe), image_side)
        upscaled = self.upscale(src.transpose(1, 2).reshape(b, c, h, w), *high_res)
        mask_tokens = hs[:, 2 : 2 + self.mask_tokens.num_embeddings]
        hyper = torch.stack(
            [m(mask_tokens[:, i]) for i, m in enumerate(self.output_hypernetworks_mlps)], dim=1
        )
        masks = (hyper @ upscaled.flatten(2)).reshape(b, -1, *upscaled.shape[-2:])
        ious = torch.sigmoid(self.iou_prediction_head(hs[:, 1]))
        return masks, ious, self.pred_obj_score_head(hs[:, 0]), mask_tokens


def _tokens(x: Tensor) -> Tensor:
    """(b, c, h, w) → (b, hw, c)."""
    return x.flatten(2).transpose(1, 2)
