"""`decode` as a graph: features of a frame and prompts → masks, scores, pointers.

The same numbers as `model.mask_decoder` for less: where a handful of tokens meets the whole image, the
tokens are carried into the image's channels and not the image into the heads', so that no map is
projected, split into heads or turned over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from splitmask.onnx.builder import FloatArray, Graph, Storage, Value
from splitmask.onnx.layers import layer_norm, linear, mlp, transposed
from splitmask.onnx.positions import fourier_map
from splitmask.onnx.prompt_encoder import GAUSSIAN, mask_tokens, point_tokens
from splitmask.onnx.upscale import upscaled
from splitmask.presets import Preset

DECODER = "sam_mask_decoder"
MASKS = 4


def mask_decoder(preset: Preset, state: Mapping[str, FloatArray], storage: Storage = "fp32") -> Graph:
    g = Graph("mask_decoder", state, storage)
    c, side, mask = preset.dim, preset.grid, preset.mask_size
    embed = g.input("image_embed", ("images", c, side, side))
    high_res_0 = g.input("high_res_feats_0", (1, c // 8, 4 * side, 4 * side))
    high_res_1 = g.input("high_res_feats_1", (1, c // 4, 2 * side, 2 * side))
    coords = g.input("point_coords", ("objects", "points", 2))
    labels = g.input("point_labels", ("objects", "points"))
    mask_input = g.input("mask_input", ("objects", 1, mask, mask))
    has_mask = g.input("has_mask_input", ("objects",))

    tokens = g.concat((_own_tokens(has_mask, c), point_tokens(coords, labels, preset.image_size)), axis=1)
    image = embed.reshape(0, c, side * side).transpose(0, 2, 1) + mask_tokens(mask_input, has_mask)
    tokens, image = _transformer(preset, tokens, image, fourier_map(g, GAUSSIAN, side))
    score, iou, of_masks = _split_tokens(tokens)
    fine = upscaled(image.transpose(0, 2, 1).reshape(0, c, side, side), high_res_0, high_res_1)
    masks = _hypernetworks(of_masks, c) @ fine.reshape(0, c // 8, mask * mask)
    ious = mlp(iou, f"{DECODER}.iou_prediction_head", 3).sigmoid().reshape(-1, MASKS)
    presence = mlp(score, f"{DECODER}.pred_obj_score_head", 3).reshape(-1, 1)
    g.output("masks", masks.reshape(0, 0, mask, mask), ("objects", MASKS, mask, mask))
    g.output("iou_predictions", ious, ("objects", MASKS))
    g.output("object_score_logits", presence, ("objects", 1))
    g.output("object_pointer", mlp(of_masks, "obj_ptr_proj", 3), ("objects", MASKS, c))
    return g


def _own_tokens(has_mask: Value, c: int) -> Value:
    """(b, 7, c): presence, IoU, four masks, and the one padding point; order beyond that is free, for
    attention has no sense of it."""
    g = has_mask.graph
    names = (f"{DECODER}.obj_score_token", f"{DECODER}.iou_token", f"{DECODER}.mask_tokens")
    own = g.concat(
        [g.param(f"{name}.weight") for name in (*names, "sam_prompt_encoder.not_a_point_embed")], axis=0
    )
    return has_mask.reshape(-1, 1, 1) * 0.0 + own


def _split_tokens(tokens: Value) -> tuple[Value, Value, Value]:
    return tokens.slice(0, 1, 1), tokens.slice(1, 2, 1), tokens.slice(2, 2 + MASKS, 1)


def _hypernetworks(tokens: Value, c: int) -> Value:
    """tokens (b, 4, c), each through its own three layers → (b, 4, c/8)."""
    g, x = tokens.graph, tokens.reshape(0, MASKS, 1, c)
    for layer in range(3):
        names = [f"{DECODER}.output_hypernetworks_mlps.{i}.layers.{layer}" for i in range(MASKS)]
        weight = np.stack([g.state[f"{name}.weight"].T for name in names])
        bias = np.stack([g.state[f"{name}.bias"][None] for name in names])
        x = x @ g.weight(weight, f"{names[0]}.weight") + g.weight(bias, f"{names[0]}.bias")
        x = x.relu() if layer < 2 else x
    return x.reshape(0, MASKS, c // 8)


def _transformer(preset: Preset, tokens: Value, image: Value, place: Value) -> tuple[Value, Value]:
    """tokens (b, n, c), image (b, hw, c), place (hw, c) → both, updated."""
    name, heads, asked = f"{DECODER}.transformer", preset.decoder_heads, tokens
    for i in range(2):
        layer = f"{name}.layers.{i}"
        if i == 0:
            tokens = _attention(tokens, tokens, f"{layer}.self_attn", heads)
        else:
            tokens = tokens + _attention(tokens + asked, tokens, f"{layer}.self_attn", heads)
        tokens = layer_norm(tokens, f"{layer}.norm1")
        keyed = image + place
        seen = _from_image(tokens + asked, keyed, image, f"{layer}.cross_attn_token_to_image", heads)
        tokens = layer_norm(tokens + seen, f"{layer}.norm2")
        tokens = layer_norm(tokens + mlp(tokens, f"{layer}.mlp", 2), f"{layer}.norm3")
        told = _to_image(keyed, tokens + asked, tokens, f"{layer}.cross_attn_image_to_token", heads)
        image = layer_norm(image + told, f"{layer}.norm4")
    final = _from_image(tokens + asked, image + place, image, f"{name}.final_attn_token_to_image", heads)
    return layer_norm(tokens + final, f"{name}.norm_final_attn"), image


def _heads(x: Value, heads: int) -> Value:
    """(b, n, heads·d) → (b, heads, n, d)."""
    return x.reshape(0, 0, heads, -1).transpose(0, 2, 1, 3)


def _scaled(x: Value, name: str, heads: int) -> Value:
    """A projection to queries, with the scale of the scores folded in."""
    g = x.graph
    scale = 1 / math.sqrt(g.state[f"{name}.bias"].shape[0] / heads)
    return x @ (g.param(f"{name}.weight", transposed) * scale) + g.param(f"{name}.bias") * scale


def _attention(keyed: Value, values: Value, name: str, heads: int) -> Value:
    """Tokens (b, n, c) to themselves."""
    q = _heads(_scaled(keyed, f"{name}.q_proj", heads), heads)
    k = _heads(linear(keyed, f"{name}.k_proj"), heads)
    v = _heads(linear(values, f"{name}.v_proj"), heads)
    out = (q @ k.transpose(0, 1, 3, 2)).softmax() @ v
    return linear(_merged(out), f"{name}.out_proj")


def _merged(x: Value) -> Value:
    """(b, heads, n, d) → (b, n, heads·d)."""
    return x.transpose(0, 2, 1, 3).reshape(0, 0, -1)


def _per_head(g: Graph, name: str, heads: int, out: bool = False) -> Value:
    """The weight of a projection to heads (heads·d, c), or from them (c, heads·d), as (heads, d, c)."""

    def split(weight: FloatArray) -> FloatArray:
        weight = weight.T if out else weight
        return weight.reshape(heads, -1, weight.shape[1])

    return g.param(f"{name}.weight", split)


def _from_image(tokens: Value, keyed: Value, image: Value, name: str, heads: int) -> Value:
    """Tokens (b, n, c) attend to the image (b, hw, c). A bias of the keys adds the same to all scores of a
    token and so nothing."""
    g, c = tokens.graph, image.graph.state[f"{name}.out_proj.bias"].shape[0]
    q = _heads(_scaled(tokens, f"{name}.q_proj", heads), heads)
    q = (q @ _per_head(g, f"{name}.k_proj", heads)).reshape(0, -1, c)  # (b, heads·n, c)
    attended = (q @ keyed.transpose(0, 2, 1)).softmax() @ image
    v = attended.reshape(0, heads, -1, c) @ _per_head(g, f"{name}.v_proj", heads).transpose(0, 2, 1)
    return linear(_merged(v) + g.param(f"{name}.v_proj.bias"), f"{name}.out_proj")


def _to_image(keyed: Value, tokens: Value, values: Value, name: str, heads: int) -> Value:
    """The image (b, hw, c) attends to tokens (b, n, c) → (b, hw, c)."""
    g, c = tokens.graph, keyed.graph.state[f"{name}.out_proj.bias"].shape[0]
    k = _heads(linear(tokens, f"{name}.k_proj"), heads)
    inner = g.state[f"{name}.q_proj.bias"].shape[0]
    scale = 1 / math.sqrt(inner / heads)
    keys = (k @ (_per_head(g, f"{name}.q_proj", heads) * scale)).reshape(0, -1, c)
    query_bias = g.state[f"{name}.q_proj.bias"].reshape(heads, -1, 1) * np.float32(scale)
    scores = keyed @ keys.transpose(0, 2, 1) + (k @ query_bias).reshape(0, 1, -1)
    weights = scores.reshape(0, 0, heads, -1).softmax().reshape(0, 0, -1)
    v = _heads(linear(values, f"{name}.v_proj"), heads) @ _per_head(g, f"{name}.out_proj", heads, out=True)
    return weights @ v.reshape(0, -1, c) + g.param(f"{name}.out_proj.bias")
