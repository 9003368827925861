"""Points, box corners and a mask → tokens, inside the decoder's graph."""

from __future__ import annotations

import numpy as np

from splitmask.onnx.builder import Graph, Value
from splitmask.onnx.layers import conv, gelu, layer_norm_2d, transposed
from splitmask.onnx.positions import fourier

PROMPTS = "sam_prompt_encoder"
GAUSSIAN = f"{PROMPTS}.pe_layer.positional_encoding_gaussian_matrix"


def point_tokens(coords: Value, labels: Value, image_size: int) -> Value:
    """coords (b, n, 2) in S×S pixels, labels (b, n) → (b, n, c).

    A label picks its embedding by arithmetic, for web runtimes lack kernels that do it by booleans.
    """
    g = coords.graph
    kinds = np.array([-1, 0, 1, 2, 3], np.float32)
    picked = (1.0 - g.op("Abs", labels.reshape(0, 0, 1) - kinds)).relu()
    names = ("not_a_point_embed", *(f"point_embeddings.{i}" for i in range(4)))
    table = g.concat([g.param(f"{PROMPTS}.{name}.weight") for name in names], axis=0)
    place = fourier((coords + 0.5) * (1.0 / image_size), GAUSSIAN)
    return place * (1.0 - picked.slice(0, 1, 2)) + picked @ table


def mask_tokens(mask: Value, has_mask: Value) -> Value:
    """mask (b, 1, M, M) logits, has_mask (b,) 1 or 0 → (b, hw, c), to be added to the image's."""
    g, name = mask.graph, f"{PROMPTS}.mask_downscaling"
    for i in (0, 3):
        mask = conv(mask, f"{name}.{i}", strides=[2, 2], kernel_shape=[2, 2])
        mask = gelu(layer_norm_2d(mask, f"{name}.{i + 1}"))
    weight = g.param(f"{name}.6.weight", lambda w: transposed(w[:, :, 0, 0]))
    channels = g.state[f"{name}.6.weight"].shape[1]
    none = no_mask(g)
    cells = mask.reshape(0, channels, -1).transpose(0, 2, 1)
    given = cells @ weight + (g.param(f"{name}.6.bias") - none)
    return given * has_mask.reshape(-1, 1, 1) + none


def no_mask(g: Graph) -> Value:
    """What is added to the image's tokens if there is no mask, (1, c)."""
    return g.param(f"{PROMPTS}.no_mask_embed.weight")
