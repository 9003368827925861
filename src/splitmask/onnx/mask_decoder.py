"""`decode` as a graph: features of a frame and prompts → masks, scores, pointers.

The same numbers as `model.mask_decoder` for less; how is said in `onnx.two_way`. Two graphs share the work
where the same frame is clicked again and again: `decode_prepare` does once what depends on the frame alone,
`decode_prepared` the rest at every click.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from splitmask.onnx.builder import PLAIN, FloatArray, Graph, Value
from splitmask.onnx.form import MASKS, Form
from splitmask.onnx.layers import mlp
from splitmask.onnx.positions import fourier_map
from splitmask.onnx.prompt_encoder import GAUSSIAN, mask_tokens, no_mask, point_tokens
from splitmask.onnx.two_way import AWAY, DECODER, ImageSide, image_side, transformer
from splitmask.onnx.upscale import in_cells, upscaled, upscaled_cells, whole
from splitmask.presets import Preset

# tokens of the decoder itself: presence, IoU, the masks, and the padding point that training knew
OWN = 3 + MASKS


def mask_decoder(preset: Preset, state: Mapping[str, FloatArray], form: Form = PLAIN) -> Graph:
    g = Graph("mask_decoder", state, form, form.sizes(preset))
    c, side, mask = preset.dim, preset.grid, preset.mask_size
    embed = g.input("image_embed", ("images", c, side, side))
    high_res_0 = g.input("high_res_feats_0", (1, c // 8, 4 * side, 4 * side))
    high_res_1 = g.input("high_res_feats_1", (1, c // 4, 2 * side, 2 * side))
    coords = g.input("point_coords", ("objects", "points", 2), exact=True)
    labels = g.input("point_labels", ("objects", "points"), exact=True)
    mask_input = g.input("mask_input", ("objects", 1, mask, mask))
    has_mask = g.input("has_mask_input", ("objects",), exact=True)

    tokens = g.concat((_own_tokens(has_mask), point_tokens(coords, labels, preset.image_size)), axis=1)
    image = embed.reshape(0, c, side * side).transpose(0, 2, 1) + mask_tokens(mask_input, has_mask)
    place, surplus = fourier_map(g, GAUSSIAN, side), _surplus(labels, form)
    tokens, image = transformer(preset, tokens, image, place, surplus)
    score, iou, of_masks = _split_tokens(tokens)
    fine = upscaled(image.transpose(0, 2, 1).reshape(0, c, side, side), high_res_0, high_res_1)
    masks = _hypernetworks(of_masks, c) @ fine.reshape(0, c // 8, mask * mask)
    _answer(preset, form, masks, score, iou, of_masks)
    return g


def decode_prepare(preset: Preset, state: Mapping[str, FloatArray], form: Form = PLAIN) -> Graph:
    """What the decoder makes of a frame alone, if there is no mask in the prompt."""
    g = Graph("decode_prepare", state, form, form.sizes(preset))
    c, side, heads = preset.dim, preset.grid, preset.decoder_heads
    cells, d = side * side, preset.dim // preset.decoder_heads // 2
    embed = g.input("image_embed", (1, c, side, side))
    high_res_0 = g.input("high_res_feats_0", (1, c // 8, 4 * side, 4 * side))
    high_res_1 = g.input("high_res_feats_1", (1, c // 4, 2 * side, 2 * side))
    image = embed.reshape(0, c, cells).transpose(0, 2, 1) + no_mask(g)
    made = image_side(preset, image, fourier_map(g, GAUSSIAN, side))
    g.output("image_tokens", image, (1, cells, c))
    g.output("keyed_tokens", made.keyed, (1, cells, c))
    g.output("image_keys", made.keys, (1, heads, d, cells))
    g.output("image_values", made.values, (1, heads, cells, d))
    g.output("cells_0", in_cells(high_res_0, side, 2), (1, 4 * cells, c // 2))
    g.output("cells_1", in_cells(high_res_1, side, 1), (1, cells, c))
    return g


def decode_prepared(preset: Preset, state: Mapping[str, FloatArray], form: Form = PLAIN) -> Graph:
    """`mask_decoder` without a mask in the prompt, from what `decode_prepare` made."""
    g = Graph("decode_prepared", state, form, form.sizes(preset))
    c, side, heads = preset.dim, preset.grid, preset.decoder_heads
    cells, d = side * side, preset.dim // preset.decoder_heads // 2
    image = g.input("image_tokens", (1, cells, c))
    keyed = g.input("keyed_tokens", (1, cells, c))
    keys = g.input("image_keys", (1, heads, d, cells))
    values = g.input("image_values", (1, heads, cells, d))
    cells_0 = g.input("cells_0", (1, 4 * cells, c // 2))
    cells_1 = g.input("cells_1", (1, cells, c))
    coords = g.input("point_coords", ("objects", "points", 2), exact=True)
    labels = g.input("point_labels", ("objects", "points"), exact=True)

    tokens = g.concat(
        (_own_tokens(labels.slice(0, 1, 1)), point_tokens(coords, labels, preset.image_size)), axis=1
    )
    ready, place = ImageSide(keyed, keys, values), fourier_map(g, GAUSSIAN, side)
    tokens, image = transformer(preset, tokens, image, place, _surplus(labels, form), ready)
    score, iou, of_masks = _split_tokens(tokens)
    fine = upscaled_cells(image, cells_0, cells_1, c)
    masks = _hypernetworks(of_masks, c) @ fine.transpose(0, 2, 1)
    _answer(preset, form, whole(masks, side), score, iou, of_masks)
    return g


def _answer(preset: Preset, form: Form, masks: Value, score: Value, iou: Value, of_masks: Value) -> None:
    """masks (b, 4, M·M) and tokens → outputs."""
    g, side = masks.graph, preset.mask_size * form.upscale
    ious = mlp(iou, f"{DECODER}.iou_prediction_head", 3).sigmoid().reshape(-1, MASKS)
    presence = mlp(score, f"{DECODER}.pred_obj_score_head", 3).reshape(-1, 1)
    masks = masks.reshape(0, 0, preset.mask_size, preset.mask_size)
    if form.masks < MASKS:
        masks, ious, of_masks = (x.slice(MASKS - form.masks, MASKS, 1) for x in (masks, ious, of_masks))
    if form.upscale > 1:
        masks = g.op(
            "Resize",
            masks,
            Value(g, ""),
            Value(g, ""),
            np.array([side, side], np.int64),
            axes=[2, 3],
            mode="linear",
        )
    g.output("masks", masks, ("objects", form.masks, side, side))
    g.output("iou_predictions", ious, ("objects", form.masks))
    g.output("object_score_logits", presence, ("objects", 1))
    pointers = mlp(of_masks, "obj_ptr_proj", 3)
    g.output("object_pointer", pointers, ("objects", form.masks, preset.dim))


def _surplus(labels: Value, form: Form) -> Value | None:
    """What to add to the scores of tokens where their number is fixed: points labelled −2 are none. (b, n)
    with the tokens of the decoder itself first."""
    if form.points is None:
        return None
    g, away = labels.graph, (labels * -1.0 - 1.0).relu() * AWAY
    return g.concat((labels.slice(0, 1, 1) * np.zeros((1, OWN), np.float32), away), axis=1)


def _own_tokens(each: Value) -> Value:
    """each: a number for each object → (b, 7, c): presence, IoU, four masks, and the one padding point;
    order beyond that is free, for attention has no sense of it."""
    g = each.graph
    names = (f"{DECODER}.obj_score_token", f"{DECODER}.iou_token", f"{DECODER}.mask_tokens")
    own = g.concat(
        [g.param(f"{name}.weight") for name in (*names, "sam_prompt_encoder.not_a_point_embed")], axis=0
    )
    return each.reshape(-1, 1, 1) * 0.0 + own


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
