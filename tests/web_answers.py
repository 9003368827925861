"""What the engine on ONNX Runtime makes of one picture, verb by verb: the browser's is held to it.

python tests/web_answers.py MODEL_FOLDER OUT.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from splitmask.engine.ort import OrtEngine
from splitmask.types import ByteArray, Features, FloatArray, Recollection

STEP = 37  # every 37th number of an answer is kept


def picture(width: int, height: int) -> ByteArray:
    """(H, W, 3): slopes, black beside white, and a pattern that repeats nowhere."""
    y, x = np.mgrid[:height, :width]
    planes = (x * 7 + y * 3, ((x // 3 + y // 2) % 2) * 255, x * x * 31 + y * y * 17 + x * y * 11)
    return np.stack([plane % 256 for plane in planes], axis=2).astype(np.uint8)


def sample(array: FloatArray) -> list[float]:
    return [float(f"{x:.6g}") for x in np.asarray(array, np.float32).reshape(-1)[::STEP]]


def decoded(engine: OrtEngine, features: Features, *prompt: FloatArray) -> tuple[FloatArray, dict[str, Any]]:
    found = engine.decode(features, *prompt)
    fields = ("masks", "ious", "presence", "pointers")
    return found.masks, {name: sample(getattr(found, name)) for name in fields}


def verbs(engine: OrtEngine) -> dict[str, Any]:
    """Two objects: a click in and one out, and a box; remembered, recalled and decoded again."""
    side = engine.preset.image_size
    features = engine.encode(picture(90, 60))
    points = np.array([[[0.4, 0.5], [0.8, 0.2]], [[0.1, 0.3], [0.6, 0.9]]], np.float32) * np.float32(side)
    labels = np.array([[1, 0], [2, 3]], np.float32)
    masks, first = decoded(engine, features, points, labels)
    binarize, presence = np.array([1, 0], np.float32), np.array([2, -1], np.float32)
    memories = engine.remember(features, masks[:, :1], binarize, presence)
    pointers = [np.linspace(-1, k, engine.preset.dim, dtype=np.float32) for k in range(3)]
    recalled = engine.recall(
        features,
        [
            Recollection(
                ((memories[0], 0), (memories[1], 1)), tuple((p, k / 15) for k, p in enumerate(pointers))
            ),
            Recollection(((memories[1], 0),), ((pointers[2], -0.2),)),
        ],
    )
    nothing = np.zeros((2, 1, 2), np.float32), np.full((2, 1), -1, np.float32)
    _, tracked = decoded(engine, recalled, *nothing, np.clip(masks[:, 1:2], -32, 32))
    _, plain = decoded(engine, engine.unconditioned(features), points, labels)
    arrays = engine.to_arrays(features)
    return {
        "step": STEP,
        "features": {
            "imageEmbed": sample(arrays.image_embed),
            "highRes0": sample(arrays.high_res_feats_0),
            "highRes1": sample(arrays.high_res_feats_1),
        },
        "clicked": first,
        "memories": [sample(memory.map) for memory in memories],
        "tracked": tracked,
        "unconditioned": plain,
    }


def write_verbs(folder: Path, out: Path) -> None:
    answers = {"weightsSha256": OrtEngine(folder).weights_sha256, **verbs(OrtEngine(folder, threads=1))}
    out.write_text(json.dumps(answers, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    write_verbs(Path(sys.argv[1]), Path(sys.argv[2]))
